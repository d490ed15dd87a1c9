//! Who is there.

use bondhu_stack::supabase::realtime::Settings;
use bondhu_stack::testing::{Role, execute};
use serde_json::{Value, json};

use crate::client::Client;
use crate::project::Project;

fn tracked(said: &Value) -> Value {
    json!({ "type": "presence", "event": "track", "payload": said })
}

async fn device(project: &Project, user: uuid::Uuid, key: &str) -> (Client, Value) {
    let config = json!({ "presence": { "enabled": true, "key": key } });
    let mut client = project.listener(user, &config).await;
    let state = client.hear().await;
    assert_eq!(state.event, "presence_state");
    (client, state.payload)
}

#[tokio::test]
async fn devices_see_each_other_come_change_and_go() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let wire = format!("realtime:{topic}");
    let (mut phone, state) = device(&project, ada, "phone").await;
    assert_eq!(state, json!({}));
    phone
        .say(&wire, "presence", &tracked(&json!({ "at": "home" })))
        .await;
    let joins = phone.hear_next("presence_diff").await["joins"].take();
    assert_eq!(joins["phone"]["metas"][0]["at"], "home");

    let (mut laptop, state) = device(&project, ada, "laptop").await;
    assert_eq!(state, joins);
    assert_eq!(
        laptop.ask(&wire, "presence", &tracked(&json!({}))).await,
        json!({ "status": "ok", "response": {} })
    );
    let diff = phone.hear_next("presence_diff").await;
    assert!(
        diff["joins"]["laptop"]["metas"][0]["phx_ref"].is_string(),
        "{diff}"
    );
    assert_eq!(diff["leaves"], json!({}));

    // The same again is no news; something else is.
    laptop.say(&wire, "presence", &tracked(&json!({}))).await;
    laptop
        .say(&wire, "presence", &tracked(&json!({ "busy": true })))
        .await;
    let change = phone.hear_next("presence_diff").await;
    let (now, before) = (
        &change["joins"]["laptop"]["metas"][0],
        &change["leaves"]["laptop"]["metas"][0],
    );
    assert_eq!(now["busy"], true);
    assert_eq!(now["phx_ref_prev"], before["phx_ref"]);
    assert_eq!(
        before["phx_ref"],
        diff["joins"]["laptop"]["metas"][0]["phx_ref"]
    );

    laptop
        .say(
            &wire,
            "presence",
            &json!({ "type": "presence", "event": "untrack" }),
        )
        .await;
    let left = phone.hear_next("presence_diff").await;
    assert_eq!(left["leaves"]["laptop"]["metas"][0]["busy"], true);
    assert_eq!(left["joins"], json!({}));

    // A connection that is cut off leaves, too.
    let (tablet, _) = device(&project, ada, "tablet").await;
    let mut tablet = tablet;
    tablet.say(&wire, "presence", &tracked(&json!({}))).await;
    assert!(phone.hear_next("presence_diff").await["joins"]["tablet"].is_object());
    drop(tablet);
    assert!(phone.hear_next("presence_diff").await["leaves"]["tablet"].is_object());
}

#[tokio::test]
async fn who_may_not_be_present_is_told_so() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    execute(
        &mut project.database.connect(Role::Owner).await,
        "drop policy bondhu_send_to_own_topic on realtime.messages;
         create policy bondhu_send_to_own_topic on realtime.messages for insert to authenticated with check (extension = 'broadcast')",
    )
    .await;
    let (mut client, _) = device(&project, ada, "phone").await;
    let wire = format!("realtime:{topic}");
    let call =
        |event: &str, said: Value| json!({ "type": "presence", "event": event, "payload": said });
    for (event, said) in [
        ("track", json!({})),
        ("TRACK", json!({ "a": 1 })),
        ("hide", json!({})),
    ] {
        let reply = client.ask(&wire, "presence", &call(event, said)).await;
        assert_eq!(
            reply,
            json!({ "status": "error", "response": {} }),
            "{event}"
        );
    }
    let (_, state) = device(&project, ada, "laptop").await;
    assert_eq!(state, json!({}));
}

#[tokio::test]
async fn being_present_has_limits() {
    let project = Project::start_with(Settings {
        presence_calls: 3,
        payload_bytes: 1000,
        ..Settings::default()
    })
    .await;
    let (ada, topic) = project.user().await;
    let wire = format!("realtime:{topic}");
    let (mut client, _) = device(&project, ada, "phone").await;
    let reply = client
        .ask(&wire, "presence", &tracked(&json!("text")))
        .await;
    assert_eq!(
        reply["response"]["reason"],
        "Presence track payload must be a map"
    );
    let large = tracked(&json!({ "text": "x".repeat(1000) }));
    client.say(&wire, "presence", &large).await;
    assert_eq!(
        client.hear_next("system").await["message"],
        "Track message size exceeded"
    );

    let (mut client, _) = device(&project, ada, "phone").await;
    for n in 0..4 {
        client
            .say(&wire, "presence", &tracked(&json!({ "n": n })))
            .await;
    }
    assert_eq!(
        client.hear_next("system").await["message"],
        "Client presence rate limit exceeded"
    );
    assert_eq!(client.hear_next("phx_close").await, json!({}));
}

#[tokio::test]
async fn presence_is_heard_by_who_may_hear_it_alone() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    execute(
        &mut project.database.connect(Role::Owner).await,
        "drop policy bondhu_hear_own_topic on realtime.messages;
         create policy bondhu_hear_own_topic on realtime.messages for select to authenticated using (extension = 'broadcast')",
    )
    .await;
    let wire = format!("realtime:{topic}");
    let config = json!({ "presence": { "enabled": true } });
    let mut deaf = project.listener(ada, &config).await;
    let mut other = project.listener(ada, &json!({})).await;
    assert_eq!(
        other.ask(&wire, "presence", &tracked(&json!({}))).await["status"],
        "ok"
    );
    other.broadcast(&topic, "typing", &json!({})).await;
    assert_eq!(deaf.hear().await.payload["event"], "typing");
}
