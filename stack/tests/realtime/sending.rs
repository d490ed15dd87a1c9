//! Who may send what, and who hears it.

use bondhu_stack::supabase::realtime::Settings;
use bondhu_stack::testing::{Role, execute};
use serde_json::{Value, json};

use crate::client::{Client, pushed};
use crate::project::{Project, private};

#[tokio::test]
async fn other_devices_hear_a_broadcast_and_oneself_on_demand() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let mut other = project.listener(ada, &json!({})).await;
    for (own, acknowledged) in [(false, false), (false, true), (true, false), (true, true)] {
        let config = json!({ "broadcast": { "self": own, "ack": acknowledged } });
        let mut client = project.listener(ada, &config).await;
        client
            .broadcast(&topic, "typing", &json!({ "on": true }))
            .await;
        let heard = other.hear().await;
        assert_eq!(
            heard.payload,
            json!({ "type": "broadcast", "event": "typing", "payload": { "on": true } })
        );
        assert_eq!(heard.topic, format!("realtime:{topic}"));
        if own {
            assert_eq!(client.hear().await.payload["event"], "typing");
        }
        if acknowledged {
            assert_eq!(
                client.hear().await.payload,
                json!({ "status": "ok", "response": {} })
            );
        }
        client.say("phoenix", "heartbeat", &json!({})).await;
        assert_eq!(
            client.hear().await.event,
            "phx_reply",
            "nothing else was said"
        );
        assert_eq!(
            client
                .ask(&format!("realtime:{topic}"), "phx_leave", &json!({}))
                .await["status"],
            "ok"
        );
    }
}

#[tokio::test]
async fn both_protocols_hear_each_other() {
    let project = Project::start().await;
    let key = project.keys.publishable();
    let mut first = Client::connect(&project.address, key, "1.0.0").await;
    let mut second = Client::connect(&project.address, key, "2.0.0").await;
    for client in [&mut first, &mut second] {
        assert_eq!(client.join("room", key, &json!({})).await["status"], "ok");
    }
    let (wire, body) = ("realtime:room", br#"{"n":1}"#);
    second.send(pushed("9", wire, "typing", body, true)).await;
    let expected = json!({ "type": "broadcast", "event": "typing", "payload": { "n": 1 } });
    assert_eq!(first.hear().await.payload, expected);
    first.broadcast("room", "typing", &json!({ "n": 1 })).await;
    assert_eq!(second.hear().await.payload, expected);

    // Bytes that are no JSON have no place in the first protocol.
    let mut third = Client::connect(&project.address, key, "2.0.0").await;
    assert_eq!(third.join("room", key, &json!({})).await["status"], "ok");
    second
        .send(pushed("10", wire, "bytes", &[255, 0], false))
        .await;
    second.send(pushed("11", wire, "lies", b"{", true)).await;
    second.broadcast("room", "last", &json!({})).await;
    assert_eq!(first.hear().await.payload["event"], "last");
    assert_eq!(third.hear().await.payload["payload"], json!([255, 0]));
}

/// Whom a policy lets hear and not send is not told that nothing was sent.
#[tokio::test]
async fn a_refused_send_is_dropped_in_silence() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let mut listener = project.listener(ada, &json!({})).await;
    execute(
        &mut project.database.connect(Role::Owner).await,
        "drop policy bondhu_send_to_own_topic on realtime.messages",
    )
    .await;
    let mut sender = project
        .listener(ada, &json!({ "broadcast": { "ack": true, "self": true } }))
        .await;
    sender.broadcast(&topic, "typing", &json!({})).await;
    let wire = format!("realtime:{topic}");
    sender.send(pushed("8", &wire, "typing", b"{}", true)).await;
    sender.say("phoenix", "heartbeat", &json!({})).await;
    let heard = sender.hear().await;
    assert_eq!(
        (heard.topic.as_str(), heard.event.as_str()),
        ("phoenix", "phx_reply")
    );

    // The answer is remembered; another token makes it be asked again.
    execute(
        &mut project.database.connect(Role::Owner).await,
        "create policy bondhu_send_to_own_topic on realtime.messages for insert to authenticated with check (true)",
    )
    .await;
    sender.broadcast(&topic, "still refused", &json!({})).await;
    let token = project.token(ada, 900);
    sender
        .say(&wire, "access_token", &json!({ "access_token": token }))
        .await;
    sender.broadcast(&topic, "allowed", &json!({})).await;
    assert_eq!(listener.hear().await.payload["event"], "allowed");
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let project = Project::start_with(Settings {
        payload_bytes: 1000,
        ..Settings::default()
    })
    .await;
    let (ada, topic) = project.user().await;
    let mut listener = project.listener(ada, &json!({})).await;
    let mut sender = project
        .listener(ada, &json!({ "broadcast": { "ack": true } }))
        .await;
    let sent =
        json!({ "type": "broadcast", "event": "large", "payload": { "text": "x".repeat(1000) } });
    let wire = format!("realtime:{topic}");
    assert_eq!(
        sender.ask(&wire, "broadcast", &sent).await,
        json!({ "status": "error", "response": "payload_size_exceeded" })
    );
    let mut owner = project.database.connect(Role::Owner).await;
    let large = format!(
        "select realtime.send(jsonb_build_object('text', repeat('x', 1000)), 'large', '{topic}')"
    );
    execute(&mut owner, &large).await;
    execute(
        &mut owner,
        &format!("select realtime.send('{{}}', 'small', '{topic}')"),
    )
    .await;
    assert_eq!(listener.hear().await.payload["event"], "small");
}

