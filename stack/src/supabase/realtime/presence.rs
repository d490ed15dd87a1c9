//! Presence: a client says that it is there, and what is to be known of it.

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::authorization::{self, NoAnswer};
use super::connection::{Channel, Connection, Greeting, hearing};
use super::frame::{Incoming, Payload};
use super::{Realtime, Settings};

/// What a channel has of Presence.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) enabled: bool,
    key: String,
    /// What it has said of itself.
    said: Option<Map<String, Value>>,
    calls: u32,
    since: Option<Instant>,
}

impl Presence {
    /// Nothing is said yet.
    pub(super) fn new(enabled: bool, key: String) -> Self {
        Self {
            enabled,
            key,
            said: None,
            calls: 0,
            since: None,
        }
    }

    /// Counts a call; whether it is one too many.
    fn is_over(&mut self, settings: &Settings) -> bool {
        let is_under_way = (self.since).is_some_and(|at| at.elapsed() <= settings.presence_window);
        if !is_under_way {
            self.since = Some(Instant::now());
            self.calls = 0;
        }
        self.calls = self.calls.saturating_add(1);
        self.calls > settings.presence_calls
    }
}

/// What comes of a call.
enum Outcome {
    Done,
    Refused,
    NoMap,
    /// The channel ends, and says why.
    End(&'static str),
}

impl Connection {
    /// Tracks or untracks a channel.
    pub(super) async fn presence(&mut self, message: Incoming) {
        let Some(channel) = self.channels.get_mut(&message.topic) else {
            return;
        };
        let outcome = match &message.payload {
            Payload::Json(Value::Object(call)) if call.contains_key("event") => {
                act(&self.realtime, &self.greeting, channel, call).await
            }
            _ => Outcome::Done,
        };
        match outcome {
            Outcome::Done => self.reply(&message, "ok", &json!({})),
            Outcome::Refused => self.reply(&message, "error", &json!({})),
            Outcome::NoMap => {
                let reason = json!({ "reason": "Presence track payload must be a map" });
                self.reply(&message, "error", &reason);
            }
            Outcome::End(why) => self.shut_down(&message.topic, why),
        }
    }
}

async fn act(
    realtime: &Realtime,
    greeting: &Greeting,
    channel: &mut Channel,
    call: &Map<String, Value>,
) -> Outcome {
    if channel.presence.is_over(&realtime.settings) {
        return Outcome::End("Client presence rate limit exceeded");
    }
    let event = call["event"].as_str().unwrap_or_default();
    match event.to_ascii_lowercase().as_str() {
        "track" => {
            if ask(realtime, greeting, channel).await.is_err() {
                return Outcome::Refused;
            }
            if channel
                .rights
                .is_some_and(|rights| rights.send_presence != Some(true))
            {
                return Outcome::Refused;
            }
            match call.get("payload") {
                None => track(realtime, channel, Map::new()),
                Some(Value::Object(said)) => track(realtime, channel, said.clone()),
                Some(_) => Outcome::NoMap,
            }
        }
        "untrack" => {
            realtime.hub.untrack(&channel.room, channel.id);
            channel.presence.said = None;
            Outcome::Done
        }
        _ => Outcome::Refused,
    }
}

/// Asks the policies of a private channel what they have not been asked yet.
async fn ask(
    realtime: &Realtime,
    greeting: &Greeting,
    channel: &mut Channel,
) -> Result<(), NoAnswer> {
    let Some(mut rights) = channel
        .rights
        .filter(|rights| rights.send_presence.is_none())
    else {
        return Ok(());
    };
    let caller = channel.caller(greeting);
    if rights.hear_presence.is_none() {
        rights = authorization::ask_to_hear(&realtime.pool, caller, true, rights).await?;
    }
    rights = authorization::ask_to_send(&realtime.pool, caller, rights).await?;
    channel.rights = Some(rights);
    let heard = hearing(channel.rights);
    realtime.hub.let_hear(&channel.room, channel.id, heard);
    Ok(())
}

fn track(realtime: &Realtime, channel: &mut Channel, said: Map<String, Value>) -> Outcome {
    if channel.presence.said.as_ref() == Some(&said) {
        return Outcome::Done;
    }
    if Value::Object(said.clone()).to_string().len() > realtime.settings.payload_bytes {
        return Outcome::End("Track message size exceeded");
    }
    let key = &channel.presence.key;
    let hub = &realtime.hub;
    hub.track(&channel.room, channel.id, key, said.clone());
    channel.presence.enabled = true;
    channel.presence.said = Some(said);
    Outcome::Done
}
