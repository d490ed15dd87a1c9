//! What a connection remembers of its resources between pulls: `bondhu.sync_jobs.resources`.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::resource::{Depth, Resource};

/// How long a resource that the provider does not give to this app is left alone.
const ASK_AGAIN: TimeDelta = TimeDelta::days(30);

/// What is known of one resource.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Known {
    /// When it was walked to its end, or refused.
    at: DateTime<Utc>,
    /// Whether the provider gives it to this app.
    offered: bool,
    /// Lists of it, by subset, that the last walk found empty while something of them is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    emptied: Vec<String>,
    /// What of it the last walk could not read, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    lost: BTreeMap<String, u32>,
}

impl Known {
    /// Walked to its end just now; `lost`: what of it could not be read.
    pub(super) fn walked(now: DateTime<Utc>, lost: BTreeMap<String, u32>) -> Self {
        Self {
            at: now,
            offered: true,
            lost,
            ..Self::default()
        }
    }

    /// Not walked to an end yet: due.
    pub(super) fn unsettled() -> Self {
        Self {
            offered: true,
            ..Self::default()
        }
    }

    fn is_unsettled(&self) -> bool {
        self.at == DateTime::<Utc>::default()
    }

    /// A list of it was found empty.
    pub(super) fn note_emptied(&mut self, subset: &str) {
        self.emptied.push(subset.to_owned());
    }

    /// Refused to this app just now.
    pub(super) fn not_offered(now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            ..Self::default()
        }
    }
}

/// What is known of a connection's resources, by name.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Knowledge(HashMap<String, Known>);

impl Knowledge {
    /// Reads what is stored. What cannot be read is as good as unknown: it is walked.
    pub(super) fn read(stored: serde_json::Value) -> Self {
        serde_json::from_value(stored).unwrap_or_default()
    }

    /// Whether a resource is walked now. `depth`: how much this pull brings.
    pub(super) fn is_due(
        &self,
        resource: &'static Resource,
        depth: Depth,
        now: DateTime<Utc>,
    ) -> bool {
        self.0.get(resource.name).is_none_or(|known| {
            if !known.offered {
                return now - known.at >= ASK_AGAIN;
            }
            known.is_unsettled() || depth == Depth::Library || resource.depth == Depth::Plays
        })
    }

    /// Whether the last walk, too, found a list empty.
    pub(super) fn was_emptied(&self, resource: &'static Resource, subset: &str) -> bool {
        self.0
            .get(resource.name)
            .is_some_and(|known| known.emptied.iter().any(|emptied| emptied == subset))
    }
}

#[cfg(test)]
mod tests {
    use super::{Depth, Knowledge, Known, TimeDelta, Utc};
    use crate::sync::resources;
    use serde_json::json;

    #[test]
    fn a_pull_of_plays_leaves_what_was_walked_once_and_one_of_everything_does_not() {
        let now = Utc::now();
        let top = resources::named("spotify.top_artists.long_term").unwrap();
        let plays = resources::named("spotify.recently_played").unwrap();
        assert!(Knowledge::default().is_due(top, Depth::Plays, now));
        let walked = Known::walked(now, std::collections::BTreeMap::new());
        let knowledge = Knowledge::read(json!({ top.name: walked, plays.name: walked }));
        assert!(!knowledge.is_due(top, Depth::Plays, now));
        assert!(knowledge.is_due(top, Depth::Library, now));
        assert!(knowledge.is_due(plays, Depth::Plays, now));
    }

    #[test]
    fn a_list_that_was_found_empty_is_walked_again_at_the_next_sync() {
        let top = resources::named("spotify.top_artists.long_term").unwrap();
        let mut known = Known::unsettled();
        known.note_emptied("artist.long_term");
        let knowledge = Knowledge::read(json!({ top.name: known }));
        assert!(knowledge.is_due(top, Depth::Plays, Utc::now()));
        assert!(knowledge.was_emptied(top, "artist.long_term"));
        assert!(!knowledge.was_emptied(top, "artist.short_term"));
    }

    #[test]
    fn what_is_not_offered_is_left_alone_for_a_month_also_when_asked_for() {
        let now = Utc::now();
        let features = resources::named("spotify.audio_features").unwrap();
        let refused = |at| Knowledge::read(json!({ features.name: Known::not_offered(at) }));
        assert!(!refused(now - TimeDelta::days(29)).is_due(features, Depth::Library, now));
        assert!(refused(now - TimeDelta::days(30)).is_due(features, Depth::Library, now));
    }
}
