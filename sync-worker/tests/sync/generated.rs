//! Whole pulls of answers that the providers' published descriptions allow, against what should be
//! stored of them, row by row. The expectation is written apart from what the worker does.

mod expected;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bondhu_standin::descriptions::Description;
use serde_json::{Value, json};
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;
use crate::puppet::{OWNER, Puppet};
use crate::sampled::Sampler;
use expected::{expected_spotify, expected_youtube};

/// People, each with an account of their own; every one is pulled twice.
const PEOPLE: usize = 150;

/// The lists of an account by the name that [`crate::puppet::RecordedCall::list`] gives them.
type Account = HashMap<String, Vec<Value>>;

/// Rows by table and key.
type Rows = BTreeMap<String, Value>;

/// List, described path, field that holds its page.
const SPOTIFY: [(&str, &str, Option<&str>); 11] = [
    (
        "/me/player/recently-played",
        "/me/player/recently-played",
        None,
    ),
    ("/me/top/artists?short_term", "/me/top/artists", None),
    ("/me/top/artists?medium_term", "/me/top/artists", None),
    ("/me/top/artists?long_term", "/me/top/artists", None),
    ("/me/top/tracks?short_term", "/me/top/tracks", None),
    ("/me/top/tracks?medium_term", "/me/top/tracks", None),
    ("/me/top/tracks?long_term", "/me/top/tracks", None),
    ("/me/following", "/me/following", Some("artists")),
    ("/me/albums", "/me/albums", None),
    ("/me/tracks", "/me/tracks", None),
    ("/me/playlists", "/me/playlists", None),
];
const YOUTUBE: [(&str, &str, Option<&str>); 3] = [
    ("/subscriptions?mine", "/youtube/v3/subscriptions", None),
    ("/videos?myRating", "/youtube/v3/videos", None),
    ("/playlists?mine", "/youtube/v3/playlists", None),
];

fn account(
    lists: &[(&str, &str, Option<&str>)],
    sampler: &mut Sampler<'_>,
    first: bool,
) -> Account {
    let mut account = Account::new();
    for &(name, template, within) in lists {
        // One is the fewest: what drops to nothing has a test of its own.
        // The provider keeps 50 plays: a second page of them there is in the first pull only.
        let most = match sampler.below(12) {
            0 if first || name != "/me/player/recently-played" => 70,
            0 => 50,
            _ => 5,
        };
        let length = 1 + sampler.below(most);
        let items = (0..length).map(|number| {
            let mut item = sampler.item(template, within);
            if sampler.below(3) == 0
                && let Some(owner) = item.pointer_mut("/owner/id")
            {
                *owner = json!(OWNER);
            }
            // Instants are few in the sampler; plays have one each.
            if item
                .get("played_at")
                .is_some_and(|at| at == "2026-11-01T10:15:00Z")
            {
                item["played_at"] = json!(format!(
                    "2026-11-01T10:{:02}:{:02}Z",
                    number / 60,
                    number % 60
                ));
            }
            item
        });
        account.insert(name.to_owned(), items.collect());
    }
    account
}

const MICROS: &str = "(extract(epoch from {}) * 1000000)::bigint";

