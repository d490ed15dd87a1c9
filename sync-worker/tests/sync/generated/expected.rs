//! What should be stored of an account's lists, written apart from what the worker does.

use chrono::{DateTime, Datelike as _, Utc};
use serde_json::{Value, json};

use super::{Account, Rows};

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.contains('\0') || text.trim().is_empty() => Value::Null,
        Some(text) => json!(text.chars().take(1_000).collect::<String>()),
        None => Value::Null,
    }
}

fn key(value: &Value) -> Option<String> {
    let key = value.as_str()?;
    let good =
        !key.is_empty() && key.len() < 256 && !key.contains('\0') && key.chars().any(|c| c != '.');
    good.then(|| key.to_owned())
}

fn number(value: &Value) -> Value {
    let good = value.as_i64().is_some_and(|n| (0..1 << 31).contains(&n));
    if good { value.clone() } else { Value::Null }
}

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    let at: DateTime<Utc> = value.as_str()?.parse().ok()?;
    (at.year() > 0 && at.year() < 10_000).then_some(at)
}

fn micros(value: &Value) -> Value {
    json!(instant(value).map(|at| at.timestamp_micros()))
}

fn names(list: &Value, field: &str) -> Vec<Value> {
    let named = list.as_array().into_iter().flatten();
    named
        .map(|of| text(if field.is_empty() { of } else { at(of, field) }))
        .filter(|name| !name.is_null())
        .collect()
}

fn genres(list: &Value) -> Value {
    match names(list, "") {
        names if names.is_empty() => Value::Null,
        names => json!(names),
    }
}

/// Id, name, artists and ISRC of what the catalogue has.
fn track(of: &Value) -> Option<(String, Value, Value, Value)> {
    if at(of, "/is_local") == &json!(true)
        || key(at(of, "/type")).is_some_and(|kind| kind != "track")
    {
        return None;
    }
    let name = Some(text(at(of, "/name"))).filter(|name| !name.is_null())?;
    let artists = json!(names(at(of, "/artists"), "/name"));
    Some((
        key(at(of, "/id"))?,
        name,
        artists,
        json!(key(at(of, "/external_ids/isrc"))),
    ))
}

fn titles(of: &Value) -> Vec<String> {
    let urls = names(at(of, "/topicDetails/topicCategories"), "");
    let title = |url: &Value| {
        let last = url.as_str()?.rsplit('/').next()?.to_owned();
        // The sampler's texts have these escapes and no others.
        let last = last
            .replace("%C3%A9", "é")
            .replace("%2e", ".")
            .replace('_', " ");
        Some(last.trim().to_owned()).filter(|title| !title.is_empty())
    };
    urls.iter().filter_map(title).collect()
}

pub(super) fn expected_spotify(account: &Account) -> Rows {
    let mut rows = Rows::new();
    for (list, items) in account {
        for (place, item) in items.iter().enumerate() {
            let row = match list.as_str() {
                "/me/player/recently-played" => {
                    track(at(item, "/track")).and_then(|(id, name, artists, isrc)| {
                        let played =
                            instant(at(item, "/played_at")).filter(|at| *at < Utc::now())?;
                        let context = key(at(item, "/context/uri"));
                        Some((
                            format!("play {} {id}", played.timestamp_micros()),
                            json!([
                                name,
                                artists,
                                isrc,
                                number(at(item, "/track/duration_ms")),
                                context
                            ]),
                        ))
                    })
                }
                "/me/following" => artist(item).map(|(id, name)| {
                    (
                        format!("library artist {id}"),
                        json!([name, [], genres(at(item, "/genres")), null, null]),
                    )
                }),
                "/me/albums" => artist(at(item, "/album")).map(|(id, name)| {
                    let artists = names(at(item, "/album/artists"), "/name");
                    let genres = genres(at(item, "/album/genres"));
                    (
                        format!("library album {id}"),
                        json!([name, artists, genres, null, micros(at(item, "/added_at"))]),
                    )
                }),
                "/me/tracks" => track(at(item, "/track")).map(|(id, name, artists, isrc)| {
                    (
                        format!("library track {id}"),
                        json!([name, artists, null, isrc, micros(at(item, "/added_at"))]),
                    )
                }),
                "/me/playlists" => key(at(item, "/id")).map(|id| {
                    let shared = at(item, "/collaborative").as_bool().unwrap_or(false);
                    let snapshot = key(at(item, "/snapshot_id"));
                    let total = number(at(item, "/items/total"));
                    (
                        format!("playlist {id}"),
                        json!([
                            text(at(item, "/name")),
                            key(at(item, "/owner/id")),
                            shared,
                            snapshot,
                            total
                        ]),
                    )
                }),
                top => {
                    let (kind, range) = top.trim_start_matches("/me/top/").split_once('?').unwrap();
                    let rank = place + 1;
                    if kind == "artists" {
                        artist(item).map(|(id, name)| {
                            (
                                format!("top artist {range} {rank}"),
                                json!([id, name, [], genres(at(item, "/genres")), null]),
                            )
                        })
                    } else {
                        track(item).map(|(id, name, artists, isrc)| {
                            (
                                format!("top track {range} {rank}"),
                                json!([id, name, artists, null, isrc]),
                            )
                        })
                    }
                }
            };
            rows.extend(row);
        }
    }
    rows
}

fn artist(of: &Value) -> Option<(String, Value)> {
    let name = Some(text(at(of, "/name"))).filter(|name| !name.is_null())?;
    Some((key(at(of, "/id"))?, name))
}

pub(super) fn expected_youtube(account: &Account) -> Rows {
    let mut rows = Rows::new();
    for (list, items) in account {
        for item in items {
            let row = match list.as_str() {
                "/subscriptions?mine" => key(at(item, "/snippet/resourceId/channelId")).map(|id| {
                    let since = micros(at(item, "/snippet/publishedAt"));
                    (
                        format!("subscription {id}"),
                        json!([text(at(item, "/snippet/title")), since]),
                    )
                }),
                "/videos?myRating" => key(at(item, "/id")).map(|id| {
                    let said = |name: &str| at(item, &format!("/snippet/{name}")).clone();
                    let row = json!([
                        text(&said("title")),
                        key(&said("channelId")),
                        text(&said("channelTitle")),
                        key(&said("categoryId")),
                        titles(item),
                        micros(&said("publishedAt")),
                    ]);
                    (format!("like {id}"), row)
                }),
                _ => key(at(item, "/id")).map(|id| {
                    let count = number(at(item, "/contentDetails/itemCount"));
                    (
                        format!("playlist {id}"),
                        json!([text(at(item, "/snippet/title")), count]),
                    )
                }),
            };
            rows.extend(row);
        }
    }
    rows
}
