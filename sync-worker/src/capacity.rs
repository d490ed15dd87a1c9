//! `capacity`: how many people the budgets carry, at which freshness, and what runs out first.

use std::fmt::Write as _;

use bondhu_core::planning::Cadence;
use bondhu_core::planning::capacity::{Budget, Freshness, LIBRARY_REQUESTS, PLAYS_REQUESTS};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::provider::Provider;

/// Fewer walks than these tell too little of what one takes.
const ENOUGH_SEEN: i64 = 30;

/// Shares of active people for which it is said how many are carried.
const ACTIVE_PERCENTS: [i64; 4] = [5, 10, 25, 100];

/// What one provider's budget carries.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Whose.
    pub provider: Provider,
    /// People whose account is linked and can be read.
    pub connected: i64,
    /// The budget, at what walks take here and the share of active people there is.
    pub budget: Budget,
    /// Accounts that were walked whole; with fewer than 30 what a walk takes is assumed.
    pub walked: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    provider: String,
    requests_a_day: i64,
    sync_interval_minutes: i32,
    library_interval_minutes: Option<i32>,
    retention_days: Option<i32>,
    connected: i64,
    walked: i64,
    active: i64,
    library_requests_hundredths: Option<i64>,
}

/// Reads what is configured and what was seen, of each provider that is switched on.
///
/// # Errors
/// When the database does not answer, or its migrations are older than this worker.
pub async fn read(database: &PgPool) -> Result<Vec<Capacity>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select s.provider, s.sync_interval_minutes, s.library_interval_minutes,
                s.requests_per_window::bigint * case s.quota_resets when 'rolling' then 86400 else 1 end
                  / case s.quota_resets when 'rolling' then s.window_seconds else 1 end as requests_a_day,
                case s.provider when 'youtube' then (select video_retention_days from bondhu.settings) end as retention_days,
                seen.connected, seen.walked, seen.active, seen.library_requests_hundredths
         from bondhu.provider_settings s
         cross join lateral (
           select count(*) as connected,
                  count(c.last_sync_at) as walked,
                  -- Whose interval was not stretched when it was last planned.
                  count(*) filter (where c.next_sync_at <= c.last_sync_at + make_interval(mins => s.sync_interval_minutes)) as active,
                  (avg(j.library_requests) filter (where c.last_sync_at is not null) * 100)::bigint as library_requests_hundredths
           from public.provider_connections c
           join bondhu.sync_jobs j on j.user_id = c.user_id and j.provider = c.provider
           where c.provider = s.provider and c.status not in ('disconnected', 'needs_reauth')
         ) seen
         where s.enabled
         order by s.provider",
    )
    .fetch_all(database)
    .await?;
    Ok(rows.into_iter().filter_map(Row::capacity).collect())
}

impl Row {
    /// `None`: a provider that this worker does not know.
    fn capacity(self) -> Option<Capacity> {
        let minutes = |minutes: i32| i64::from(minutes) * 60;
        let seen = self.walked >= ENOUGH_SEEN;
        Some(Capacity {
            provider: self.provider.parse().ok()?,
            connected: self.connected,
            walked: self.walked,
            budget: Budget {
                requests_a_day: self.requests_a_day,
                cadence: Cadence {
                    interval: minutes(self.sync_interval_minutes),
                    library_interval: self.library_interval_minutes.map(minutes),
                    retention: self.retention_days.map(|days| i64::from(days) * 86_400),
                },
                library_requests_hundredths: self
                    .library_requests_hundredths
                    .filter(|_| seen)
                    .unwrap_or(LIBRARY_REQUESTS * 100),
                active_percent: if seen {
                    (self.active * 100).div_euclid(self.walked.max(1)).min(100)
                } else {
                    10
                },
            },
        })
    }
}

impl Capacity {
    /// How many people are carried when so many in a hundred are active.
    #[must_use]
    pub fn carries(&self, active_percent: i64) -> i64 {
        let budget = Budget {
            active_percent,
            ..self.budget
        };
        budget.carries()
    }

    /// What those who are connected get; `None`: some data has to be deleted before it can be refreshed.
    #[must_use]
    pub fn freshness(&self) -> Option<Freshness> {
        self.budget.freshness(self.connected)
    }

