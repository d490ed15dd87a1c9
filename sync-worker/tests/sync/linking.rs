//! begin_connect → consent → callback → confirm_connect.

use std::time::{Duration, Instant};

use bondhu_standin::{Fault, Outcome};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use sync_worker::provider::Provider;
use sync_worker::vault::{Owner, TokenKind};

use crate::fixture::{APP, World, refusal};

#[tokio::test]
async fn a_confirmed_consent_is_a_pending_connection_with_its_account_and_scopes() {
    let world = World::new().await;
    for (provider, scopes) in [
        (
            Provider::Spotify,
            vec![
                "playlist-read-collaborative",
                "playlist-read-private",
                "user-follow-read",
                "user-library-read",
                "user-read-recently-played",
                "user-top-read",
            ],
        ),
        (
            Provider::YouTube,
            vec!["https://www.googleapis.com/auth/youtube.readonly"],
        ),
    ] {
        let user = world.linked(provider, 4).await;
        let (status, mut granted, id, name): (String, Vec<String>, String, String) = sqlx::query_as(
            "select status, scopes, account_id, account_name from public.provider_connections where user_id = $1",
        )
        .bind(user)
        .fetch_one(&world.admin)
        .await
        .unwrap();
        granted.sort();
        assert_eq!(
            (status.as_str(), granted),
            ("pending", scopes.iter().map(ToString::to_string).collect())
        );
        let (spotify_id, channel_id, display_name) = world.standin.with_account(4, |account| {
            (
                account.spotify_id.clone(),
                account.video.channel_id.clone(),
                account.display_name.clone(),
            )
        });
        let account_id = if provider == Provider::Spotify {
            format!("acct-{spotify_id}")
        } else {
            channel_id
        };
        assert_eq!((id, name), (account_id, display_name));
    }
}

#[tokio::test]
async fn tokens_are_stored_sealed_and_open_only_for_their_owner() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let owner = Owner {
        user,
        provider: Provider::Spotify,
    };
    for (kind, name) in [
        (TokenKind::Access, "access"),
        (TokenKind::Refresh, "refresh"),
    ] {
        let sealed: Vec<u8> = sqlx::query_scalar(
            "select sealed from bondhu.provider_tokens where user_id = $1 and kind = $2",
        )
        .bind(user)
        .bind(name)
        .fetch_one(&world.admin)
        .await
        .unwrap();
        let token = world.context.vault.open(owner, kind, &sealed).unwrap();
        let clear = token.expose_secret().as_bytes();
        assert!(!clear.is_empty());
        assert!(!sealed.windows(clear.len()).any(|part| part == clear));
    }
}

#[tokio::test]
async fn no_table_holds_a_token_in_clear() {
    let world = World::new().await;
    let user = world.database.user().await;
    // One is linked and synced, one is not confirmed yet.
    world.link(user, Provider::Spotify, 1).await;
    world.sync().await;
    world.come_back(user, Provider::YouTube).await;
    let mut secrets = std::collections::HashSet::new();
    for request in world.standin.requests() {
        secrets.extend(request.bearer().map(str::to_owned));
        secrets.extend(request.form.get("refresh_token").map(str::to_owned));
        secrets.extend(request.form.get("code").map(str::to_owned));
    }
    assert!(
        secrets.len() >= 4,
        "two codes and two access tokens at least"
    );
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'bondhu')",
    )
    .fetch_all(&world.admin)
    .await
    .unwrap();
    for table in tables {
        for secret in &secrets {
            let forms = [secret.clone(), hex(secret.as_bytes())];
            let found: i64 = sqlx::query_scalar(&format!(
                "select count(*) from {table} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0"
            ))
            .bind(&forms[0])
            .bind(&forms[1])
            .fetch_one(&world.admin)
            .await
            .unwrap();
            assert_eq!(found, 0, "{table}");
        }
    }
}

