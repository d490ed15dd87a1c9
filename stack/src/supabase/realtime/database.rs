//! Broadcasts from the database: rows that `realtime.send()` and `realtime.broadcast_changes()` insert.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use serde_json::json;
use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::frame::{Body, UserBroadcast};
use super::hub::{Delivery, RoomName};
use super::{Realtime, closing};

/// How long to wait after the database has refused a connection.
const PAUSE: Duration = Duration::from_millis(500);

/// Passes what the database sends on to those who are joined, until the service ends.
///
/// # Errors
/// The database does not answer.
pub(super) async fn listen(realtime: &Arc<Realtime>) -> Result<()> {
    let mut listener = PgListener::connect_with(&realtime.pool).await?;
    listener.listen("realtime_messages").await?;
    let mut ending = realtime.closing.subscribe();
    let realtime = Arc::downgrade(realtime);
    tokio::spawn(async move {
        loop {
            let notification = tokio::select! {
                () = closing(&mut ending) => return,
                notification = listener.recv() => notification,
            };
            let Some(realtime) = realtime.upgrade() else {
                return;
            };
            match notification {
                Ok(notification) => {
                    if let Ok(id) = notification.payload().parse() {
                        // A row that cannot be read is lost, as one that Realtime missed.
                        pass_on(&realtime, id).await.ok();
                    }
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    });
    Ok(())
}

type Row = (
    String,
    Option<String>,
    Option<bool>,
    Option<String>,
    Option<Vec<u8>>,
);

async fn pass_on(realtime: &Realtime, id: Uuid) -> sqlx::Result<()> {
    let row: Option<Row> = sqlx::query_as(
        "select m.topic, m.event, m.private, m.payload::text, m.binary_payload \
         from realtime.messages m where m.id = $1",
    )
    .bind(id)
    .fetch_optional(&realtime.pool)
    .await?;
    let Some((topic, Some(event), Some(private), json, binary)) = row else {
        return Ok(());
    };
    let body = match (json, binary) {
        (_, Some(bytes)) => Body::Binary(Bytes::from(bytes)),
        (Some(text), None) => Body::Json(Bytes::from(text)),
        (None, None) => return Ok(()),
    };
    if body.bytes().len() > realtime.settings.payload_bytes {
        return Ok(());
    }
    let broadcast = UserBroadcast {
        event,
        body,
        meta: Some(json!({ "id": id })),
    };
    let room = RoomName { private, topic };
    realtime.hub.send(&room, None, Delivery::User(broadcast));
    Ok(())
}
