//! A websocket client that says what it is told to.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    version: String,
    last_ref: u32,
}

/// What the server says. Of a broadcast that travels as bytes, the bytes are read as JSON.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) event: String,
    pub(crate) payload: Value,
}

impl Client {
    /// Connects, or says with which status and words that was refused.
    pub(crate) async fn try_to_connect(
        address: &str,
        query: &str,
        version: &str,
    ) -> Result<Self, (u16, String)> {
        let url = format!("ws://{address}/websocket?{query}");
        match connect_async(url).await {
            Ok((socket, _)) => Ok(Self {
                socket,
                version: version.to_owned(),
                last_ref: 0,
            }),
            Err(Error::Http(answer)) => {
                let words = answer.body().clone().unwrap_or_default();
                Err((answer.status().as_u16(), String::from_utf8(words).unwrap()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn connect(address: &str, api_key: &str, version: &str) -> Self {
        let query = format!("apikey={api_key}&vsn={version}");
        match Self::try_to_connect(address, &query, version).await {
            Ok(client) => client,
            Err(refused) => panic!("{refused:?}"),
        }
    }

    pub(crate) async fn try_to_send(&mut self, frame: Message) -> Result<(), Error> {
        self.socket.send(frame).await
    }

    pub(crate) async fn send(&mut self, frame: Message) {
        self.try_to_send(frame).await.unwrap();
    }

    /// Says something of a channel, and returns its reference.
    pub(crate) async fn say(&mut self, topic: &str, event: &str, payload: &Value) -> String {
        self.last_ref += 1;
        let reference = self.last_ref.to_string();
        let frame = match self.version.as_str() {
            "1.0.0" => json!({
                "topic": topic, "event": event, "payload": payload, "ref": reference, "join_ref": "1",
            }),
            _ => json!(["1", reference, topic, event, payload]),
        };
        self.send(Message::Text(frame.to_string().into())).await;
        reference
    }

    /// Says something and waits for the answer, whatever comes before it.
    pub(crate) async fn ask(&mut self, topic: &str, event: &str, payload: &Value) -> Value {
        let reference = self.say(topic, event, payload).await;
        loop {
            let frame = self.frame().await.expect("an answer");
            if let Message::Text(text) = frame {
                let (said_ref, heard) = self.read(&text);
                if heard.event == "phx_reply" && said_ref == reference {
                    return heard.payload;
                }
            }
        }
    }

    pub(crate) async fn join(&mut self, name: &str, token: &str, config: &Value) -> Value {
        let payload = json!({ "config": config, "access_token": token });
        self.ask(&format!("realtime:{name}"), "phx_join", &payload)
            .await
    }

    pub(crate) async fn broadcast(&mut self, name: &str, event: &str, payload: &Value) -> String {
        let payload = json!({ "type": "broadcast", "event": event, "payload": payload });
        self.say(&format!("realtime:{name}"), "broadcast", &payload)
            .await
    }

    pub(crate) async fn heartbeat(&mut self) {
        let reply = self.ask("phoenix", "heartbeat", &json!({})).await;
        assert_eq!(reply, json!({ "status": "ok", "response": {} }));
    }

    /// The next thing the server says.
    pub(crate) async fn hear(&mut self) -> Heard {
        match self.frame().await.expect("something to hear") {
            Message::Text(text) => self.read(&text).1,
            Message::Binary(frame) => user_broadcast(&frame),
            other => panic!("{other:?}"),
        }
    }

    /// The next thing of that event; what comes before it is something else.
    pub(crate) async fn hear_next(&mut self, event: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard.event == event {
                return heard.payload;
            }
        }
    }

    /// What comes until the server ends the connection.
    pub(crate) async fn hear_the_end(&mut self) {
        while self.frame().await.is_some() {}
    }

    async fn frame(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next());
            match next.await.expect("nothing comes") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(frame)) => return Some(frame),
            }
        }
    }

    fn read(&self, text: &str) -> (String, Heard) {
        let said: Value = serde_json::from_str(text).unwrap();
        let field = |name: &str, place: usize| match self.version.as_str() {
            "1.0.0" => said[name].clone(),
            _ => said[place].clone(),
        };
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let heard = Heard {
            topic: text(field("topic", 2)),
            event: text(field("event", 3)),
            payload: field("payload", 4),
        };
        (text(field("ref", 1)), heard)
    }
}

/// As realtime-js reads kind 4.
fn user_broadcast(frame: &[u8]) -> Heard {
    let [4, topic, event, meta, encoding, rest @ ..] = frame else {
        panic!("{frame:?}");
    };
    let (topic, rest) = rest.split_at(usize::from(*topic));
    let (event, rest) = rest.split_at(usize::from(*event));
    let (meta, body) = rest.split_at(usize::from(*meta));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let body = match encoding {
        1 => serde_json::from_slice(body).unwrap(),
        _ => json!(body),
    };
    let mut payload = json!({ "type": "broadcast", "event": text(event), "payload": body });
    if !meta.is_empty() {
        payload["meta"] = serde_json::from_slice(meta).unwrap();
    }
    Heard {
        topic: text(topic),
        event: "broadcast".to_owned(),
        payload,
    }
}

/// A broadcast as realtime-js sends it: kind 3.
pub(crate) fn pushed(
    reference: &str,
    topic: &str,
    event: &str,
    body: &[u8],
    json: bool,
) -> Message {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    let mut frame = vec![
        3,
        1,
        length(reference),
        length(topic),
        length(event),
        0,
        u8::from(json),
    ];
    for field in ["1", reference, topic, event] {
        frame.extend(field.as_bytes());
    }
    frame.extend(body);
    Message::Binary(frame.into())
}
