//! Broadcasts of a client. One that no policy lets send is not told so.

use serde_json::json;

use super::authorization;
use super::connection::Connection;
use super::frame::{Incoming, Payload};
use super::hub::Delivery;

impl Connection {
    /// Sends to all in the channel's room.
    pub(super) async fn broadcast(&mut self, mut message: Incoming) {
        let Some(channel) = self.channels.get_mut(&message.topic) else {
            return;
        };
        if let Some(rights) = channel.rights {
            let mut allowed = rights.send_broadcasts;
            if allowed.is_none() {
                let pool = &self.realtime.pool;
                let caller = channel.caller(&self.greeting);
                let Ok(answered) = authorization::ask_to_send(pool, caller, rights).await else {
                    return;
                };
                allowed = answered.send_broadcasts;
                channel.rights = Some(answered);
            }
            if allowed != Some(true) {
                return;
            }
        }
        let payload = std::mem::replace(&mut message.payload, Payload::Json(json!(null)));
        let (delivery, bytes) = match payload {
            Payload::Json(payload) if payload.is_object() => {
                let bytes = payload.to_string().len();
                (Delivery::Broadcast(payload), bytes)
            }
            Payload::Json(_) => return,
            Payload::User(broadcast) => {
                let bytes = broadcast.body.bytes().len();
                (Delivery::User(broadcast), bytes)
            }
        };
        let fits = bytes <= self.realtime.settings.payload_bytes;
        if fits {
            let except = (!channel.echoes).then_some(channel.id);
            self.realtime.hub.send(&channel.room, except, delivery);
        }
        match (channel.acknowledges, fits) {
            (true, true) => self.reply(&message, "ok", &json!({})),
            (true, false) => self.reply(&message, "error", &json!("payload_size_exceeded")),
            (false, _) => {}
        }
    }
}
