//! Who may join what.

use bondhu_stack::supabase::keys::Keys;
use bondhu_stack::supabase::realtime::Settings;
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::project::{Project, claims, private, signed};

#[tokio::test]
async fn a_user_joins_their_own_topic() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    for version in ["1.0.0", "2.0.0"] {
        let mut client =
            Client::connect(&project.address, project.keys.publishable(), version).await;
        let reply = client
            .join(&topic, &project.token(ada, 600), &private(&json!({})))
            .await;
        assert_eq!(
            reply,
            json!({ "status": "ok", "response": { "postgres_changes": [] } })
        );
        let reply = client
            .ask(&format!("realtime:{topic}"), "phx_leave", &json!({}))
            .await;
        assert_eq!(reply["status"], "ok");
        let heard = client.hear().await;
        assert_eq!(heard.event, "phx_close");
    }
}

/// Each attack, and what it is told.
#[tokio::test]
async fn nobody_joins_anothers_topic() {
    let project = Project::start().await;
    let foreign = Keys::fresh().unwrap();
    let ((ada, own), (bela, other)) = (project.user().await, project.user().await);
    let token = project.token(ada, 600);
    let keys = &project.keys;
    let now = Utc::now().timestamp();
    let unreadable = |topic: &str| {
        format!(
            "Unauthorized: You do not have permissions to read from this Channel topic: {topic}"
        )
    };
    let with = |change: Value| {
        let mut claims = claims(bela, 600);
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let topics = |topic: String| (token.clone(), unreadable(&topic), topic);
    let tokens = |token: String, reason: &str| (token, reason.to_owned(), other.clone());
    let attacks: Vec<(&str, (String, String, String))> = vec![
        ("another's", topics(other.clone())),
        ("nobody's", topics(format!("user:{}", Uuid::new_v4()))),
        ("no user's", topics("user:".to_owned())),
        (
            "upper case",
            topics(format!("user:{}", ada.to_string().to_uppercase())),
        ),
        ("something after", topics(format!("{own}:more"))),
        ("something before", topics(format!(" {own}"))),
        ("another word", topics(format!("users:{ada}"))),
        ("a pattern", topics("user:%".to_owned())),
        ("a NUL", topics(format!("{own}\0"))),
        (
            "a statement",
            topics(format!("{own}'; set role postgres; --")),
        ),
        (
            "no topic",
            (
                token.clone(),
                "TopicNameRequired: You must provide a topic name".to_owned(),
                String::new(),
            ),
        ),
        (
            "the key for browsers",
            tokens(keys.publishable().to_owned(), &unreadable(&other)),
        ),
        (
            "the old key for browsers",
            tokens(keys.anon().to_owned(), &unreadable(&other)),
        ),
        (
            "a user's id under role anon",
            tokens(
                signed(keys, &with(json!({ "role": "anon" }))),
                &unreadable(&other),
            ),
        ),
        (
            "a role that is none",
            tokens(
                signed(keys, &with(json!({ "role": "nobody at all" }))),
                &unreadable(&other),
            ),
        ),
        (
            "an id that is none",
            tokens(
                signed(keys, &with(json!({ "sub": "ada" }))),
                &unreadable(&other),
            ),
        ),
        (
            "nonsense",
            tokens(
                "nonsense".to_owned(),
                "MalformedJWT: The token provided is not a valid JWT",
            ),
        ),
        (
            "nothing",
            tokens(
                String::new(),
                "MalformedJWT: The token provided is not a valid JWT",
            ),
        ),
        (
            "no time",
            tokens(
                signed(keys, &json!({ "sub": bela, "role": "authenticated" })),
                "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
            ),
        ),
        (
            "no role",
            tokens(
                signed(keys, &json!({ "sub": bela, "exp": now + 60 })),
                "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
            ),
        ),
        (
            "yesterday's",
            tokens(
                signed(keys, &with(json!({ "exp": now - 60 }))),
                "InvalidJWTToken: Token has expired 6",
            ),
        ),
        (
            "another project's",
            tokens(
                signed(&foreign, &claims(bela, 600)),
                "JwtSignerError: Failed to generate JWT signer for key ID (kid) ",
            ),
        ),
        (
            "another project's old key",
            tokens(
                foreign.service_role().to_owned(),
                "JwtSignatureError: Failed to validate JWT signature",
            ),
        ),
    ];
    let mut client = project.client().await;
    for (name, (token, reason, topic)) in attacks {
        let reply = client.join(&topic, &token, &private(&json!({}))).await;
        assert_eq!(reply["status"], "error", "{name}: {reply}");
        let said = reply["response"]["reason"].as_str().unwrap();
        assert!(said.starts_with(&reason), "{name}: {said}");
    }
    // All on one connection, which still serves its user.
    let reply = client.join(&own, &token, &private(&json!({}))).await;
    assert_eq!(reply["status"], "ok");
}

#[tokio::test]
async fn the_service_role_joins_any_topic() {
    let project = Project::start().await;
    let (_, topic) = project.user().await;
    for key in [project.keys.secret(), project.keys.service_role()] {
        let mut client = Client::connect(&project.address, key, "2.0.0").await;
        let reply = client.join(&topic, key, &private(&json!({}))).await;
        assert_eq!(reply["status"], "ok", "{reply}");
    }
}

#[tokio::test]
async fn a_connection_needs_the_projects_key() {
    let project = Project::start().await;
    let foreign = Keys::fresh().unwrap();
    let (ada, _) = project.user().await;
    let key = |key: &str| format!("vsn=2.0.0&apikey={key}");
    for (query, status, words) in [
        ("vsn=2.0.0".to_owned(), 401, "API key is missing"),
        (key(""), 401, "The token provided is not a valid JWT"),
        (
            key("nonsense"),
            401,
            "The token provided is not a valid JWT",
        ),
        (
            key(foreign.publishable()),
            401,
            "The token provided is not a valid JWT",
        ),
        (key(foreign.anon()), 401, "Failed to validate JWT signature"),
        (
            key(&signed(&project.keys, &claims(ada, -60))),
            401,
            "Token has expired",
        ),
        // A user's token is none of the project's keys.
        (
            key(&project.token(ada, 600)),
            401,
            "Failed to validate JWT signature",
        ),
        (
            format!("vsn=3.0.0&apikey={}", project.keys.publishable()),
            403,
            "not spoken",
        ),
    ] {
        let refused = Client::try_to_connect(&project.address, &query, "2.0.0").await;
        let (said_status, said) = refused.err().expect("a refusal");
        assert_eq!(said_status, status, "{query}");
        assert!(said.contains(words), "{query}: {said}");
    }
}

#[tokio::test]
async fn the_public_channel_of_a_name_is_another_room() {
    let project = Project::start().await;
    let (ada, topic) = project.user().await;
    let mut own = project.listener(ada, &json!({})).await;
    let mut stranger = project.client().await;
    let reply = stranger
        .join(
            &topic,
            project.keys.publishable(),
            &json!({ "broadcast": { "ack": true } }),
        )
        .await;
    assert_eq!(reply["status"], "ok", "public channels are open: {reply}");

    let mut other_device = project.listener(ada, &json!({})).await;
    other_device.broadcast(&topic, "private", &json!({})).await;
    let sent = json!({ "type": "broadcast", "event": "public", "payload": {} });
    let wire = format!("realtime:{topic}");
    assert_eq!(
        stranger.ask(&wire, "broadcast", &sent).await["status"],
        "ok"
    );
    other_device
        .broadcast(&topic, "private again", &json!({}))
        .await;

    let heard = [own.hear().await, own.hear().await].map(|heard| heard.payload["event"].clone());
    assert_eq!(heard, [json!("private"), json!("private again")]);
    stranger.heartbeat().await; // which would skip nothing that is for the stranger
}

#[tokio::test]
async fn a_project_may_have_private_channels_only() {
    let project = Project::start_with(Settings {
        allow_public_access: false,
        ..Settings::default()
    })
    .await;
    let (ada, topic) = project.user().await;
    let mut client = project.client().await;
    let token = project.token(ada, 600);
    let reply = client.join(&topic, &token, &json!({})).await;
    assert_eq!(
        reply["response"]["reason"],
        "PrivateOnly: This project only allows private channels"
    );
    let reply = client.join(&topic, &token, &private(&json!({}))).await;
    assert_eq!(reply["status"], "ok");
}

#[tokio::test]
async fn channels_of_a_connection_are_counted() {
    let project = Project::start_with(Settings {
        channels_per_connection: 2,
        ..Settings::default()
    })
    .await;
    let mut client = project.client().await;
    let key = project.keys.publishable();
    // The second time it takes the place of the first.
    for name in ["a", "a", "b"] {
        let reply = client.join(name, key, &json!({})).await;
        assert_eq!(reply["status"], "ok", "{name}: {reply}");
    }
    let reply = client.join("c", key, &json!({})).await;
    assert_eq!(
        reply["response"]["reason"],
        "ChannelRateLimitReached: Too many channels"
    );
}