    /// Whether what walks take here was seen, not assumed.
    #[must_use]
    pub const fn is_measured(&self) -> bool {
        self.walked >= ENOUGH_SEEN
    }

    fn json(&self) -> Value {
        let carries: Vec<Value> = ACTIVE_PERCENTS
            .iter()
            .map(|&percent| json!({"active_percent": percent, "people": self.carries(percent)}))
            .collect();
        json!({
            "provider": self.provider.name(),
            "requests_a_day": self.budget.requests_a_day,
            "plays_requests": self.budget.cadence.library_interval.map(|_| PLAYS_REQUESTS),
            "library_requests": self.budget.library_requests_hundredths as f64 / 100.0,
            "library_requests_are_measured": self.is_measured(),
            "carries": carries,
            "carries_by_term": self.budget.carries_by_term(),
            "connected": self.connected,
            "active_percent": self.budget.active_percent,
            "freshness": self.freshness().map(|fresh| json!({
                "active_seconds": fresh.active,
                "active_library_seconds": fresh.active_library,
                "away_seconds": fresh.away,
            })),
        })
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let budget = &self.budget;
        let name = self.provider.display_name();
        writeln!(
            text,
            "{name}: {} requests a day, a tenth of them kept for whoever asks",
            budget.requests_a_day
        )?;
        let how = if self.is_measured() {
            "measured"
        } else {
            "assumed: fewer than 30 accounts were walked"
        };
        let whole = budget.library_requests_hundredths as f64 / 100.0;
        match budget.cadence.library_interval {
            Some(_) => writeln!(
                text,
                "  a pull of plays takes {PLAYS_REQUESTS} request, of everything {whole:.1} ({how})"
            )?,
            None => writeln!(text, "  a pull takes {whole:.1} requests ({how})")?,
        }
        let Some(set) = budget.freshness(0) else {
            return Ok(());
        };
        writeln!(text, "  {}", sentence(set, budget.cadence))?;
        for percent in ACTIVE_PERCENTS {
            writeln!(
                text,
                "    with {percent:>3} % active: {:>9} people",
                self.carries(percent)
            )?;
        }
        match budget.carries_by_term() {
            Some(most) => writeln!(
                text,
                "  beyond that syncs come later, of who is active first; from {most} people on some data is deleted before it can be refreshed"
            )?,
            None => writeln!(text, "  beyond that syncs come later, everybody's alike")?,
        }
        let connected = format!(
            "  now {} {} linked ({} % active{}): ",
            self.connected,
            if self.connected == 1 {
                "account is"
            } else {
                "accounts are"
            },
            budget.active_percent,
            if self.is_measured() { "" } else { ", assumed" }
        );
        match self.freshness() {
            Some(fresh) => writeln!(text, "{connected}{}", sentence(fresh, budget.cadence)),
            None => writeln!(
                text,
                "{connected}too many; data of some is deleted before it can be refreshed"
            ),
        }
    }
}

fn sentence(fresh: Freshness, cadence: Cadence) -> String {
    let everything = match cadence.library_interval {
        Some(_) => format!(" (everything every {})", duration(fresh.active_library)),
        None => String::new(),
    };
    format!(
        "who is active is synced every {}{everything}, who is away for long every {}",
        duration(fresh.active),
        duration(fresh.away)
    )
}

/// A duration of two units at most, such as `1 d 6 h`.
pub(crate) fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (
        seconds / 86_400,
        seconds % 86_400 / 3_600,
        seconds % 3_600 / 60,
    );
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// What is printed for people.
#[must_use]
pub fn table(capacities: &[Capacity]) -> String {
    let mut text = String::new();
    for capacity in capacities {
        // Writing to a String cannot fail.
        let _ = capacity.write(&mut text);
    }
    text
}

/// What is printed for programs: an array, one object a provider; durations in seconds.
#[must_use]
pub fn json(capacities: &[Capacity]) -> Value {
    capacities.iter().map(Capacity::json).collect()
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_has_two_units_at_most() {
        let shown = [59, 60, 3_600, 5_400, 86_400, 97_200, 2_160_060].map(duration);
        assert_eq!(
            shown,
            [
                "0 min",
                "1 min",
                "1 h",
                "1 h 30 min",
                "1 d",
                "1 d 3 h",
                "25 d"
            ]
        );
    }
}
