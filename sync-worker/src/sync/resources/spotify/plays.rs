//! What was played lately: the provider keeps little of it, and not always in time.

use std::collections::BTreeMap;

use bondhu_core::retry::{Failure, RetryPolicy};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::track;
use crate::provider::Provider;
use crate::providers::{Answer, Item, Losses, spotify};
use crate::sync::fetched::{Fetched, Onward};
use crate::sync::outcome::SyncError;
use crate::sync::request::PageRequest;
use crate::sync::resource::{Depth, Resource, Statements};
use crate::sync::session::Session;
use crate::sync::trail::Sight;

pub(super) static RECENTLY_PLAYED: Resource = Resource {
    name: "spotify.recently_played",
    provider: Provider::Spotify,
    scopes: &["user-read-recently-played"],
    depth: Depth::Plays,
    page: |asked| Box::pin(asked.recently_played()),
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        // The subset is the newest play known, when what came is full and all of it is newer.
        insert: "
            with gap as (
              insert into public.listening_gaps (user_id, after_play, before_play)
              select $1, nullif($4, '')::timestamptz, min(played_at)
              from jsonb_to_recordset($2) as r (played_at timestamptz)
              having min(played_at) > nullif($4, '')::timestamptz
              on conflict do nothing
            )
            insert into public.listening_history
              (user_id, played_at, track_id, track_name, artist_names, isrc, duration_ms, context_uri)
            select $1, played_at, track_id, track_name, artist_names, isrc, duration_ms, context_uri
            from jsonb_to_recordset($2) as r (played_at timestamptz, track_id text, track_name text,
              artist_names text[], isrc text, duration_ms integer, context_uri text)
            on conflict (user_id, played_at, track_id) do nothing",
        touch: None,
        stale: None,
        id: "track_id",
        parts: None,
    },
};

/// Pages of recently played at most; the provider keeps one.
const MOST_PLAY_PAGES: usize = 10;

/// How far a play may be ahead of the database's clock.
const AHEAD: TimeDelta = TimeDelta::days(1);

impl PageRequest<'_> {
    /// All that the provider keeps, whatever is known: a device that was away tells of its plays
    /// when it is back, with the instants at which they were. Older pages are asked for until
    /// what is known is reached.
    async fn recently_played(&self) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let (known, now) = newest_play(self.session).await?;
        let (mut rows, mut items) = (Vec::new(), 0);
        let (mut next, mut lost) = (None, BTreeMap::new());
        for page in 1.. {
            let path = "/me/player/recently-played";
            let limit = self.changed_limit();
            let url = spotify::page_url(api, path, &[], next.as_deref(), limit)?;
            let answer = match api.get(url, self.bearer).await {
                // The pages before it are stored: the provider forgets them soon.
                Err(error)
                    if !rows.is_empty() && error.failure.policy() != RetryPolicy::Refresh =>
                {
                    return Ok(self.played(rows, Onward::Broken(error.failure), None, lost));
                }
                answer => answer?,
            };
            let (plays, onward) = self.plays(&answer, now + AHEAD, &mut lost);
            let barren = plays.is_empty();
            items += plays.len();
            rows.extend(plays.into_iter().flatten());
            let reached = barren || page == MOST_PLAY_PAGES || reaches(&rows, known);
            next = match onward {
                Onward::Page(onward) if !reached && next.as_ref() != Some(&onward) => Some(onward),
                Onward::Broken(failure) if !reached => {
                    return Ok(self.played(rows, Onward::Broken(failure), None, lost));
                }
                Onward::Page(_) | Onward::Broken(_) | Onward::End => break,
            };
            self.session.spend().await?;
        }
        // The provider keeps so many and no more: older ones may be lost.
        let gap = known.filter(|_| items >= spotify::PLAYS_KEPT && !reaches(&rows, known));
        Ok(self.played(rows, Onward::End, gap, lost))
    }

    /// The plays of a page at their places, and what follows them.
    fn plays(
        &self,
        answer: &Answer,
        latest: DateTime<Utc>,
        lost: &mut BTreeMap<&'static str, u32>,
    ) -> (Vec<Option<Value>>, Onward) {
        let losses = Losses::default();
        let page = answer.item(&losses);
        let (plays, onward) = match page.list("items", self.most_items()) {
            Ok(items) => (
                items.into_iter().map(|item| row(item?, latest)).collect(),
                spotify::next_page(self.session.api, page).into(),
            ),
            Err(_) => (Vec::new(), Onward::Broken(Failure::Malformed)),
        };
        for (field, times) in losses.into_counts() {
            *lost.entry(field).or_default() += times;
        }
        (plays, onward)
    }

    fn played(
        &self,
        rows: Vec<Value>,
        onward: Onward,
        gap_after: Option<DateTime<Utc>>,
        lost: BTreeMap<&'static str, u32>,
    ) -> Fetched {
        Fetched {
            subset: gap_after.map(|at| at.to_rfc3339()).unwrap_or_default(),
            lost,
            ..self.fetched(rows, onward, Sight::default(), Losses::default())
        }
    }
}

/// Whether a play is as old as the newest that was known.
fn reaches(plays: &[Value], known: Option<DateTime<Utc>>) -> bool {
    let at = |play: &Value| play["played_at"].as_str()?.parse::<DateTime<Utc>>().ok();
    known.is_some_and(|known| plays.iter().filter_map(at).any(|at| at <= known))
}

/// The newest play that can be true, and the database's clock.
async fn newest_play(
    session: &Session<'_>,
) -> Result<(Option<DateTime<Utc>>, DateTime<Utc>), sqlx::Error> {
    sqlx::query_as(
        "select (select max(played_at) from public.listening_history
                 where user_id = $1 and played_at <= now()), now()",
    )
    .bind(session.lease.owner.user)
    .fetch_one(session.database)
    .await
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-recently-played>
/// `latest`: no play is from after it, whatever the provider's clock says.
fn row(play: Item<'_>, latest: DateTime<Utc>) -> Option<Value> {
    let of = play.needed_object("track")?;
    let track = track(of)?;
    Some(json!({
        "played_at": play.needed_time("played_at", latest)?,
        "track_id": track["item_id"],
        "track_name": track["name"],
        "artist_names": track["artist_names"],
        "isrc": track["isrc"],
        "duration_ms": of.count("duration_ms"),
        "context_uri": play.object("context").and_then(|context| context.id("uri")),
    }))
}
