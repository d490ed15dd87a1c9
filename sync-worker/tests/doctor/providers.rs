//! What `doctor` finds of the providers, their tokens, and the Data API.

use bondhu_stack::testing::{Database, Role, execute};
use serde_json::json;
use sync_worker::doctor::Level;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{KEY, assert_finding, examined, pairs};

#[tokio::test]
async fn provider_settings_that_differ_come_with_the_statement_that_mends_them() {
    let database = Database::create().await;
    let mut pairs = pairs(&database);
    pairs.extend([
        ("BONDHU_TOKEN_KEYS", KEY.to_owned()),
        ("SPOTIFY_CLIENT_ID", "the-worker's-client".replace('\'', "")),
        ("SPOTIFY_CLIENT_SECRET", "hunter2".to_owned()),
        ("BONDHU_PUBLIC_URL", "https://worker.example.com".to_owned()),
    ]);
    let before = examined(pairs.clone()).await;
    assert!(!before.to_string().contains("hunter2"), "{before}");
    assert_finding(
        &before,
        Level::Fail,
        "Spotify's client id in the database is not the worker's",
        "update bondhu.provider_settings",
    );
    assert_finding(
        &before,
        Level::Fail,
        "https://worker.example.com/oauth/spotify/callback",
        "register the same URI",
    );
    assert_finding(&before, Level::Ok, "YouTube is off", "");

    // Doing what it says is enough.
    let mut owner = database.connect(Role::Owner).await;
    for finding in before
        .findings
        .iter()
        .filter(|finding| finding.level != Level::Ok && finding.what.contains("Spotify"))
    {
        let remedy = finding.remedy.as_deref().unwrap();
        let statement = remedy.split(';').next().unwrap();
        execute(&mut owner, statement).await;
    }
    let after = examined(pairs).await;
    assert_finding(&after, Level::Ok, "Spotify is set up alike", "");
    let carried = "Spotify's budget carries 32251 people, and 0 are linked";
    assert_finding(&after, Level::Ok, carried, "");
    assert_eq!(after.failures(), 0, "{after}");
}

#[tokio::test]
async fn tokens_sealed_with_a_key_that_is_gone_are_a_failure() {
    let database = Database::create().await;
    let user = database.user().await;
    let owner = database.pool(Role::Owner).await;
    for sql in [
        "insert into public.provider_connections (user_id, provider) values ($1, 'spotify')",
        // Three bytes of key id, the id, and whatever a sealed token holds after that.
        "insert into bondhu.provider_tokens (user_id, provider, kind, sealed)
         values ($1, 'spotify', 'access', '\\x03'::bytea || convert_to('old', 'UTF8') || decode(repeat('00', 60), 'hex'))",
    ] {
        sqlx::query(sql).bind(user).execute(&owner).await.unwrap();
    }
    let mut pairs = pairs(&database);
    pairs.extend([
        ("BONDHU_TOKEN_KEYS", KEY.to_owned()),
        ("SPOTIFY_CLIENT_ID", "id".to_owned()),
        ("SPOTIFY_CLIENT_SECRET", "secret".to_owned()),
    ]);
    let report = examined(pairs).await;
    assert_finding(
        &report,
        Level::Fail,
        "not in BONDHU_TOKEN_KEYS: old (1)",
        "add those keys again",
    );
}

#[tokio::test]
async fn the_data_api_is_asked_with_the_service_key() {
    let database = Database::create().await;
    let api = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/rest/v1/companion_profiles"))
        .and(header("apikey", "service-key"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .mount(&api)
        .await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(401).set_body_json(json!({"message": "Invalid API key"})),
        )
        .mount(&api)
        .await;
    let asked = async |key: &str| {
        let mut pairs = pairs(&database);
        pairs.extend([
            ("SUPABASE_URL", api.uri()),
            ("SUPABASE_SERVICE_ROLE_KEY", key.to_owned()),
        ]);
        examined(pairs).await
    };
    assert_finding(
        &asked("service-key").await,
        Level::Ok,
        "shows companion_profiles to the service role",
        "",
    );
    let refused = asked("another").await;
    assert_finding(
        &refused,
        Level::Fail,
        "the Data API at",
        "SUPABASE_SERVICE_ROLE_KEY",
    );
}
