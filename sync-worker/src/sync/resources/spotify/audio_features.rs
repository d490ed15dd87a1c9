//! Audio features, which only some apps are given. They are of tracks, not of a user: shared and
//! never swept.

use bondhu_core::retry::Failure;
use serde_json::{Value, json};

use crate::provider::Provider;
use crate::providers::{Item, Losses};
use crate::sync::fetched::{Fetched, Onward};
use crate::sync::outcome::SyncError;
use crate::sync::request::{MOST_UNPAGED, PageRequest};
use crate::sync::resource::{Depth, Parts, Resource, Statements};
use crate::sync::session::Session;
use crate::sync::trail::Sight;

pub(super) static AUDIO_FEATURES: Resource = Resource {
    name: "spotify.audio_features",
    provider: Provider::Spotify,
    scopes: &[],
    depth: Depth::Library,
    page: |asked| Box::pin(audio_features(asked)),
    is_paged: false,
    hides_items: false,
    is_optional: true,
    subset: "",
    statements: &Statements {
        insert: "
            insert into bondhu.track_features (track_id, energy, valence, danceability, acousticness)
            select distinct on (track_id) track_id, energy, valence, danceability, acousticness
            from jsonb_to_recordset($2) as r (track_id text, energy numeric, valence numeric,
              danceability numeric, acousticness numeric)
            where $1 is not null and $3 is not null and $4 is not null
            order by track_id
            on conflict (track_id) do update set
              energy = excluded.energy, valence = excluded.valence,
              danceability = excluded.danceability, acousticness = excluded.acousticness, fetched_at = now()",
        touch: None,
        stale: None,
        id: "track_id",
        // Features do not change: only tracks without are asked for.
        parts: Some(Parts {
            next: "
                select string_agg(unknown.item_id, ',' order by unknown.item_id)
                from (
                  select distinct t.item_id
                  from public.music_top_items t
                  where t.user_id = $1 and t.kind = 'track' and t.item_id > $2 and t.item_id not like '%,%'
                    and not exists (select from bondhu.track_features f where f.track_id = t.item_id)
                  order by t.item_id
                  limit 100
                ) unknown",
            finish: None,
            refused: Some(Failure::Refused),
            may_fail: false,
        }),
    },
};

async fn audio_features(asked: &PageRequest<'_>) -> Result<Fetched, SyncError> {
    let Session { api, .. } = asked.session;
    let url = api.url("/audio-features", &[("ids", asked.position.part)]);
    let answer = api.get(url, asked.bearer).await?;
    let losses = Losses::default();
    let known = answer.item(&losses).list("audio_features", MOST_UNPAGED);
    let known = known.unwrap_or_default().into_iter().flatten();
    let rows = known.filter_map(row).collect();
    Ok(asked.fetched(rows, Onward::End, Sight::default(), losses))
}

/// Each a share; without one of them there is nothing to reckon with.
/// <https://developer.spotify.com/documentation/web-api/reference/get-several-audio-features>
fn row(of: Item<'_>) -> Option<Value> {
    Some(json!({
        "track_id": of.needed_id("id")?,
        "energy": of.share("energy")?,
        "valence": of.share("valence")?,
        "danceability": of.share("danceability")?,
        "acousticness": of.share("acousticness")?,
    }))
}
