//! begin_connect → consent → callback → confirm_connect.

use std::time::{Duration, Instant};

use bondhu_standin::{Consent, Fault, Outcome};
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
async fn a_state_works_once() {
    let world = World::new().await;
    let user = world.database.user().await;
    let begun = world.begin_connect(user, "spotify", APP).await.unwrap();
    let callback = world.consent(begun).await;
    assert_eq!(world.open(callback.clone()).await.0, StatusCode::SEE_OTHER);
    assert_eq!(world.open(callback).await, (StatusCode::BAD_REQUEST, None));
    assert_eq!(world.requests("/spotify/api/token").len(), 1);
}

#[tokio::test]
async fn an_expired_unknown_or_foreign_state_leads_to_a_page_and_nowhere_else() {
    let world = World::new().await;
    let user = world.database.user().await;
    let begun = world.begin_connect(user, "spotify", APP).await.unwrap();
    let callback = world.consent(begun).await;

    let mut foreign = callback.clone();
    foreign.set_path("/oauth/youtube/callback");
    assert_eq!(
        world.open(foreign).await,
        (StatusCode::BAD_REQUEST, None),
        "begun for another provider"
    );

    sqlx::query("update bondhu.oauth_states set expires_at = now() - interval '1 s'")
        .execute(&world.admin)
        .await
        .unwrap();
    assert_eq!(
        world.open(callback.clone()).await,
        (StatusCode::BAD_REQUEST, None)
    );

    let mut unknown = callback.clone();
    unknown.set_query(Some("state=invented&code=x"));
    assert_eq!(world.open(unknown).await, (StatusCode::BAD_REQUEST, None));
    let mut bare = callback.clone();
    bare.set_query(None);
    assert_eq!(world.open(bare).await, (StatusCode::BAD_REQUEST, None));
    let mut nobody = callback;
    nobody.set_path("/oauth/napster/callback");
    assert_eq!(world.open(nobody).await, (StatusCode::NOT_FOUND, None));
    assert!(world.requests("/spotify/api/token").is_empty());
}

#[tokio::test]
async fn a_refused_consent_comes_back_as_access_denied() {
    let world = World::new().await;
    let user = world.database.user().await;
    world.standin.set_consent(Consent::Deny);
    for provider in Provider::ALL {
        let back = world.come_back(user, provider).await;
        assert_eq!(back["error"], "access_denied");
        assert_eq!(back["provider"], provider.name());
        assert!(!back["error_description"].is_empty() && !back.contains_key("code"));
    }
}

#[tokio::test]
async fn unticked_permissions_come_back_as_a_missing_scope() {
    let world = World::new().await;
    let user = world.database.user().await;
    world
        .standin
        .set_consent(Consent::GrantOnly(vec!["openid".to_owned()]));
    let back = world.come_back(user, Provider::YouTube).await;
    assert_eq!(back["error"], "scope_missing");
    assert_eq!(
        world
            .count("bondhu.pending_connections where user_id = $1", user)
            .await,
        0
    );
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_sends_the_person_back_with_its_code() {
    let world = World::new().await;
    let user = world.database.user().await;
    world
        .standin
        .inject(Fault::server_error("/spotify/api/token"));
    assert_eq!(
        world.come_back(user, Provider::Spotify).await["error"],
        "server_error"
    );
    world
        .standin
        .inject(Fault::recorded("/google/token", "google", "token_invalid_grant").unwrap());
    assert_eq!(
        world.come_back(user, Provider::YouTube).await["error"],
        "consent_ended"
    );
    world
        .standin
        .inject(Fault::recorded("/spotify/api/token", "spotify", "token_invalid_client").unwrap());
    assert_eq!(
        world.come_back(user, Provider::Spotify).await["error"],
        "app_refused"
    );
}

#[tokio::test]
async fn a_code_confirms_once_and_only_for_the_user_who_began() {
    let world = World::new().await;
    let (user, other) = (world.database.user().await, world.database.user().await);
    let code = world
        .come_back(user, Provider::Spotify)
        .await
        .remove("code")
        .unwrap();

    let refused = world.confirm_connect(other, &code).await.unwrap_err();
    assert_eq!(refusal(&refused).0, "P0002");
    assert_eq!(
        world
            .count("public.provider_connections where user_id = $1", other)
            .await,
        0
    );

    assert_eq!(world.confirm_connect(user, &code).await.unwrap(), "spotify");
    assert_eq!(
        refusal(&world.confirm_connect(user, &code).await.unwrap_err()).0,
        "P0002"
    );
}

#[tokio::test]
async fn an_unconfirmed_consent_expires() {
    let world = World::new().await;
    let user = world.database.user().await;
    let code = world
        .come_back(user, Provider::Spotify)
        .await
        .remove("code")
        .unwrap();
    sqlx::query("update bondhu.pending_connections set expires_at = now() - interval '1 s'")
        .execute(&world.admin)
        .await
        .unwrap();
    assert_eq!(
        refusal(&world.confirm_connect(user, &code).await.unwrap_err()).0,
        "P0002"
    );
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
