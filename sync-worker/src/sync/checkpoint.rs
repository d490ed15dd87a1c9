//! Where an unfinished walk goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::resource::Resource;
use super::shortfall::Shortfall;
use super::trail::Trail;

/// Kept in `bondhu.sync_jobs.checkpoint`; an empty object is the start of a walk.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Checkpoint {
    /// Stamped on every row the walk sees; a complete walk sweeps what bears another.
    pub(super) walk: Uuid,
    /// Resources walked to their end, or given up.
    #[serde(default)]
    pub(super) done: Vec<&'static Resource>,
    /// The last id of the last part of the resource under way that was finished or given up.
    #[serde(default)]
    pub(super) part: String,
    /// The next page of the resource, or part, under way, in the provider's own terms.
    #[serde(default)]
    pub(super) next: Option<String>,
    /// How far along it the walk has come.
    #[serde(default)]
    pub(super) trail: Trail,
    /// What of the resource under way could not be read, by field.
    #[serde(default)]
    pub(super) lost: BTreeMap<String, u32>,
    /// Whether the resource under way was begun anew because its place was lost.
    #[serde(default)]
    pub(super) restarted: bool,
    /// Whether the provider has answered at all since the walk began.
    #[serde(default)]
    pub(super) answered: bool,
    /// What could not be brought, and why.
    #[serde(default)]
    pub(super) missing: Vec<Missing>,
}

/// A resource that could not be brought.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Missing {
    pub(super) resource: &'static Resource,
    /// Stable code of the failure.
    pub(super) code: String,
    /// For people.
    pub(super) sentence: String,
}

impl Checkpoint {
    /// Reads what is stored. What cannot be read starts a new walk: nothing is lost by
    /// reading pages again.
    pub(super) fn read(stored: serde_json::Value) -> Self {
        serde_json::from_value(stored).unwrap_or_else(|_| Self::start())
    }

    fn start() -> Self {
        Self {
            walk: Uuid::new_v4(),
            done: Vec::new(),
            part: String::new(),
            next: None,
            trail: Trail::default(),
            lost: BTreeMap::new(),
            restarted: false,
            answered: false,
            missing: Vec::new(),
        }
    }

    /// Whether the resource, or a part of it, could not be brought.
    pub(super) fn misses(&self, resource: &'static Resource) -> bool {
        self.missing
            .iter()
            .any(|missing| missing.resource == resource)
    }

    /// Notes why the resource is not all here; the first reason stays.
    pub(super) fn miss(&mut self, resource: &'static Resource, why: Shortfall) {
        if !self.misses(resource) {
            self.missing.push(Missing {
                resource,
                code: why.code().to_owned(),
                sentence: why.sentence(resource.provider.display_name()),
            });
        }
    }

    /// The list under way is walked from its beginning.
    pub(super) fn restart(&mut self) {
        self.next = None;
        self.trail = Trail::default();
    }

    /// The resource under way is left, to be begun anew.
    pub(super) fn put_off(&mut self) {
        self.part.clear();
        self.restart();
        self.lost.clear();
        self.restarted = false;
    }

    /// The resource under way is finished, or given up.
    pub(super) fn finish(&mut self, resource: &'static Resource) {
        self.done.push(resource);
        self.put_off();
    }

    /// A part of it is: one id, or several joined with commas.
    pub(super) fn finish_part(&mut self, part: &str) {
        self.part = part.rsplit(',').next().unwrap_or_default().to_owned();
        self.restart();
        self.restarted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, Resource};
    use crate::sync::resources;
    use serde_json::json;

    fn resource(name: &str) -> &'static Resource {
        resources::named(name).unwrap()
    }

    #[test]
    fn a_checkpoint_survives_its_way_through_the_database() {
        let mut checkpoint = Checkpoint::read(json!({}));
        checkpoint.finish(resource("spotify.top_artists.short_term"));
        checkpoint.next = Some("page 2".into());
        let read = Checkpoint::read(serde_json::to_value(&checkpoint).unwrap());
        assert_eq!(
            (read.walk, read.done, read.next),
            (checkpoint.walk, checkpoint.done, checkpoint.next)
        );
    }

    #[test]
    fn a_part_of_many_is_over_at_its_last_id() {
        let mut checkpoint = Checkpoint::read(json!({}));
        checkpoint.finish_part("a,b,c");
        assert_eq!(checkpoint.part, "c");
        checkpoint.finish(resource("youtube.video_details"));
        assert_eq!(checkpoint.part, "");
    }

    #[test]
    fn what_an_older_version_left_starts_a_new_walk() {
        let checkpoint = Checkpoint::read(json!({"walk": "x", "done": ["spotify.gone"]}));
        assert!(checkpoint.done.is_empty() && checkpoint.next.is_none());
    }
}