/// As Postgres shows a bytea.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_provider_that_is_slow_to_say_whose_account_it_is_costs_no_consent() {
    let world = World::new().await;
    let user = world.database.user().await;
    let late = Outcome::Delayed(Duration::from_secs(19));
    world.standin.inject(Fault::on("/spotify/v1/me", late));
    let begun = Instant::now();
    world.link(user, Provider::Spotify, 1).await;
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it was waited for"
    );
    let id: Option<String> =
        sqlx::query_scalar("select account_id from public.provider_connections where user_id = $1")
            .bind(user)
            .fetch_one(&world.admin)
            .await
            .unwrap();
    assert_eq!(id, None, "the first pull asks");
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn the_exchange_proves_the_verifier_and_the_client() {
    let world = World::new().await;
    for provider in Provider::ALL {
        world.linked(provider, 1).await;
    }
    let spotify = &world.requests("/spotify/api/token")[0];
    let google = &world.requests("/google/token")[0];
    for request in [spotify, google] {
        assert_eq!(request.status, StatusCode::OK);
        assert_eq!(request.form.get("grant_type"), Some("authorization_code"));
        assert!(
            request
                .form
                .get("code_verifier")
                .is_some_and(|verifier| verifier.len() >= 43)
        );
        assert!(request.form.get("redirect_uri").is_some());
    }
    let basic = spotify.headers["authorization"].to_str().unwrap();
    assert!(
        basic.starts_with("Basic "),
        "Spotify authenticates clients by header"
    );
    assert!(google.form.get("client_secret").is_some());
}

#[tokio::test]
async fn the_authorisation_url_carries_state_and_challenge_and_asks_google_for_a_refresh_token() {
    let world = World::new().await;
    let user = world.database.user().await;
    let mut states = std::collections::HashSet::new();
    for provider in [Provider::Spotify, Provider::YouTube, Provider::Spotify] {
        let url = world
            .begin_connect(user, provider.name(), APP)
            .await
            .unwrap();
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["code_challenge"].len(), 43);
        assert_eq!(query["response_type"], "code");
        assert!(
            states.insert(query["state"].clone()),
            "a state is new each time"
        );
        let offline = query.get("access_type").map(String::as_str);
        assert_eq!(
            offline,
            (provider == Provider::YouTube).then_some("offline")
        );
    }
}

#[tokio::test]
async fn an_unknown_provider_is_refused_with_the_known_ones() {
    let world = World::new().await;
    let user = world.database.user().await;
    let (state, message, hint) =
        refusal(&world.begin_connect(user, "napster", APP).await.unwrap_err());
    assert_eq!(state, "22023");
    assert!(message.contains("napster"), "{message}");
    assert!(hint.contains("spotify, youtube"), "{hint}");
}

#[tokio::test]
async fn nobody_is_sent_back_to_where_the_allow_list_does_not_lead() {
    let world = World::new().await;
    let user = world.database.user().await;
    for foreign in [
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://app.example:pw@evil.example/",
        "https://evil.example/https://app.example",
        "https://evil.example#https://app.example",
        "https://evil.example\\@app.example/",
        "https://app.example\\.evil.example/",
        "https://user@app.example/",
        "https:/app.example/",
        "https:app.example/",
        "//app.example/",
        "http://app.example/",
        "https://app.example:8443/",
        "https://app.example./",
        " https://app.example/",
        "https://app.example/\n",
        "https://app.ex\u{e4}mple/",
        "javascript://app.example/%0aalert(1)",
        "",
    ] {
        let refused = world
            .begin_connect(user, "spotify", foreign)
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused).0, "22023", "{foreign}");
    }
    for own in [
        "https://app.example",
        "https://APP.example:443/",
        "HTTPS://app.example/deep?x=1#part",
        "https://app.example?next=https://evil.example@x",
    ] {
        assert!(
            world.begin_connect(user, "spotify", own).await.is_ok(),
            "{own}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_not_set_up_says_what_the_operator_has_to_do() {
    let world = World::new().await;
    let user = world.database.user().await;
    sqlx::query("update bondhu.provider_settings set client_id = null where provider = 'spotify'")
        .execute(&world.admin)
        .await
        .unwrap();
    let (state, _, hint) = refusal(&world.begin_connect(user, "spotify", APP).await.unwrap_err());
    assert_eq!(state, "55000");
    assert!(hint.contains("client_id"), "{hint}");
}
