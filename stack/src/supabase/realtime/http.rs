//! The routes: the websocket, and broadcasts over HTTP.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Realtime;
use super::authorization::{self, Caller, NoAnswer, Rights};
use super::connection::{self, Greeting};
use super::frame::{Body, UserBroadcast, Version};
use super::hub::{Delivery, RoomName};
use super::token::{self, Session, TokenFault};

/// The largest frame of a client.
const FRAME_BYTES: usize = 5_000_000;

/// The routes of the service, to be nested at `/realtime/v1`. They bind nothing.
pub fn router(realtime: Arc<Realtime>) -> Router {
    Router::new()
        .route("/websocket", get(websocket))
        .route("/api/broadcast", post(broadcast_batch))
        .route("/api/broadcast/{topic}/events/{event}", post(broadcast_one))
        .with_state(realtime)
}

#[derive(Debug, Deserialize)]
struct Handshake {
    apikey: Option<String>,
    vsn: Option<String>,
}

async fn websocket(
    State(realtime): State<Arc<Realtime>>,
    Query(handshake): Query<Handshake>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let refused = |status: StatusCode, why: &str| (status, Json(json!({ "error": why })));
    let api_key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    let Some(api_key) = api_key.or(handshake.apikey.as_deref()) else {
        return refused(StatusCode::UNAUTHORIZED, "API key is missing").into_response();
    };
    let token = match of_api_key(&realtime, api_key) {
        Ok(session) => session.token,
        Err(fault) => {
            return refused(StatusCode::UNAUTHORIZED, &fault.at_the_door()).into_response();
        }
    };
    let Some(version) = Version::asked_for(handshake.vsn.as_deref()) else {
        return refused(StatusCode::FORBIDDEN, "The requested version is not spoken")
            .into_response();
    };
    let greeting = Greeting {
        version,
        token,
        headers: readable(&headers, |name| name.starts_with("x-")),
    };
    upgrade
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .on_upgrade(move |socket| connection::serve(realtime, greeting, socket))
}

/// What a project's gateway makes of an API key: a token. A key that is none of this project's is read as
/// the token that it then has to be, and refused as such.
fn of_api_key(realtime: &Realtime, api_key: &str) -> Result<Session, TokenFault> {
    let keys = &realtime.keys;
    match keys.role_of(api_key) {
        Some(role) => token::open(keys, token::of_api_key(keys, role)),
        None => Err(token::open(keys, api_key)
            .err()
            .unwrap_or(TokenFault::Signature)),
    }
}

/// Headers as policies may read them: a JSON object.
fn readable(headers: &HeaderMap, which: impl Fn(&str) -> bool) -> String {
    let readable: Map<String, Value> = headers
        .iter()
        .filter(|(name, _)| which(name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))))
        .collect();
    Value::Object(readable).to_string()
}

