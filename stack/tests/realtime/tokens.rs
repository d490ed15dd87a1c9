//! Tokens that end, and those that take their place.

use std::time::Duration;

use bondhu_stack::supabase::realtime::Settings;
use bondhu_stack::testing::{Role, execute};
use serde_json::json;

use crate::project::{Project, private};

#[tokio::test]
async fn a_channel_ends_with_its_token() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let mut client = project.client().await;
    let reply = client
        .join(&topic, &project.token(ada, 2), &private(&json!({})))
        .await;
    assert_eq!(reply["status"], "ok", "{reply}");
    let heard = client.hear().await;
    assert_eq!(heard.event, "system");
    assert_eq!(heard.payload["status"], "error");
    let said = heard.payload["message"].as_str().unwrap();
    assert!(said.starts_with("Token has expired "), "{said}");
    assert_eq!(client.hear().await.event, "phx_close");
    // The connection does not.
    client.heartbeat().await;
    let reply = client
        .join(&topic, &project.token(ada, 600), &private(&json!({})))
        .await;
    assert_eq!(reply["status"], "ok");
}

#[tokio::test]
async fn a_renewed_token_keeps_the_channel() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let wire = format!("realtime:{topic}");
    let mut client = project
        .listener(ada, &json!({ "broadcast": { "self": true } }))
        .await;
    for token in [
        project.token(ada, 900),
        project.keys.publishable().to_owned(), // what supabase-js sends without a session; it changes nothing
    ] {
        client
            .say(&wire, "access_token", &json!({ "access_token": token }))
            .await;
        client.broadcast(&topic, "still", &json!({})).await;
        assert_eq!(client.hear().await.payload["event"], "still");
    }
}

#[tokio::test]
async fn a_token_that_may_not_hear_ends_the_channel() {
    let project = Project::start().await;
    let ((ada, topic), (bela, _)) = (project.user().await, project.user().await);
    for (token, words) in [
        (
            project.token(bela, 600),
            format!("You do not have permissions to read from this Channel topic: {topic}"),
        ),
        (
            project.keys.anon().to_owned(),
            format!("You do not have permissions to read from this Channel topic: {topic}"),
        ),
        (
            "nonsense".to_owned(),
            "The token provided is not a valid JWT".to_owned(),
        ),
        (project.token(ada, -60), "Token has expired 6".to_owned()),
    ] {
        let mut client = project.listener(ada, &json!({})).await;
        let wire = format!("realtime:{topic}");
        client
            .say(&wire, "access_token", &json!({ "access_token": token }))
            .await;
        let heard = client.hear().await;
        assert_eq!(heard.event, "system");
        let said = heard.payload["message"].as_str().unwrap();
        assert!(said.starts_with(&words), "{said}");
        assert_eq!(client.hear().await.event, "phx_close");

        let mut other = project.listener(ada, &json!({})).await;
        other.broadcast(&topic, "secret", &json!({})).await;
        other.heartbeat().await;
        let reply = client.ask(&wire, "broadcast", &json!({})).await;
        assert_eq!(reply["response"]["reason"], "unmatched topic");
    }
}

#[tokio::test]
async fn what_a_policy_takes_away_is_asked_with_the_next_token() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let mut client = project
        .listener(ada, &json!({ "presence": { "enabled": true } }))
        .await;
    assert_eq!(client.hear().await.event, "presence_state");
    execute(
        &mut project.database.connect(Role::Owner).await,
        "drop policy bondhu_hear_own_topic on realtime.messages;
         create policy bondhu_hear_own_topic on realtime.messages for select to authenticated using (extension = 'broadcast')",
    )
    .await;
    let wire = format!("realtime:{topic}");
    let token = project.token(ada, 900);
    client
        .say(&wire, "access_token", &json!({ "access_token": token }))
        .await;
    assert_eq!(
        client.hear_next("system").await["message"],
        format!("You no longer have permission to read from this Channel topic: {topic}")
    );
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_ended() {
    let project = Project::start_with(Settings {
        silence: Duration::from_millis(200),
        ..Settings::default()
    })
    .await;
    let mut client = project.client().await;
    client.heartbeat().await;
    client.hear_the_end().await;
}

#[tokio::test]
async fn closing_the_service_ends_every_connection() {
    let project = Project::start().await;
    let (ada, _) = project.user().await;
    let mut clients = [
        project.listener(ada, &json!({})).await,
        project.client().await,
    ];
    project.realtime.close().await;
    for client in &mut clients {
        client.hear_the_end().await;
    }
    project.client().await.hear_the_end().await;
}
