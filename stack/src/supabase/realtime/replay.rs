//! What was broadcast from the database before a channel was joined.

use axum::body::Bytes;
use chrono::{DateTime, NaiveDateTime};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::access::unreadable;
use super::authorization::Rights;
use super::connection::Connection;
use super::frame::{self, Body, UserBroadcast, Version};

/// The most that is replayed.
const MOST: i64 = 25;

/// A broadcast of then.
pub(super) type Missed = (Uuid, String, Option<Value>, Option<Vec<u8>>);

/// Reads what was sent to a private topic since a moment, oldest first.
///
/// # Errors
/// What the client is told.
pub(super) async fn missed(
    pool: &PgPool,
    topic: &str,
    rights: Option<Rights>,
    wish: &Value,
) -> Result<Vec<Missed>, String> {
    let unable = |why: &str| format!("UnableToReplayMessages: {why}");
    let Some(rights) = rights else {
        return Err(unable("Replay is not allowed for public channels"));
    };
    if rights.hear_broadcasts != Some(true) {
        return Err(format!("Unauthorized: {}", unreadable(topic)));
    }
    if !wish.is_object() {
        return Ok(Vec::new());
    }
    let limit = match &wish["limit"] {
        Value::Null => Some(MOST),
        limit => limit.as_i64(),
    };
    let since = wish["since"].as_i64();
    let since = since.and_then(DateTime::from_timestamp_millis);
    let (Some(limit), Some(since)) = (limit, since) else {
        return Err(unable("Replay params are not valid"));
    };
    let since: NaiveDateTime = since.naive_utc();
    let mut found: Vec<Missed> = sqlx::query_as(
        "select m.id, m.event, m.payload, m.binary_payload from realtime.messages m \
         where m.topic = $1 and m.private and m.extension = 'broadcast' and m.event is not null \
           and m.inserted_at >= $2 \
         order by m.inserted_at desc limit $3",
    )
    .bind(topic)
    .bind(since)
    .bind(limit.clamp(1, MOST))
    .fetch_all(pool)
    .await
    .map_err(|_| unable("Realtime was unable to replay messages"))?;
    found.reverse();
    Ok(found)
}

/// Tells a channel of a broadcast of then.
pub(super) fn push(connection: &mut Connection, topic: &str, missed: &Missed) {
    let (id, event, payload, binary) = missed;
    let meta = json!({ "replayed": true, "id": id });
    match (binary, connection.greeting.version) {
        (None, _) => {
            let payload =
                json!({ "type": "broadcast", "event": event, "payload": payload, "meta": meta });
            connection.tell(topic, "broadcast", &payload);
        }
        (Some(bytes), Version::Two) => {
            let broadcast = UserBroadcast {
                event: event.clone(),
                body: Body::Binary(Bytes::copy_from_slice(bytes)),
                meta: Some(meta),
            };
            if let Some(frame) = frame::user_broadcast(Version::Two, topic, &broadcast) {
                connection.send(frame);
            }
        }
        (Some(_), Version::One) => {}
    }
}
