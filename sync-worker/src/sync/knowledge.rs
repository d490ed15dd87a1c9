//! What a connection remembers of its resources between pulls: `bondhu.sync_jobs.resources`.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::resource::Resource;

/// How long a resource that the provider does not give to this app is left alone.
const ASK_AGAIN: TimeDelta = TimeDelta::days(30);

/// What is known of one resource.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Known {
    /// When it was walked to its end, or refused.
    at: DateTime<Utc>,
    /// Whether the provider gives it to this app.
    offered: bool,
}

impl Known {
    /// Walked to its end just now.
    pub(super) fn walked(now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            offered: true,
        }
    }

    /// Refused to this app just now.
    pub(super) fn not_offered(now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            offered: false,
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

    /// Whether a resource is walked now. `requested`: the person asked for a sync.
    pub(super) fn is_due(&self, resource: Resource, requested: bool, now: DateTime<Utc>) -> bool {
        self.0.get(&resource.name()).is_none_or(|known| {
            let rest = match known.offered {
                true if requested => TimeDelta::zero(),
                true => resource.walked_every(),
                false => ASK_AGAIN,
            };
            now - known.at >= rest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Knowledge, Known, Resource, TimeDelta, Utc};
    use serde_json::json;

    #[test]
    fn what_changes_slowly_is_walked_once_a_day_and_at_once_when_asked_for() {
        let now = Utc::now();
        let top = Resource::TopArtistsLong;
        let knowledge = |known: Known| Knowledge::read(json!({ top.name(): known }));
        assert!(Knowledge::default().is_due(top, false, now));
        let fresh = knowledge(Known::walked(now - TimeDelta::hours(2)));
        assert!(!fresh.is_due(top, false, now) && fresh.is_due(top, true, now));
        assert!(knowledge(Known::walked(now - TimeDelta::hours(24))).is_due(top, false, now));
    }

    #[test]
    fn what_is_not_offered_is_left_alone_for_a_month_also_when_asked_for() {
        let now = Utc::now();
        let features = Resource::AudioFeatures;
        let refused = |at| Knowledge::read(json!({ features.name(): Known::not_offered(at) }));
        assert!(!refused(now - TimeDelta::days(29)).is_due(features, true, now));
        assert!(refused(now - TimeDelta::days(30)).is_due(features, false, now));
    }
}
