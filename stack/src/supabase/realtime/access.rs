//! Tokens that expire, and those that take their place.

use super::authorization::{self, NoAnswer, Rights};
use super::connection::{Connection, hearing};
use super::token;

impl Connection {
    /// Ends the channels whose token's time is over.
    pub(super) fn review_tokens(&mut self) {
        let keys = &self.realtime.keys;
        let over: Vec<(String, String)> = self
            .channels
            .iter()
            .filter_map(|(topic, channel)| {
                let fault = token::open(keys, &channel.session.token).err()?;
                Some((topic.clone(), fault.last_words()))
            })
            .collect();
        for (topic, why) in over {
            self.shut_down(&topic, &why);
        }
    }

    /// Takes another token for a channel and asks the policies again.
    pub(super) async fn renew(&mut self, topic: &str, token: &str) {
        let Some(channel) = self.channels.get_mut(topic) else {
            return;
        };
        if token.starts_with("sb_") || token == channel.session.token {
            return;
        }
        match token::open(&self.realtime.keys, token) {
            Ok(session) => channel.session = session,
            Err(fault) => return self.shut_down(topic, &fault.last_words()),
        }
        let Some(before) = channel.rights else {
            return; // public
        };
        let asked = authorization::ask_to_hear(
            &self.realtime.pool,
            channel.caller(&self.greeting),
            channel.presence.enabled,
            Rights::default(),
        )
        .await;
        let why = match asked {
            Ok(now) if !now.hears_anything() => unreadable(&channel.room.topic),
            Ok(now) if now.lost_since(before) => format!(
                "You no longer have permission to read from this Channel topic: {}",
                channel.room.topic
            ),
            Ok(now) => {
                channel.rights = Some(now);
                let hub = &self.realtime.hub;
                return hub.let_hear(&channel.room, channel.id, hearing(Some(now)));
            }
            Err(NoAnswer::Policy) => unreadable(&channel.room.topic),
            Err(NoAnswer::Canceled(_)) => "Query was cancelled, please try again".to_owned(),
            Err(NoAnswer::MissingPartition | NoAnswer::Unavailable) => {
                "Realtime was unable to connect to the project database".to_owned()
            }
        };
        self.shut_down(topic, &why);
    }
}

/// What is said to whom no policy lets hear a topic.
pub(super) fn unreadable(topic: &str) -> String {
    format!("You do not have permissions to read from this Channel topic: {topic}")
}