/// Who sends over HTTP: the user whose token it is, else whom the API key stands for.
fn sender(realtime: &Realtime, headers: &HeaderMap) -> Result<Session, TokenFault> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let is_token = scheme.eq_ignore_ascii_case("bearer") && !token.starts_with("sb_");
        is_token.then_some(token)
    });
    match (bearer, text("apikey")) {
        (Some(token), _) => token::open(&realtime.keys, token),
        (None, Some(api_key)) => of_api_key(realtime, api_key),
        (None, None) => Err(TokenFault::Malformed),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn invalid(errors: &Value) -> Response {
    let answer = Json(json!({ "errors": errors }));
    (StatusCode::UNPROCESSABLE_ENTITY, answer).into_response()
}

/// Whether a sender may send to a private topic.
async fn may_send(
    realtime: &Realtime,
    session: &Session,
    topic: &str,
    headers: &str,
) -> Result<bool, NoAnswer> {
    let caller = Caller {
        session,
        topic,
        headers,
    };
    let asked = authorization::ask_to_send(&realtime.pool, caller, Rights::default()).await?;
    Ok(asked.send_broadcasts == Some(true))
}

async fn broadcast_one(
    State(realtime): State<Arc<Realtime>>,
    Path((topic, event)): Path<(String, String)>,
    Query(query): Query<Map<String, Value>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(session) = sender(&realtime, &headers) else {
        return refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
    };
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let body = match kind.map(str::trim) {
        Some("application/json") => {
            if serde_json::from_slice::<Value>(&body).is_err() {
                return refusal(StatusCode::BAD_REQUEST, "Bad Request");
            }
            Body::Json(body)
        }
        Some("application/octet-stream") => Body::Binary(body),
        _ => return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
    };
    if body.bytes().len() > realtime.settings.payload_bytes {
        return invalid(&json!({ "payload": ["Payload size exceeds tenant limit"] }));
    }
    let private = query
        .get("private")
        .is_some_and(|private| private == "true");
    if private {
        let headers = readable(&headers, |_| true);
        match may_send(&realtime, &session, &topic, &headers).await {
            Ok(true) => {}
            Ok(false) => return refusal(StatusCode::FORBIDDEN, "Unauthorized"),
            Err(unanswered) => {
                return refusal(StatusCode::UNPROCESSABLE_ENTITY, said_of(&unanswered));
            }
        }
    }
    let broadcast = UserBroadcast {
        event,
        body,
        meta: None,
    };
    let room = RoomName { private, topic };
    realtime.hub.send(&room, None, Delivery::User(broadcast));
    StatusCode::ACCEPTED.into_response()
}

fn said_of(unanswered: &NoAnswer) -> &'static str {
    match unanswered {
        NoAnswer::Policy => "RLS policy error",
        NoAnswer::Canceled(_) => "Query canceled",
        NoAnswer::MissingPartition => "Missing messages partition",
        NoAnswer::Unavailable => "Tenant database unavailable",
    }
}

/// One message of a batch.
struct Message {
    room: RoomName,
    payload: Value,
}

async fn broadcast_batch(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(session) = sender(&realtime, &headers) else {
        return refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let Some(messages) = body["messages"].as_array() else {
        return invalid(&json!({ "messages": ["can't be blank"] }));
    };
    let most = realtime.settings.payload_bytes;
    let read: Vec<_> = messages.iter().map(|one| message(one, most)).collect();
    if read.iter().any(Result::is_err) {
        let faults = read.into_iter().map(|one| one.err().unwrap_or_default());
        return invalid(&json!({ "messages": faults.collect::<Vec<_>>() }));
    }

    let headers = readable(&headers, |_| true);
    let mut asked: Map<String, Value> = Map::new();
    for Message { room, payload } in read.into_iter().flatten() {
        let allowed = match asked.get(&room.topic) {
            _ if !room.private => true,
            Some(answer) => *answer == true,
            None => {
                let answer = may_send(&realtime, &session, &room.topic, &headers).await;
                // Not told: a client that may not send cannot find out so.
                let answer = answer.unwrap_or(false);
                asked.insert(room.topic.clone(), json!(answer));
                answer
            }
        };
        if allowed {
            realtime.hub.send(&room, None, Delivery::Broadcast(payload));
        }
    }
    StatusCode::ACCEPTED.into_response()
}

/// Reads a message of a batch.
///
/// # Errors
/// What is wrong, by field.
fn message(given: &Value, most_bytes: usize) -> Result<Message, Map<String, Value>> {
    let mut faults = Map::new();
    let mut fault = |field: &str, why: &str| {
        faults.insert(field.to_owned(), json!([why]));
    };
    for field in ["topic", "event"] {
        match &given[field] {
            Value::String(text) if !text.trim().is_empty() => {}
            Value::String(_) | Value::Null => fault(field, "can't be blank"),
            _ => fault(field, "is invalid"),
        }
    }
    match &given["payload"] {
        payload @ Value::Object(_) if payload.to_string().len() <= most_bytes => {}
        Value::Object(_) => fault("payload", "Payload size exceeds tenant limit"),
        Value::Null => fault("payload", "can't be blank"),
        _ => fault("payload", "is invalid"),
    }
    let private = match &given["private"] {
        Value::Bool(private) => *private,
        Value::Null => false,
        _ => {
            fault("private", "is invalid");
            false
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut payload =
        json!({ "type": "broadcast", "event": given["event"], "payload": given["payload"] });
    if let Some(id) = given["id"].as_str() {
        payload["meta"] = json!({ "id": id });
    }
    let topic = given["topic"].as_str().unwrap_or_default().to_owned();
    Ok(Message {
        room: RoomName { private, topic },
        payload,
    })
}
