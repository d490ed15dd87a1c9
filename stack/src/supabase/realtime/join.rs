//! Joining a channel.

use serde_json::{Value, json};

use super::access::unreadable;
use super::authorization::{self, Caller, NoAnswer, Rights};
use super::connection::{Channel, Connection, PREFIX, hearing};
use super::frame::{Incoming, Payload};
use super::hub::RoomName;
use super::presence::Presence;
use super::replay;
use super::token;

/// What a client wants of a channel. What it says wrongly counts as not said.
#[derive(Debug)]
struct Wishes {
    private: bool,
    acknowledges: bool,
    echoes: bool,
    presence: bool,
    presence_key: String,
    postgres_changes: Vec<Value>,
    replay: Option<Value>,
}

impl Wishes {
    fn of(payload: &Value) -> Self {
        let config = &payload["config"];
        let (broadcast, presence) = (&config["broadcast"], &config["presence"]);
        let key = match &presence["key"] {
            Value::String(key) => key.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let changes = config["postgres_changes"].as_array();
        Self {
            private: is_true(&config["private"]),
            acknowledges: is_true(&broadcast["ack"]),
            echoes: is_true(&broadcast["self"]),
            presence: is_true(&presence["enabled"]),
            presence_key: match key.as_str() {
                "" => uuid::Uuid::new_v4().to_string(),
                _ => key,
            },
            postgres_changes: changes.cloned().unwrap_or_default(),
            replay: broadcast.get("replay").cloned(),
        }
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => *value == true,
    }
}

impl Connection {
    /// Joins a channel, or says why not. A channel that is joined already is left.
    pub(super) async fn join(&mut self, message: Incoming) {
        self.leave(&message.topic);
        let Payload::Json(payload) = &message.payload else {
            return;
        };
        match self.try_to_join(&message, payload).await {
            Ok(joined) => self.welcome(&message, &joined),
            Err(reason) => self.reply(&message, "error", &json!({ "reason": reason })),
        }
    }

    async fn try_to_join(&mut self, message: &Incoming, payload: &Value) -> Result<Joined, String> {
        let name = message.topic.strip_prefix(PREFIX).unwrap_or_default();
        if name.is_empty() {
            return Err("TopicNameRequired: You must provide a topic name".to_owned());
        }
        let wishes = Wishes::of(payload);
        let settings = &self.realtime.settings;
        if !wishes.private && !settings.allow_public_access {
            return Err("PrivateOnly: This project only allows private channels".to_owned());
        }
        if self.channels.len() >= settings.channels_per_connection {
            return Err("ChannelRateLimitReached: Too many channels".to_owned());
        }

        let given = |name: &str| payload[name].as_str();
        let token = given("user_token").or_else(|| given("access_token"));
        let token = token.filter(|token| !token.starts_with("sb_"));
        let session = token::open(
            &self.realtime.keys,
            token.unwrap_or(self.greeting.token.as_str()),
        )
        .map_err(|fault| fault.reason())?;
        let caller = Caller {
            session: &session,
            topic: name,
            headers: &self.greeting.headers,
        };
        let pool = &self.realtime.pool;
        let mut rights = None;
        if wishes.private {
            let asked =
                authorization::ask_to_hear(pool, caller, wishes.presence, Rights::default()).await;
            rights = Some(asked.map_err(|unanswered| refusal(unanswered, name))?);
        }
        if rights.is_some_and(|rights| !rights.hears_anything()) {
            return Err(format!("Unauthorized: {}", unreadable(name)));
        }
        let missed = match &wishes.replay {
            Some(replay) => replay::missed(pool, name, rights, replay).await?,
            None => Vec::new(),
        };

        let room = RoomName {
            private: wishes.private,
            topic: name.to_owned(),
        };
        let hub = &self.realtime.hub;
        let (id, present) = hub.enter(&room, self.outbox.clone(), hearing(rights));
        let channel = Channel {
            id,
            room,
            join_ref: message.join_ref.clone(),
            acknowledges: wishes.acknowledges,
            echoes: wishes.echoes,
            presence: Presence::new(wishes.presence, wishes.presence_key),
            session,
            rights,
        };
        self.channels.insert(message.topic.clone(), channel);
        Ok(Joined {
            present,
            missed,
            postgres_changes: wishes.postgres_changes,
        })
    }

    fn welcome(&mut self, message: &Incoming, joined: &Joined) {
        let topic = &message.topic;
        let numbered = joined.postgres_changes.iter().enumerate();
        let changes: Vec<Value> = numbered
            .map(|(number, change)| {
                let mut change = change.clone();
                if let Some(change) = change.as_object_mut() {
                    change.insert("id".to_owned(), json!(number));
                }
                change
            })
            .collect();
        self.reply(message, "ok", &json!({ "postgres_changes": changes }));
        if !changes.is_empty() {
            let name = topic.strip_prefix(PREFIX);
            let payload = json!({
                "extension": "postgres_changes", "status": "error", "channel": name,
                "message": "Postgres Changes are not played here",
            });
            self.tell(topic, "system", &payload);
        }
        for broadcast in &joined.missed {
            replay::push(self, topic, broadcast);
        }
        let channel = self.channels.get(topic);
        if channel.is_some_and(|c| c.presence.enabled && hearing(c.rights).presence) {
            self.tell(topic, "presence_state", &joined.present);
        }
    }
}

/// What a channel is told that has been joined.
#[derive(Debug)]
struct Joined {
    present: Value,
    missed: Vec<replay::Missed>,
    postgres_changes: Vec<Value>,
}

fn refusal(unanswered: NoAnswer, topic: &str) -> String {
    match unanswered {
        NoAnswer::Policy => format!("Unauthorized: {}", unreadable(topic)),
        NoAnswer::Canceled(message) => format!("QueryCanceled: {message}"),
        NoAnswer::MissingPartition => {
            "MissingPartition: Realtime was unable to find the expected messages partition"
                .to_owned()
        }
        NoAnswer::Unavailable => {
            "UnableToConnectToProject: Realtime was unable to connect to the project database"
                .to_owned()
        }
    }
}
