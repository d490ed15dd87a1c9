//! Every field of every recorded body, spoilt in every way: what is not spoilt arrives, every list
//! is asked for, and once the provider is well again everything is as if nothing had been.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bondhu_standin::{StandinConfig, is_api};
use serde_json::{Value, json};
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;
use crate::puppet::{OWNER, Puppet, RecordedCall, list_name};

/// Ways to spoil a field. The last two are no JSON that can be written: see [`bytes`].
fn spoilt() -> Vec<Value> {
    vec![
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!(true),
        json!("a\0b"),
        json!("x".repeat(5_000)),
        json!(-1),
        json!(0.5),
        json!(9_223_372_036_854_775_807_i64),
        json!("0000-01-01T00:00:00Z"),
        json!([null, [null], 7]),
        json!("@CUT"),
        json!("@HUGE"),
    ]
}

/// A body as it goes over the wire.
fn bytes(body: &Value) -> Vec<u8> {
    let text = body.to_string();
    let text = text.replace("@CUT", "cut \\ud83d");
    text.replace("\"@HUGE\"", "-1e999").into_bytes()
}

/// One list, as recorded: its envelope, and an item to make others of.
#[derive(Clone, Debug)]
struct Recorded {
    envelope: Value,
    item: Value,
}

/// What a stand-in answers to a whole pull, one page of each list.
async fn recorded(provider: Provider) -> (Value, BTreeMap<String, Recorded>) {
    let world = World::with(StandinConfig {
        keep_answers: true,
        oddities: false,
        ..StandinConfig::default()
    })
    .await;
    world.linked(provider, 1).await;
    world.sync().await;
    let (mut lists, mut account) = (BTreeMap::new(), Value::Null);
    for request in world.standin.requests() {
        let Some(answer) = request.answer.filter(|_| is_api(&request.path)) else {
            continue;
        };
        let path = ["/spotify/v1", "/youtube/v3"]
            .iter()
            .find_map(|base| request.path.strip_prefix(base))
            .unwrap();
        // RecordedCall for when an account is linked, and not by pulls.
        if path == "/channels" && request.query.get("mine").is_some() {
            continue;
        }
        if path == "/me" {
            account = answer;
            account["id"] = json!(OWNER);
            continue;
        }
        let inner = answer.get("artists").unwrap_or(&answer);
        let whole = |item: &&Value| item.pointer("/track/id").unwrap_or(&json!("")).is_string();
        let items = inner["items"].as_array();
        let Some(item) = items.and_then(|items| items.iter().find(whole)) else {
            continue;
        };
        let name = list_name(path, |name| request.query.get(name));
        let recorded = Recorded {
            envelope: inner.clone(),
            item: item.clone(),
        };
        lists.entry(name).or_insert(recorded);
    }
    (account, lists)
}

