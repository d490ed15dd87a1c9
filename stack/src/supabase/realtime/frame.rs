//! What travels over the websocket: JSON objects in protocol 1.0.0, JSON arrays and binary frames in 2.0.0.

use axum::body::Bytes;
use axum::extract::ws::Message;
use serde_json::{Value, json};

/// First byte of a user's broadcast on its way to the server.
const USER_BROADCAST_PUSH: u8 = 3;
/// The same on its way to the clients.
const USER_BROADCAST: u8 = 4;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// 1.0.0
    One,
    /// 2.0.0
    Two,
}

impl Version {
    /// What a client asks for in `vsn`; the first where it asks for none.
    pub(super) fn asked_for(vsn: Option<&str>) -> Option<Self> {
        match vsn.unwrap_or("1.0.0") {
            "1.0.0" => Some(Self::One),
            "2.0.0" => Some(Self::Two),
            _ => None,
        }
    }
}

/// What an app sends, as bytes: nobody looks into it on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Said to be JSON.
    Json(Bytes),
    /// Anything.
    Binary(Bytes),
}

impl Body {
    /// The bytes.
    pub(super) fn bytes(&self) -> &Bytes {
        match self {
            Self::Json(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// A broadcast whose body travels as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserBroadcast {
    pub(super) event: String,
    pub(super) body: Body,
    /// What clients are told beside it.
    pub(super) meta: Option<Value>,
}

/// What a message carries.
#[derive(Debug, PartialEq)]
pub(super) enum Payload {
    Json(Value),
    User(UserBroadcast),
}

/// A message of a client. References are whatever the client makes of them, and are given back.
#[derive(Debug, PartialEq)]
pub(super) struct Incoming {
    pub(super) join_ref: Value,
    pub(super) reference: Value,
    pub(super) topic: String,
    pub(super) event: String,
    pub(super) payload: Payload,
}

/// Reads a frame; `None` when it is none of this protocol's.
pub(super) fn decode(version: Version, frame: &Message) -> Option<Incoming> {
    match (version, frame) {
        (Version::One, Message::Text(text)) => decode_object(text),
        (Version::Two, Message::Text(text)) => decode_array(text),
        (Version::Two, Message::Binary(bytes)) => decode_user_broadcast(bytes),
        _ => None,
    }
}

fn decode_object(text: &str) -> Option<Incoming> {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
        return None;
    };
    let mut take = |name: &str| fields.remove(name);
    Some(Incoming {
        topic: string(take("topic")?)?,
        event: string(take("event")?)?,
        payload: Payload::Json(take("payload")?),
        reference: take("ref")?,
        join_ref: take("join_ref").unwrap_or_default(),
    })
}

fn decode_array(text: &str) -> Option<Incoming> {
    let mut fields = serde_json::from_str::<Vec<Value>>(text).ok()?.into_iter();
    Some(Incoming {
        join_ref: fields.next()?,
        reference: fields.next()?,
        topic: string(fields.next()?)?,
        event: string(fields.next()?)?,
        payload: Payload::Json(fields.next()?),
    })
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn decode_user_broadcast(frame: &Bytes) -> Option<Incoming> {
    let [
        kind,
        join_ref,
        reference,
        topic,
        event,
        meta,
        encoding,
        rest @ ..,
    ] = frame.as_ref()
    else {
        return None;
    };
    if *kind != USER_BROADCAST_PUSH {
        return None;
    }
    let mut rest = rest;
    let mut take = |length: &u8| -> Option<&str> {
        let (field, after) = rest.split_at_checked(usize::from(*length))?;
        rest = after;
        std::str::from_utf8(field).ok()
    };
    let (join_ref, reference) = (take(join_ref)?, take(reference)?);
    let (topic, event) = (take(topic)?, take(event)?);
    let meta = take(meta)?;
    if !meta.is_empty() {
        // Nothing is made of it, but it has to be JSON.
        serde_json::from_str::<Value>(meta).ok()?;
    }
    let body = frame.slice_ref(rest);
    Some(Incoming {
        join_ref: json!(join_ref),
        reference: json!(reference),
        topic: topic.to_owned(),
        event: "broadcast".to_owned(),
        payload: Payload::User(UserBroadcast {
            event: event.to_owned(),
            body: match encoding {
                0 => Body::Binary(body),
                _ => Body::Json(body),
            },
            meta: None,
        }),
    })
}

/// A message of the server; `join_ref` is null where it is meant for all who hear the topic.
pub(super) fn push(
    version: Version,
    join_ref: &Value,
    reference: &Value,
    topic: &str,
    event: &str,
    payload: &Value,
) -> Message {
    let text = match version {
        Version::One => {
            json!({ "topic": topic, "event": event, "payload": payload, "ref": reference })
        }
        Version::Two => json!([join_ref, reference, topic, event, payload]),
    };
    Message::Text(text.to_string().into())
}

/// An answer to a message.
pub(super) fn reply(
    version: Version,
    to: (&Value, &Value),
    topic: &str,
    status: &str,
    response: &Value,
) -> Message {
    let (join_ref, reference) = to;
    let payload = json!({ "status": status, "response": response });
    push(version, join_ref, reference, topic, "phx_reply", &payload)
}

/// A broadcast whose body travels as bytes; `None` when the version cannot carry it.
pub(super) fn user_broadcast(
    version: Version,
    topic: &str,
    broadcast: &UserBroadcast,
) -> Option<Message> {
    match version {
        Version::One => {
            let Body::Json(body) = &broadcast.body else {
                return None;
            };
            let body: Value = serde_json::from_slice(body).ok()?;
            let mut payload =
                json!({ "type": "broadcast", "event": broadcast.event, "payload": body });
            if let Some(meta) = &broadcast.meta {
                payload["meta"] = meta.clone();
            }
            let null = Value::Null;
            Some(push(version, &null, &null, topic, "broadcast", &payload))
        }
        Version::Two => {
            let meta = broadcast.meta.as_ref().map(Value::to_string);
            let meta = meta.unwrap_or_default();
            let length = |text: &str| u8::try_from(text.len()).ok();
            let body = broadcast.body.bytes();
            let mut frame = vec![
                USER_BROADCAST,
                length(topic)?,
                length(&broadcast.event)?,
                length(&meta)?,
                u8::from(matches!(broadcast.body, Body::Json(_))),
            ];
            frame.extend_from_slice(topic.as_bytes());
            frame.extend_from_slice(broadcast.event.as_bytes());
            frame.extend_from_slice(meta.as_bytes());
            frame.extend_from_slice(body);
            Some(Message::Binary(frame.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(lengths: [u8; 5], encoding: u8, rest: &[u8]) -> Message {
        let mut frame = vec![USER_BROADCAST_PUSH];
        frame.extend(lengths);
        frame.push(encoding);
        frame.extend(rest);
        Message::Binary(frame.into())
    }

    #[test]
    fn both_versions_say_the_same() {
        let array = Message::Text(r#"["1","2","realtime:a","phx_join",{"x":1}]"#.into());
        let object = Message::Text(
            r#"{"topic":"realtime:a","event":"phx_join","payload":{"x":1},"ref":"2","join_ref":"1"}"#.into(),
        );
        let read = decode(Version::Two, &array);
        assert!(read.is_some());
        assert_eq!(read, decode(Version::One, &object));
    }

    #[test]
    fn a_users_broadcast_keeps_its_bytes() {
        let frame = pushed([1, 1, 1, 2, 0], 1, br#"12teshello"#);
        let Some(Incoming {
            payload: Payload::User(broadcast),
            topic,
            ..
        }) = decode(Version::Two, &frame)
        else {
            unreachable!("it was read");
        };
        assert_eq!((topic.as_str(), broadcast.event.as_str()), ("t", "es"));
        assert_eq!(
            user_broadcast(Version::Two, &topic, &broadcast),
            Some(Message::Binary(
                b"\x04\x01\x02\x00\x01teshello".as_ref().into()
            ))
        );
        // Not JSON, whatever was said: nothing that version 1 could carry.
        assert_eq!(user_broadcast(Version::One, &topic, &broadcast), None);
    }

    #[test]
    fn what_is_malformed_is_nothing() {
        let text = |text: &str| Message::Text(text.into());
        for frame in [
            text(""),
            text("[]"),
            text("{}"),
            text("null"),
            text(r#"["1","2","t","e"]"#),
            text(r#"["1","2",3,"e",{}]"#),
            text(&"[".repeat(100_000)),
            Message::Binary(Bytes::new()),
            pushed([255, 255, 255, 255, 255], 1, b"short"),
            pushed([0, 0, 1, 1, 3], 1, b"te{x}"),
            pushed([0, 0, 1, 0, 0], 1, b"\xff"),
            Message::Binary(vec![9; 64].into()),
        ] {
            assert_eq!(decode(Version::One, &frame), None, "{frame:?}");
            assert_eq!(decode(Version::Two, &frame), None, "{frame:?}");
        }
    }
}
