//! One websocket, and the channels that a client has joined on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use chrono::Utc;
use futures::SinkExt as _;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::authorization::{Caller, Rights};
use super::frame::{self, Incoming, Payload, Version};
use super::hub::{Addressed, Delivery, Hearing, MemberId, Outbox, RoomName};
use super::presence::Presence;
use super::token::Session;
use super::{Realtime, closing};

/// Messages that may wait for a client.
const OUTBOX: usize = 1024;
/// How long a client may take to accept one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often tokens are looked at again; at the latest when they expire.
const REVIEW: Duration = Duration::from_secs(5 * 60);
/// What every channel's topic begins with on the wire.
pub(super) const PREFIX: &str = "realtime:";

/// What a client said when it connected.
#[derive(Clone, Debug)]
pub(super) struct Greeting {
    pub(super) version: Version,
    /// The token that its API key stands for.
    pub(super) token: String,
    /// A JSON object, as policies may read it.
    pub(super) headers: String,
}

/// A joined channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) id: MemberId,
    pub(super) room: RoomName,
    pub(super) join_ref: Value,
    pub(super) acknowledges: bool,
    pub(super) echoes: bool,
    pub(super) presence: Presence,
    pub(super) session: Session,
    /// Of a private channel.
    pub(super) rights: Option<Rights>,
}

impl Channel {
    /// Who asks the policies.
    pub(super) fn caller<'a>(&'a self, greeting: &'a Greeting) -> Caller<'a> {
        Caller {
            session: &self.session,
            topic: &self.room.topic,
            headers: &greeting.headers,
        }
    }
}

/// What a channel hears that has these rights; a public one has none, and hears all.
pub(super) fn hearing(rights: Option<Rights>) -> Hearing {
    Hearing {
        broadcasts: rights.is_none_or(|rights| rights.hear_broadcasts == Some(true)),
        presence: rights.is_none_or(|rights| rights.hear_presence == Some(true)),
    }
}

/// A connection. Dropping it leaves all rooms.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) realtime: Arc<Realtime>,
    pub(super) greeting: Greeting,
    /// By the topic on the wire.
    pub(super) channels: HashMap<String, Channel>,
    pub(super) outbox: Outbox,
    inbox: mpsc::Receiver<Addressed>,
    /// What is to be sent next.
    out: Vec<Message>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        for channel in self.channels.values() {
            self.realtime.hub.leave(&channel.room, channel.id);
        }
    }
}

/// Serves a websocket until it ends.
pub(super) async fn serve(realtime: Arc<Realtime>, greeting: Greeting, mut socket: WebSocket) {
    let mut ending = realtime.closing.subscribe();
    let silence = realtime.settings.silence;
    let (queue, inbox) = mpsc::channel(OUTBOX);
    let overrun = Arc::new(Notify::new());
    let mut connection = Connection {
        realtime,
        greeting,
        channels: HashMap::new(),
        outbox: Outbox {
            queue,
            overrun: Arc::clone(&overrun),
        },
        inbox,
        out: Vec::new(),
    };
    let mut heard = Instant::now();
    'open: loop {
        let review = connection.until_review();
        tokio::select! {
            frame = socket.recv() => {
                let Some(Ok(frame)) = frame else { return };
                heard = Instant::now();
                if matches!(frame, Message::Close(_)) {
                    return;
                }
                if let Some(incoming) = frame::decode(connection.greeting.version, &frame) {
                    connection.answer(incoming).await;
                }
            }
            Some((id, delivery)) = connection.inbox.recv() => connection.deliver(id, &delivery),
            () = tokio::time::sleep(review) => connection.review_tokens(),
            () = tokio::time::sleep_until(heard + silence) => break 'open,
            () = overrun.notified() => break 'open,
            () = closing(&mut ending) => break 'open,
        }
        let frames = std::mem::take(&mut connection.out);
        let written = tokio::time::timeout(PATIENCE, write(&mut socket, frames));
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
    drop(connection);
    let goodbye = socket.send(Message::Close(None));
    tokio::time::timeout(PATIENCE, goodbye).await.ok();
}

/// Together, so that no answer waits for the network to acknowledge the one before.
async fn write(socket: &mut WebSocket, frames: Vec<Message>) -> Result<(), axum::Error> {
    for frame in frames {
        socket.feed(frame).await?;
    }
    socket.flush().await
}