#[tokio::test]
async fn the_database_sends_to_private_channels() {
    let project = Project::start().await;
    let ((ada, topic), (bela, _)) = (project.user().await, project.user().await);
    let mut listener = project.listener(ada, &json!({})).await;
    let mut other = project.listener(bela, &json!({})).await;
    let mut owner = project.database.connect(Role::Owner).await;
    execute(
        &mut owner,
        &format!(
            "select realtime.send('{{\"message_id\": 7}}', 'stored', '{topic}');
             select realtime.send_binary('\\x01ff', 'bytes', '{topic}');
             select realtime.send('{{}}', 'for the public', '{topic}', false);
             create table notes (id int, note text);
             create function told() returns trigger language plpgsql as $$
             begin
               perform realtime.broadcast_changes('{topic}', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
               return null;
             end $$;
             create trigger told after insert on notes for each row execute function told();
             insert into notes values (1, 'a');"
        ),
    )
    .await;
    let stored = listener.hear().await.payload;
    assert_eq!(stored["event"], "stored");
    assert_eq!(stored["payload"]["message_id"], 7);
    assert_eq!(stored["payload"]["id"], stored["meta"]["id"]);
    assert_eq!(listener.hear().await.payload["payload"], json!([1, 255]));
    let changed = listener.hear().await.payload;
    assert_eq!(changed["event"], "INSERT");
    assert_eq!(
        changed["payload"]["record"],
        json!({ "id": 1, "note": "a" })
    );
    assert_eq!(changed["payload"]["table"], "notes");

    // What is rolled back is not heard, nor is what is another's.
    let mut begun = sqlx::Connection::begin(&mut owner).await.unwrap();
    execute(
        &mut begun,
        &format!("select realtime.send('{{}}', 'undone', '{topic}')"),
    )
    .await;
    begun.rollback().await.unwrap();
    execute(
        &mut owner,
        &format!("select realtime.send('{{}}', 'done', '{topic}')"),
    )
    .await;
    execute(
        &mut owner,
        &format!("select realtime.send('{{}}', 'theirs', 'user:{bela}')"),
    )
    .await;
    assert_eq!(listener.hear().await.payload["event"], "done");
    assert_eq!(other.hear().await.payload["event"], "theirs");
}

#[tokio::test]
async fn what_was_missed_is_replayed_to_who_may_hear_it() {
    let project = Project::start().await;
    let ((ada, topic), (bela, _)) = (project.user().await, project.user().await);
    let mut owner = project.database.connect(Role::Owner).await;
    for event in ["first", "second", "third"] {
        execute(
            &mut owner,
            &format!("select realtime.send('{{}}', '{event}', '{topic}')"),
        )
        .await;
    }
    let wish = |replay: Value| json!({ "broadcast": { "replay": replay } });
    let last_two = private(&wish(json!({ "since": 0, "limit": 2 })));
    let mut client = project.client().await;
    let token = project.token(ada, 600);
    assert_eq!(client.join(&topic, &token, &last_two).await["status"], "ok");
    for event in ["second", "third"] {
        let heard = client.hear().await.payload;
        assert_eq!(heard["event"], event);
        assert_eq!(heard["meta"]["replayed"], true);
    }
    let theirs = project.token(bela, 600);
    for (token, config, reason) in [
        (&theirs, last_two, "Unauthorized: "),
        (
            &token,
            wish(json!({ "since": 0 })),
            "UnableToReplayMessages: Replay is not allowed for public channels",
        ),
        (
            &token,
            private(&wish(json!({ "since": "then" }))),
            "UnableToReplayMessages: Replay params are not valid",
        ),
    ] {
        let reply = client.join(&topic, token, &config).await;
        let said = reply["response"]["reason"].as_str().unwrap_or_default();
        assert!(said.starts_with(reason), "{reply}");
    }
}
