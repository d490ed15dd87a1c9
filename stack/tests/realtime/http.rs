//! Broadcasts over HTTP.

use bondhu_stack::http::client;
use bondhu_stack::supabase::keys::Keys;
use serde_json::{Value, json};

use crate::project::Project;

async fn post(project: &Project, path: &str, token: &str, kind: &str, body: &str) -> (u16, Value) {
    let answer = client()
        .unwrap()
        .post(format!("http://{}/api/{path}", project.address))
        .header("apikey", project.keys.publishable())
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind)
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn one_broadcast_is_sent_by_who_may() {
    let project = Project::start().await;
    let ((ada, topic), (bela, _)) = (project.user().await, project.user().await);
    let foreign = Keys::fresh().unwrap();
    let mut listener = project.listener(ada, &json!({})).await;
    let path = format!("broadcast/{topic}/events/typing?private=true");
    let own = project.token(ada, 600);
    let json_type = "application/json";
    for (name, token, kind, body, status) in [
        ("another's", project.token(bela, 600), json_type, "{}", 403),
        (
            "the key for browsers",
            project.keys.publishable().to_owned(),
            json_type,
            "{}",
            403,
        ),
        (
            "another project's",
            foreign.service_role().to_owned(),
            json_type,
            "{}",
            401,
        ),
        ("nonsense", "nonsense".to_owned(), json_type, "{}", 401),
        ("expired", project.token(ada, -5), json_type, "{}", 401),
        ("no JSON", own.clone(), json_type, "{", 400),
        ("another kind", own.clone(), "text/plain", "{}", 415),
    ] {
        let (answered, body) = post(&project, &path, &token, kind, body).await;
        assert_eq!(answered, status, "{name}: {body}");
    }
    for token in [own, project.keys.service_role().to_owned()] {
        let body = r#"{"on":true}"#;
        assert_eq!(post(&project, &path, &token, json_type, body).await.0, 202);
        assert_eq!(
            listener.hear().await.payload,
            json!({ "type": "broadcast", "event": "typing", "payload": { "on": true } })
        );
    }
}

#[tokio::test]
async fn a_batch_is_sent_as_far_as_its_sender_may() {
    let project = Project::start().await;
    let ((ada, topic), (bela, other)) = (project.user().await, project.user().await);
    let mut listener = project.listener(ada, &json!({})).await;
    let mut theirs = project.listener(bela, &json!({})).await;
    let one = |topic: &str, event: &str| json!({ "topic": topic, "event": event, "payload": {}, "private": true });
    let batch = json!({ "messages": [one(&other, "theirs"), one(&topic, "own")] }).to_string();
    let own = project.token(ada, 600);
    let kind = "application/json";
    assert_eq!(post(&project, "broadcast", &own, kind, &batch).await.0, 202);
    assert_eq!(listener.hear().await.payload["event"], "own");

    let service = project.keys.service_role();
    let batch = json!({ "messages": [one(&other, "from the service")] }).to_string();
    assert_eq!(
        post(&project, "broadcast", service, kind, &batch).await.0,
        202
    );
    assert_eq!(theirs.hear().await.payload["event"], "from the service");

    for (body, status) in [
        ("", 400),
        ("[]", 422),
        ("{}", 422),
        (r#"{"messages":[{}]}"#, 422),
        (r#"{"messages":["text"]}"#, 422),
        (
            r#"{"messages":[{"topic":"a","event":"b","payload":"text"}]}"#,
            422,
        ),
        (
            r#"{"messages":[{"topic":"a","event":"b","payload":{},"private":"maybe"}]}"#,
            422,
        ),
    ] {
        let (answered, said) = post(&project, "broadcast", &own, kind, body).await;
        assert_eq!(answered, status, "{body}: {said}");
    }
}