/// The pointers to all fields of a value, the first of each list only.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, v)| (name.clone(), v)).collect(),
        Value::Array(list) => list
            .first()
            .map(|v| ("0".to_owned(), v))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let pointer = format!("{at}/{name}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

/// An item like the recorded one, which is another.
fn another(item: &Value, number: usize, id: Option<&str>) -> Value {
    let mut item = item.clone();
    for pointer in [
        "/id",
        "/track/id",
        "/album/id",
        "/item/id",
        "/snippet/resourceId/channelId",
        "/contentDetails/videoId",
    ] {
        if let Some(field) = item.pointer_mut(pointer) {
            *field = json!(id.map_or_else(|| format!("n{number:04}"), str::to_owned));
        }
    }
    if let Some(at) = item.get_mut("played_at") {
        *at = json!(format!(
            "2026-11-01T{:02}:{:02}:00Z",
            10 + number / 60,
            number % 60
        ));
    }
    // What is in the first one is asked for too.
    if let Some(owner) = item.pointer_mut("/owner/id") {
        *owner = json!(if number == 0 { OWNER } else { "another" });
    }
    item
}

/// The items of a list: the first and the last whole, and one for each field, which is spoilt there.
fn items(recorded: &Recorded, spoil: Option<&Value>, ids: &str) -> Vec<Value> {
    let mut fields = Vec::new();
    pointers(&recorded.item, "", &mut fields);
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    let count = if ids.is_empty() {
        fields.len() + 2
    } else {
        ids.len()
    };
    (0..count)
        .map(|number| {
            let mut item = another(&recorded.item, number, ids.get(number).copied());
            let field = fields
                .get(number.wrapping_sub(1))
                .filter(|_| number + 1 < count);
            if let (Some(spoil), Some(field)) = (spoil, field) {
                *item.pointer_mut(field).unwrap() = spoil.clone();
            }
            item
        })
        .collect()
}

/// What is spoilt of the answers to one person.
#[derive(Clone, Debug)]
enum Poison {
    /// Nothing.
    None,
    /// A field of each item but the first and the last.
    Items(Value),
    /// A field around the items of every list.
    Envelope(&'static str, Value),
}

fn body(
    provider: Provider,
    account: &Value,
    lists: &BTreeMap<String, Recorded>,
    poison: &Poison,
    asked: &RecordedCall,
) -> Option<Vec<u8>> {
    let spoil = match poison {
        Poison::Items(spoil) => Some(spoil),
        _ => None,
    };
    if asked.path == "/me" {
        let mut account = account.clone();
        if let Some(spoil) = spoil {
            account["account_id"] = spoil.clone();
            account["display_name"] = spoil.clone();
        }
        return Some(bytes(&account));
    }
    let recorded = lists.get(&asked.list())?;
    let ids = asked.get("id");
    let mut page = asked.page(provider, &items(recorded, spoil, ids));
    for (name, value) in recorded.envelope.as_object().unwrap() {
        // The recorded page has another after it; where this one ends it says so.
        let value = if name == "nextPageToken" {
            &Value::Null
        } else {
            value
        };
        page.as_object_mut()
            .unwrap()
            .entry(name)
            .or_insert(value.clone());
    }
    if let Poison::Envelope(pointer, spoil) = poison
        && let Some(field) = page.pointer_mut(pointer)
    {
        *field = spoil.clone();
    }
    if asked.path == "/me/following" {
        page = json!({ "artists": page });
    }
    Some(bytes(&page))
}

const TABLES: [(&str, &str); 9] = [
    ("public.listening_history", "user_id, fetched_at"),
    ("public.music_top_items", "user_id, fetched_at, walk_id"),
    ("public.music_library", "user_id, fetched_at, walk_id"),
    ("public.music_playlists", "user_id, fetched_at, walk_id"),
    (
        "public.music_playlist_items",
        "user_id, fetched_at, walk_id",
    ),
    (
        "public.video_subscriptions",
        "user_id, fetched_at, walk_id, topics_at",
    ),
    ("public.video_likes", "user_id, fetched_at, walk_id"),
    ("public.video_playlists", "user_id, fetched_at, walk_id"),
    (
        "public.video_playlist_items",
        "user_id, fetched_at, walk_id, details_at",
    ),
];

/// Everything that is stored of each person, without when.
async fn stored(world: &World) -> BTreeMap<Uuid, BTreeSet<String>> {
    let mut stored = BTreeMap::<Uuid, BTreeSet<String>>::new();
    for (table, without) in TABLES {
        let rows: Vec<(Uuid, String)> = sqlx::query_as(&format!(
            "select user_id, '{table} ' || (to_jsonb(t) - string_to_array('{without}', ', '))::text from {table} t"
        ))
        .fetch_all(&world.admin)
        .await
        .unwrap();
        for (user, row) in rows {
            stored.entry(user).or_default().insert(row);
        }
    }
    stored
}

async fn survives(provider: Provider, envelope: &[&'static str]) {
    let (account, lists) = recorded(provider).await;
    assert!(lists.len() >= 7, "{:?}", lists.keys());
    let world = World::new().await;
    let puppet = Puppet::new(&world, provider).await;

    let mut poisons = vec![Poison::None];
    poisons.extend(spoilt().into_iter().map(Poison::Items));
    for pointer in envelope {
        poisons.extend(
            spoilt()
                .into_iter()
                .map(|spoil| Poison::Envelope(pointer, spoil)),
        );
    }
    let users = puppet.link(&world, poisons.len()).await;
    let of: BTreeMap<Uuid, Poison> = users.iter().copied().zip(poisons).collect();
    let (of, lists) = (Arc::new(of), Arc::new(lists));
    {
        let (of, lists, account) = (Arc::clone(&of), Arc::clone(&lists), account.clone());
        puppet.says(move |asked| body(provider, &account, &lists, &of[&asked.user], asked));
    }
    puppet.sync(&world).await;

    let mut asked = BTreeMap::<Uuid, BTreeSet<String>>::new();
    for request in puppet.asked() {
        asked
            .entry(request.user)
            .or_default()
            .insert(request.list());
    }
    let first = stored(&world).await;
    let whole = &first[&users[0]];
    for (user, poison) in &*of {
        let status = world.status(*user, provider).await;
        assert!(
            ["ok", "partial"].contains(&status.as_str()),
            "{poison:?}: {status}"
        );
        for list in lists.keys().filter(|list| !hangs_on_another(list)) {
            assert!(
                asked[user].contains(list),
                "{poison:?}: {list} is not asked for"
            );
        }
        let Poison::Items(_) = poison else { continue };
        // The first and the last item of every list that does not hang on another.
        for row in whole.iter().filter(|row| is_of_a_whole_item(row)) {
            assert!(first[user].contains(row), "{poison:?}: lost {row}");
        }
    }

    // The provider is well again: everybody has everything, and nothing that was not there.
    {
        let (lists, account) = (Arc::clone(&lists), account.clone());
        puppet.says(move |asked| body(provider, &account, &lists, &Poison::None, asked));
    }
    puppet.sync(&world).await;
    sqlx::query("update public.video_playlist_items set details_at = null")
        .execute(&world.admin)
        .await
        .unwrap();
    sqlx::query("update public.video_subscriptions set topics_at = null")
        .execute(&world.admin)
        .await
        .unwrap();
    puppet.sync(&world).await;
    let healed = stored(&world).await;
    for (user, poison) in &*of {
        let standing = world.standing(*user, provider).await;
        assert_eq!(standing.status, "ok", "{poison:?}: {standing:?}");
        let difference: Vec<_> = healed[user]
            .symmetric_difference(&healed[&users[0]])
            .filter(|row| !row.starts_with("public.listening_history") && !was_shared_once(row))
            .take(4)
            .collect();
        assert!(difference.is_empty(), "{poison:?}: {difference:?}");
    }
}

/// Whether a list is asked for only where another says so, or once for everybody.
fn hangs_on_another(list: &str) -> bool {
    ["/items", "Items", "?id", "?regionCode"]
        .iter()
        .any(|part| list.contains(part))
}

/// Whether a row is in a playlist that was collaborative only while that was spoilt.
fn was_shared_once(row: &str) -> bool {
    row.starts_with("public.music_playlist_items") && !row.contains("\"playlist_id\": \"n0000\"")
}

/// Whether a row is of the first item of a list that does not hang on another.
fn is_of_a_whole_item(row: &str) -> bool {
    let hangs = ["_playlist_items", "_playlists"]
        .iter()
        .any(|table| row.contains(table));
    !hangs && row.contains("\"n0000\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_field_of_spotifys_costs_itself_and_nothing_else() {
    let envelope = ["/items", "/next", "/total", "/offset", "/cursors"];
    survives(Provider::Spotify, &envelope).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_field_of_youtubes_costs_itself_and_nothing_else() {
    let envelope = [
        "/items",
        "/nextPageToken",
        "/pageInfo",
        "/pageInfo/totalResults",
    ];
    survives(Provider::YouTube, &envelope).await;
}