fn stored_statements(provider: Provider) -> Vec<String> {
    let micros = |column: &str| MICROS.replace("{}", column);
    match provider {
        Provider::Spotify => vec![
            format!(
                "select user_id, 'play ' || {} || ' ' || track_id,
                   jsonb_build_array(track_name, artist_names, isrc, duration_ms, context_uri)
                 from public.listening_history",
                micros("played_at")
            ),
            "select user_id, 'top ' || kind || ' ' || time_range || ' ' || rank,
               jsonb_build_array(item_id, name, artist_names, genres, isrc) from public.music_top_items"
                .to_owned(),
            format!(
                "select user_id, 'library ' || kind || ' ' || item_id,
                   jsonb_build_array(name, artist_names, genres, isrc, {}) from public.music_library",
                micros("added_at")
            ),
            "select user_id, 'playlist ' || playlist_id,
               jsonb_build_array(name, owner_id, collaborative, snapshot_id, item_count)
             from public.music_playlists"
                .to_owned(),
        ],
        Provider::YouTube => vec![
            format!(
                "select user_id, 'subscription ' || channel_id, jsonb_build_array(title, {})
                 from public.video_subscriptions",
                micros("subscribed_at")
            ),
            format!(
                "select user_id, 'like ' || video_id,
                   jsonb_build_array(title, channel_id, channel_title, category_id, topics, {})
                 from public.video_likes",
                micros("published_at")
            ),
            "select user_id, 'playlist ' || playlist_id, jsonb_build_array(title, item_count)
             from public.video_playlists"
                .to_owned(),
        ],
    }
}

async fn stored(world: &World, provider: Provider) -> HashMap<Uuid, Rows> {
    let mut stored = HashMap::<Uuid, Rows>::new();
    for statement in stored_statements(provider) {
        let rows: Vec<(Uuid, String, Value)> = sqlx::query_as(&statement)
            .fetch_all(&world.admin)
            .await
            .unwrap();
        for (user, key, row) in rows {
            stored.entry(user).or_default().insert(key, row);
        }
    }
    stored
}

/// Pulls twice: what the second accounts no longer have is gone, but for plays, which are history.
async fn as_described(
    provider: Provider,
    description: Description,
    lists: &[(&str, &str, Option<&str>)],
    expected: fn(&Account) -> Rows,
) {
    let world = World::new().await;
    let puppet = Puppet::new(&world, provider).await;
    let users = puppet.link(&world, PEOPLE).await;
    let mut former = HashMap::<Uuid, Rows>::new();
    let mut compared = 0;
    for round in 0..2 {
        let accounts: HashMap<Uuid, Account> = users
            .iter()
            .zip(0..)
            .map(|(user, number)| {
                let mut sampler = Sampler::new(&description, round * 10_000 + number);
                (*user, account(lists, &mut sampler, round == 0))
            })
            .collect();
        let accounts = Arc::new(accounts);
        let answered = Arc::clone(&accounts);
        puppet.says(move |asked| {
            if asked.path == "/me" {
                return Some(json!({ "id": OWNER }).to_string().into_bytes());
            }
            let list = answered[&asked.user].get(&asked.list());
            let none = Vec::new();
            let mut page = asked.page(provider, list.unwrap_or(&none));
            if asked.path == "/me/following" {
                page = json!({ "artists": page });
            }
            Some(page.to_string().into_bytes())
        });
        puppet.sync(&world).await;
        let stored = stored(&world, provider).await;
        for (number, user) in users.iter().enumerate() {
            let standing = world.standing(*user, provider).await;
            assert_eq!(
                standing.status, "ok",
                "{number} in round {round}: {standing:?}"
            );
            let mut should = expected(&accounts[user]);
            let history = former.remove(user).unwrap_or_default();
            should.extend(
                history
                    .into_iter()
                    .filter(|(key, _)| key.starts_with("play ")),
            );
            let is = stored.get(user).cloned().unwrap_or_default();
            compared += should.len();
            for (key, row) in &should {
                assert_eq!(is.get(key), Some(row), "{number} in round {round}: {key}");
            }
            let more: Vec<_> = is.keys().filter(|key| !should.contains_key(*key)).collect();
            assert!(more.is_empty(), "{number} in round {round}: {more:?}");
            former.insert(*user, should);
        }
    }
    assert!(compared > 1_000, "{compared}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_spotifys_description_allows_is_stored_as_it_should_be() {
    let description = Description::spotify().unwrap();
    as_described(Provider::Spotify, description, &SPOTIFY, expected_spotify).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_youtubes_description_allows_is_stored_as_it_should_be() {
    let description = Description::youtube().unwrap();
    as_described(Provider::YouTube, description, &YOUTUBE, expected_youtube).await;
}