impl Connection {
    /// How long until a token has to be looked at.
    fn until_review(&self) -> Duration {
        let first = self.channels.values().map(|c| c.session.expires_at).min();
        let Some(first) = first else { return REVIEW };
        let left = first
            .saturating_mul(1000)
            .saturating_sub(Utc::now().timestamp_millis());
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(REVIEW)
    }

    async fn answer(&mut self, message: Incoming) {
        let is_joined = self.channels.contains_key(&message.topic);
        match (message.topic.as_str(), message.event.as_str()) {
            ("phoenix", "heartbeat") => self.reply(&message, "ok", &json!({})),
            (topic, "phx_join") if topic.starts_with(PREFIX) => self.join(message).await,
            (topic, "phx_leave") => {
                let topic = topic.to_owned();
                self.reply(&message, "ok", &json!({}));
                self.close_channel(&topic);
            }
            _ if !is_joined => self.reply(&message, "error", &json!({"reason": "unmatched topic"})),
            (_, "broadcast") => self.broadcast(message).await,
            (_, "presence") => self.presence(message).await,
            (topic, "access_token") => {
                let token = match &message.payload {
                    Payload::Json(payload) => payload["access_token"].as_str(),
                    Payload::User(_) => None,
                };
                if let Some(token) = token {
                    let (topic, token) = (topic.to_owned(), token.to_owned());
                    self.renew(&topic, &token).await;
                }
            }
            _ => {}
        }
    }

    /// What a room sends to one of the channels.
    fn deliver(&mut self, id: MemberId, delivery: &Delivery) {
        let Some((topic, _)) = self.channels.iter().find(|(_, c)| c.id == id) else {
            return; // left since
        };
        let (version, null) = (self.greeting.version, Value::Null);
        let message = match delivery {
            Delivery::Broadcast(payload) => {
                frame::push(version, &null, &null, topic, "broadcast", payload)
            }
            Delivery::PresenceDiff(diff) => {
                frame::push(version, &null, &null, topic, "presence_diff", diff)
            }
            Delivery::User(broadcast) => {
                let Some(message) = frame::user_broadcast(version, topic, broadcast) else {
                    return;
                };
                message
            }
        };
        self.out.push(message);
    }

    /// Sends a frame after all that was heard before.
    pub(super) fn send(&mut self, frame: Message) {
        while let Ok((id, delivery)) = self.inbox.try_recv() {
            self.deliver(id, &delivery);
        }
        self.out.push(frame);
    }

    /// Answers a message.
    pub(super) fn reply(&mut self, message: &Incoming, status: &str, response: &Value) {
        let (version, to) = (
            self.greeting.version,
            (&message.join_ref, &message.reference),
        );
        self.send(frame::reply(version, to, &message.topic, status, response));
    }

    /// Tells a channel something that nobody has asked.
    pub(super) fn tell(&mut self, topic: &str, event: &str, payload: &Value) {
        let Some(channel) = self.channels.get(topic) else {
            return;
        };
        let (version, null) = (self.greeting.version, Value::Null);
        let message = frame::push(version, &channel.join_ref, &null, topic, event, payload);
        self.send(message);
    }

    /// Leaves a channel's room; `None` when it is not joined.
    pub(super) fn leave(&mut self, topic: &str) -> Option<Channel> {
        let channel = self.channels.remove(topic)?;
        self.realtime.hub.leave(&channel.room, channel.id);
        Some(channel)
    }

    /// Ends a channel and says so.
    fn close_channel(&mut self, topic: &str) {
        if let Some(channel) = self.leave(topic) {
            let (version, own) = (self.greeting.version, &channel.join_ref);
            let message = frame::push(version, own, own, topic, "phx_close", &json!({}));
            self.send(message);
        }
    }

    /// Ends a channel and says why.
    pub(super) fn shut_down(&mut self, topic: &str, why: &str) {
        let Some(channel) = self.channels.get(topic) else {
            return;
        };
        let payload = json!({
            "extension": "system", "status": "error", "message": why, "channel": channel.room.topic,
        });
        self.tell(topic, "system", &payload);
        self.close_channel(topic);
    }
}
