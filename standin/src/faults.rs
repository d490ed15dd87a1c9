//! Planned faults: a queue of answers sent in place of the ordinary ones.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::response::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use futures::StreamExt;
use serde_json::{Value, json};

use super::provider::{SPOTIFY_API, YOUTUBE_API};
use super::traffic::LARGEST_BODY;
use super::wire::{Reply, google_error, spotify_error};

/// One planned fault. It answers the next requests whose path matches, then is used up.
#[derive(Clone, Debug)]
pub struct Fault {
    path: String,
    skip: u32,
    remaining: u32,
    outcome: Outcome,
}

/// What a fault does to the answer.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Answers this instead; the request never reaches the provider's logic.
    Reply(Reply),
    /// Answers properly, with a correct length, but only with the first half of the body.
    HalfABody,
    /// Announces the whole body, sends half of it and breaks the connection.
    Truncated,
    /// Answers properly, this much later.
    Delayed(Duration),
    /// Answers properly, the second half of the body this much after the first.
    SlowBody(Duration),
    /// Breaks the connection instead of answering.
    Reset,
    /// Status 200 and an HTML page, as proxies send it.
    NotJson,
    /// Answers properly, with two more items: null, and one without any field.
    NullItems,
    /// Answers properly, with `next` a link to another host.
    ForeignNext,
}

impl Fault {
    /// A fault for `path` (as in `/spotify/v1/me/top/artists`; a trailing `*` matches any rest).
    pub fn on(path: &str, outcome: Outcome) -> Self {
        Self {
            path: path.to_owned(),
            skip: 0,
            remaining: 1,
            outcome,
        }
    }

    /// An answer of the recorded ones, as in `("spotify", "api_429_quota")`.
    ///
    /// # Errors
    /// Names the example that `wire-examples.json` does not have.
    pub fn recorded(path: &str, provider: &str, name: &str) -> anyhow::Result<Self> {
        Ok(Self::on(
            path,
            Outcome::Reply(Reply::recorded(provider, name)?),
        ))
    }

    /// Spotify's rate limit with this `Retry-After`.
    pub fn spotify_rate_limit(path: &str, retry_after: Duration) -> Self {
        let reply = spotify_error(429, "API rate limit exceeded").header(
            header::RETRY_AFTER.as_str(),
            &retry_after.as_secs().to_string(),
        );
        Self::on(path, Outcome::Reply(reply))
    }

    /// A server error in the envelope of the path's provider.
    pub fn server_error(path: &str) -> Self {
        let reply = if path.starts_with(YOUTUBE_API) {
            google_error(500, "global", "backendError", "Backend Error")
        } else if path.starts_with(SPOTIFY_API) {
            spotify_error(500, "Server error")
        } else {
            Reply::new(500, json!({ "error": "server_error" }))
        };
        Self::on(path, Outcome::Reply(reply))
    }

    /// The fault answers `times` matching requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.remaining = times;
        self
    }

    /// Lets the first `requests` matching ones pass.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    fn matches(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == self.path,
        }
    }
}

/// The faults not given yet, first in, first out per path.
#[derive(Debug, Default)]
pub(super) struct FaultPlan(Vec<Fault>);

impl FaultPlan {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// How many fault answers have not been given yet.
    pub(super) fn outstanding(&self) -> u32 {
        self.0.iter().map(|fault| fault.remaining).sum()
    }

    /// Takes the fault of the next request for `path` off the plan, if there is one.
    pub(super) fn take(&mut self, path: &str) -> Option<Outcome> {
        let fault = self
            .0
            .iter_mut()
            .find(|fault| fault.remaining > 0 && fault.matches(path))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.remaining -= 1;
        Some(fault.outcome.clone())
    }
}

impl Outcome {
    /// The answer sent in place of `answer`, the ordinary one.
    pub(super) async fn apply(self, answer: impl Future<Output = Response>) -> Response {
        match self {
            Self::Reply(reply) => reply.into_response(),
            Self::Reset => connection_broken(Response::default()),
            Self::NotJson => Html("<!doctype html><title>Bad gateway</title>").into_response(),
            Self::Delayed(delay) => {
                tokio::time::sleep(delay).await;
                answer.await
            }
            Self::HalfABody => rewrite(answer.await, half_a_body).await,
            Self::Truncated => rewrite(answer.await, truncated).await,
            Self::SlowBody(delay) => rewrite(answer.await, |p, b| slow(p, b, delay)).await,
            Self::NullItems => rewrite(answer.await, |p, b| edited(p, b, add_null_items)).await,
            Self::ForeignNext => {
                rewrite(answer.await, |p, b| edited(p, b, link_to_another_host)).await
            }
        }
    }
}

async fn rewrite(response: Response, fault: impl FnOnce(Parts, &Bytes) -> Response) -> Response {
    let (parts, body) = response.into_parts();
    match to_bytes(body, LARGEST_BODY).await {
        Ok(body) => fault(parts, &body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The first half of `body`, with a length that fits it.
fn half_a_body(parts: Parts, body: &Bytes) -> Response {
    of_any_length(parts, Body::from(body.slice(..body.len() / 2)))
}

/// The first half of `body` under the length of the whole; then the connection breaks.
fn truncated(parts: Parts, body: &Bytes) -> Response {
    let half = body.slice(..body.len() / 2);
    let Ok(length) = HeaderValue::try_from(body.len().to_string()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let broken = async {
        // A body that fails at once takes the headers with it: let them go out first.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let pieces = futures::stream::iter([Ok(half)]).chain(futures::stream::once(broken));
    let mut response = Response::from_parts(parts, Body::from_stream(pieces));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    response
}

/// A body that fails at once takes the headers with it: nothing is sent.
fn connection_broken(response: Response) -> Response {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let pieces = futures::stream::iter([Err::<Bytes, _>(broken)]);
    Response::from_parts(response.into_parts().0, Body::from_stream(pieces))
}

fn slow(parts: Parts, body: &Bytes, delay: Duration) -> Response {
    let (first, second) = (body.slice(..body.len() / 2), body.slice(body.len() / 2..));
    let later = async move {
        tokio::time::sleep(delay).await;
        Ok(second)
    };
    let pieces =
        futures::stream::iter([Ok::<_, std::io::Error>(first)]).chain(futures::stream::once(later));
    of_any_length(parts, Body::from_stream(pieces))
}

fn edited(parts: Parts, body: &Bytes, edit: fn(&mut Value)) -> Response {
    match serde_json::from_slice(body) {
        Ok(mut page) => {
            edit(&mut page);
            of_any_length(parts, Body::from(page.to_string()))
        }
        Err(_) => Response::from_parts(parts, Body::from(body.clone())),
    }
}

fn add_null_items(page: &mut Value) {
    if let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) {
        items.extend([Value::Null, json!({})]);
    }
}

fn link_to_another_host(page: &mut Value) {
    page["next"] = json!("http://api.example.net/v1/me/top/artists?offset=50");
}

fn of_any_length(parts: Parts, body: Body) -> Response {
    let mut response = Response::from_parts(parts, body);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}
