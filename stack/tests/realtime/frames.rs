//! What is no message of the protocol harms nobody.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, pushed};
use crate::project::Project;

#[tokio::test]
async fn malformed_frames_are_ignored() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let wire = format!("realtime:{topic}");
    let text = |text: &str| Message::Text(text.into());
    let call =
        |event: &str, payload: &str| text(&format!(r#"["1","2","{wire}","{event}",{payload}]"#));
    let frames = [
        text(""),
        text("null"),
        text("[]"),
        text("{}"),
        text(&"[".repeat(200_000)),
        text(&"x".repeat(100_000)),
        text(r#"[null,null,null,null,null]"#),
        text(r#"[{},[],"phoenix","heartbeat",null]"#),
        Message::Binary(Vec::new().into()),
        Message::Binary(vec![0; 7].into()),
        Message::Binary(vec![3, 255, 255, 255, 255, 255, 255].into()),
        Message::Binary(vec![200; 5000].into()),
        pushed("2", "", "", b"", true),
        pushed("2", &wire, "", b"", false),
        pushed("2", &wire, "e", b"{", true),
        call("broadcast", "null"),
        call("broadcast", "7"),
        call("broadcast", r#"{"event":{}}"#),
        call("presence", "null"),
        call("presence", r#"{"event":5}"#),
        call("presence", r#"{"event":"track","payload":[]}"#),
        call("access_token", "null"),
        call("access_token", r#"{"access_token":null}"#),
        call("access_token", r#"{"access_token":[1]}"#),
        call("nothing", "{}"),
        text(r#"["1","2","realtime:x","phx_join",null]"#),
        text(r#"["1","2","realtime:y","phx_join",{"config":[]}]"#),
        text(
            r#"["1","2","realtime:z","phx_join",{"config":{"private":{},"broadcast":3,"presence":[]},"access_token":{}}]"#,
        ),
        text(r#"["1","2","nowhere","phx_join",{}]"#),
        text(r#"["1","2","realtime:not joined","broadcast",{}]"#),
        text(r#"["1","2","realtime:not joined","phx_leave",{}]"#),
    ];
    for version in ["2.0.0", "1.0.0"] {
        let mut client =
            Client::connect(&project.address, project.keys.publishable(), version).await;
        let token = project.token(ada, 600);
        let config = json!({ "private": true, "broadcast": { "self": true } });
        assert_eq!(client.join(&topic, &token, &config).await["status"], "ok");
        for frame in &frames {
            client.send(frame.clone()).await;
            client.heartbeat().await;
        }
        client.broadcast(&topic, "alive", &json!({})).await;
        while client.hear_next("broadcast").await["event"] != "alive" {}
    }
}

#[tokio::test]
async fn a_frame_without_end_ends_its_own_connection_alone() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let mut other = project
        .listener(ada, &json!({ "broadcast": { "self": true } }))
        .await;
    let mut client = project.client().await;
    // It may be cut off before all is sent.
    client
        .try_to_send(Message::Text("x".repeat(6_000_000).into()))
        .await
        .ok();
    client.hear_the_end().await;
    other.broadcast(&topic, "alive", &json!({})).await;
    assert_eq!(other.hear().await.payload["event"], "alive");
}
