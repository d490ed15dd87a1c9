//! The edge function `chat`, asked as an app asks it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use bondhu_stack::http;
use bondhu_stack::supabase::Supabase;

/// Someone who may ask.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    access_token: String,
}

impl Caller {
    /// With a token as Auth gives one.
    pub(crate) fn sign_in(supabase: &Supabase, id: Uuid) -> Result<Self> {
        let now = Utc::now();
        let access_token = supabase.keys().sign(&json!({
            "iss": format!("{}/auth/v1", supabase.url()), "sub": id,
            "aud": "authenticated", "role": "authenticated",
            "iat": now.timestamp(), "exp": (now + TimeDelta::hours(1)).timestamp(),
        }))?;
        Ok(Self { access_token })
    }
}

/// What came, and how long after the request.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
    pub(crate) after: Duration,
}

/// The project's function.
#[derive(Clone, Debug)]
pub(crate) struct Companion {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Companion {
    pub(crate) fn of(supabase: &Supabase) -> Result<Self> {
        Ok(Self {
            client: http::client()?,
            url: format!("{}/functions/v1/chat", supabase.url()),
            key: supabase.keys().publishable().to_owned(),
        })
    }

    /// Sends a message, and waits until everything has come.
    ///
    /// # Errors
    /// It is refused before there are events, or the stream breaks.
    pub(crate) async fn ask(&self, caller: &Caller, id: Uuid, text: &str) -> Result<Vec<Event>> {
        let begun = Instant::now();
        let request = self
            .client
            .post(&self.url)
            .header("apikey", &self.key)
            .bearer_auth(&caller.access_token)
            .json(&json!({ "id": id, "message_text": text }));
        let mut answer = request.send().await.context("the function chat")?;
        let status = answer.status();
        let mut events = Vec::new();
        let mut rest = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") {
                let lines: Vec<u8> = rest.drain(..end + 2).collect();
                events.extend(event(&String::from_utf8_lossy(&lines), begun.elapsed()));
            }
        }
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&rest)
        );
        Ok(events)
    }
}

/// Lines that begin with a colon are signs of life.
fn event(lines: &str, after: Duration) -> Option<Event> {
    let field = |name| lines.lines().find_map(|line| line.strip_prefix(name));
    Some(Event {
        name: field("event: ")?.to_owned(),
        data: serde_json::from_str(field("data: ")?).ok()?,
        after,
    })
}
