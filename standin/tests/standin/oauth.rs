//! Consent, codes and tokens.

use bondhu_standin::{Consent, Provider, RefreshAnswer, StandinConfig};
use reqwest::StatusCode;

use crate::client::{App, SPOTIFY_SCOPES, VERIFIER, YOUTUBE_SCOPE, answer};
use crate::descriptions::wire_example;

const BOTH: [Provider; 2] = [Provider::Spotify, Provider::YouTube];

#[tokio::test]
async fn consent_comes_back_with_a_code_and_the_state() {
    let app = App::start().await;
    for provider in BOTH {
        let mut query = app.authorization(provider);
        query.insert("state", "a/state with=odd&characters".to_owned());
        let back = app.redirected(provider, &query).await;
        assert_eq!(back["state"], "a/state with=odd&characters");
        assert!(!back["code"].is_empty());
    }
}

#[tokio::test]
async fn an_unregistered_client_or_redirect_uri_is_never_redirected_to() {
    let app = App::start().await;
    for provider in BOTH {
        let registered = app.authorization(provider)["redirect_uri"].clone();
        for (name, value) in [
            ("client_id", "someone-else".to_owned()),
            (
                "redirect_uri",
                "https://elsewhere.example/callback".to_owned(),
            ),
            ("redirect_uri", format!("{registered}/")),
            (
                "redirect_uri",
                format!("{registered}?next=https://elsewhere.example"),
            ),
        ] {
            let mut query = app.authorization(provider);
            query.insert(name, value);
            assert_eq!(
                app.open(provider, &query).await,
                (StatusCode::BAD_REQUEST, None)
            );
        }
    }
}

#[tokio::test]
async fn a_faulty_authorisation_request_goes_back_with_its_error() {
    let app = App::start().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("state", "", "invalid_request"),
        ("scope", "", "invalid_scope"),
    ] {
        let mut query = app.authorization(Provider::Spotify);
        query.insert(name, value.to_owned());
        let back = app.redirected(Provider::Spotify, &query).await;
        assert_eq!(back["error"], error, "{name}={value}");
        assert!(!back.contains_key("code"));
    }
}

#[tokio::test]
async fn a_refused_consent_says_access_denied() {
    let app = App::start().await;
    app.standin.set_consent(Consent::Deny);
    for provider in BOTH {
        let back = app.redirected(provider, &app.authorization(provider)).await;
        assert_eq!(
            (back["error"].as_str(), back["state"].as_str()),
            ("access_denied", "the state")
        );
        assert!(!back.contains_key("code"));
    }
}

#[tokio::test]
async fn a_code_is_exchanged_for_tokens_of_the_scopes_asked_for() {
    let app = App::start().await;
    for (provider, scopes) in [
        (Provider::Spotify, SPOTIFY_SCOPES),
        (Provider::YouTube, YOUTUBE_SCOPE),
    ] {
        let code = app.code(provider).await;
        let tokens = app.exchange(provider, &code, VERIFIER).await;
        assert_eq!(tokens.status, 200);
        assert_eq!(tokens.text("token_type"), "Bearer");
        assert_eq!(tokens.body["expires_in"], 3600);
        assert_eq!(tokens.header("cache-control"), "no-store");
        let mut granted: Vec<&str> = tokens.text("scope").split(' ').collect();
        let mut asked: Vec<&str> = scopes.split(' ').collect();
        granted.sort_unstable();
        asked.sort_unstable();
        assert_eq!(granted, asked);
    }
}

#[tokio::test]
async fn a_wrong_verifier_is_refused_and_uses_the_code_up() {
    let app = App::start().await;
    for provider in BOTH {
        let code = app.code(provider).await;
        for verifier in ["not-the-verifier-that-the-challenge-was-made-of", VERIFIER] {
            let refused = app.exchange(provider, &code, verifier).await;
            assert_eq!(
                (refused.status.as_u16(), refused.text("error")),
                (400, "invalid_grant")
            );
        }
    }
}

#[tokio::test]
async fn a_code_works_once_and_for_its_own_provider_and_redirect_uri() {
    let app = App::start().await;
    let code = app.code(Provider::Spotify).await;
    assert_eq!(
        app.exchange(Provider::Spotify, &code, VERIFIER)
            .await
            .status,
        200
    );
    assert_eq!(
        app.exchange(Provider::Spotify, &code, VERIFIER)
            .await
            .text("error"),
        "invalid_grant"
    );

    let code = app.code(Provider::Spotify).await;
    assert_eq!(
        app.exchange(Provider::YouTube, &code, VERIFIER)
            .await
            .text("error"),
        "invalid_grant"
    );

    let code = app.code(Provider::Spotify).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:1/other"),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(
        app.token(Provider::Spotify, &form).await.text("error"),
        "invalid_grant"
    );
}

#[tokio::test]
async fn the_client_authenticates_by_header_or_by_body() {
    let app = App::start().await;
    let config = StandinConfig::default();
    let url = format!("{}/api/token", app.standin.spotify_accounts_url());
    let (_, refresh_token) = app.tokens(Provider::Spotify).await;
    let form = |secret: &'static str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh_token.clone()),
            ("client_id", config.spotify.id.clone()),
            ("client_secret", secret.to_owned()),
        ]
    };
    assert_eq!(
        answer(app.http().post(&url).form(&form("spotify-secret")))
            .await
            .status,
        200
    );

    let refused = answer(app.http().post(&url).form(&form("wrong"))).await;
    let recorded = wire_example("spotify", "token_invalid_client");
    assert_eq!(
        (refused.status.as_u16(), &refused.body),
        (400, &recorded["body"])
    );

    let header = app
        .http()
        .post(&url)
        .basic_auth(&config.spotify.id, Some("wrong"))
        .form(&form("spotify-secret"));
    assert_eq!(answer(header).await.text("error"), "invalid_client");

    let json = app
        .http()
        .post(&url)
        .json(&serde_json::json!({ "grant_type": "refresh_token" }));
    assert_eq!(answer(json).await.status, 415);
}

#[tokio::test]
async fn an_expired_access_token_is_unauthorised_until_it_is_refreshed() {
    let app = App::start().await;
    for (provider, path) in [
        (Provider::Spotify, "/me"),
        (Provider::YouTube, "/channels?part=snippet&mine=true"),
    ] {
        let (access, refresh) = app.tokens(provider).await;
        let api = match provider {
            Provider::Spotify => app.standin.spotify_api_url(),
            Provider::YouTube => app.standin.youtube_api_url(),
        };
        let url = format!("{api}{path}");
        assert_eq!(app.get(&access, &url).await.status, 200);
        app.standin.expire_access_tokens();
        assert_eq!(app.get(&access, &url).await.status, 401);

        let refreshed = app.refresh(provider, &refresh).await;
        assert_eq!(refreshed.status, 200);
        assert!(
            refreshed.body.get("refresh_token").is_none(),
            "a refresh keeps the old refresh token"
        );
        assert_eq!(
            app.get(refreshed.text("access_token"), &url).await.status,
            200
        );
        assert_eq!(app.refresh(provider, &refresh).await.status, 200);
    }
}

#[tokio::test]
async fn spotify_may_answer_a_refresh_with_an_empty_or_a_new_token() {
    let empty = StandinConfig {
        spotify_refresh: RefreshAnswer::Empty,
        ..StandinConfig::default()
    };
    let app = App::with(empty).await;
    let (_, refresh) = app.tokens(Provider::Spotify).await;
    assert_eq!(
        app.refresh(Provider::Spotify, &refresh)
            .await
            .text("refresh_token"),
        ""
    );
    assert_eq!(app.refresh(Provider::Spotify, &refresh).await.status, 200);

    let rotated = StandinConfig {
        spotify_refresh: RefreshAnswer::Rotated,
        ..StandinConfig::default()
    };
    let app = App::with(rotated).await;
    let (_, old) = app.tokens(Provider::Spotify).await;
    let answer = app.refresh(Provider::Spotify, &old).await;
    let refused = app.refresh(Provider::Spotify, &old).await;
    assert_eq!(
        refused.body,
        wire_example("spotify", "token_invalid_grant_revoked")["body"]
    );
    assert_eq!(
        app.refresh(Provider::Spotify, answer.text("refresh_token"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_end_of_a_refresh_token_is_an_invalid_grant() {
    let app = App::start().await;
    let (_, spotify) = app.tokens(Provider::Spotify).await;
    let (_, google) = app.tokens(Provider::YouTube).await;
    app.standin.expire_refresh_tokens();
    let expired = app.refresh(Provider::Spotify, &spotify).await;
    assert_eq!(
        expired.body,
        wire_example("spotify", "token_invalid_grant_expired")["body"]
    );
    let expired = app.refresh(Provider::YouTube, &google).await;
    assert_eq!(
        (expired.status.as_u16(), &expired.body),
        (400, &wire_example("google", "token_invalid_grant")["body"])
    );

    let (access, refresh) = app.tokens(Provider::Spotify).await;
    app.standin.withdraw_consents(Provider::Spotify);
    assert_eq!(app.spotify(&access, "/me").await.status, 401);
    let revoked = app.refresh(Provider::Spotify, &refresh).await;
    assert_eq!(
        revoked.body,
        wire_example("spotify", "token_invalid_grant_revoked")["body"]
    );
}

#[tokio::test]
async fn google_revokes_the_whole_grant_once() {
    let app = App::start().await;
    let (access, refresh) = app.tokens(Provider::YouTube).await;
    let url = format!("{}/revoke", app.standin.google_oauth_url());
    let revoke = || answer(app.http().post(&url).form(&[("token", &refresh)]));
    assert_eq!(revoke().await.status, 200);
    assert_eq!(
        app.youtube(&access, "/channels?part=snippet&mine=true")
            .await
            .status,
        401
    );
    assert_eq!(
        app.refresh(Provider::YouTube, &refresh).await.text("error"),
        "invalid_grant"
    );
    let again = revoke().await;
    assert_eq!(
        (again.status.as_u16(), again.text("error")),
        (400, "invalid_token")
    );
}

#[tokio::test]
async fn google_gives_a_refresh_token_for_offline_access_and_fresh_consent_only() {
    let app = App::start().await;
    let mut query = app.authorization(Provider::YouTube);
    for (access_type, prompt, expected) in [
        ("online", "", false),
        ("offline", "", false),
        ("offline", "consent", true),
    ] {
        query.insert("access_type", access_type.to_owned());
        query.insert("prompt", prompt.to_owned());
        let code = app
            .redirected(Provider::YouTube, &query)
            .await
            .remove("code")
            .unwrap();
        let tokens = app.exchange(Provider::YouTube, &code, VERIFIER).await;
        assert_eq!(
            tokens.body.get("refresh_token").is_some(),
            expected,
            "{access_type} {prompt}"
        );
    }
}

#[tokio::test]
async fn an_unticked_scope_is_missing_from_the_grant_and_refused_by_the_api() {
    let app = App::start().await;
    app.standin
        .set_consent(Consent::GrantOnly(vec!["user-top-read".to_owned()]));
    let code = app.code(Provider::Spotify).await;
    let tokens = app.exchange(Provider::Spotify, &code, VERIFIER).await;
    assert_eq!(tokens.text("scope"), "user-top-read");
    let access = tokens.text("access_token");
    assert_eq!(app.spotify(access, "/me/top/artists").await.status, 200);
    assert_eq!(
        app.spotify(access, "/me/player/recently-played")
            .await
            .status,
        403
    );

    app.standin.set_consent(Consent::GrantOnly(Vec::new()));
    let access = app.access_token(Provider::YouTube).await;
    let refused = app
        .youtube(&access, "/subscriptions?part=snippet&mine=true")
        .await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body),
        (403, &wire_example("youtube", "forbidden_scope")["body"])
    );
}

#[tokio::test]
async fn tokens_of_one_provider_or_account_open_nothing_else() {
    let app = App::start().await;
    let google = app.access_token(Provider::YouTube).await;
    assert_eq!(app.spotify(&google, "/me").await.status, 401);

    let first = app.access_token(Provider::Spotify).await;
    app.standin.sign_in(2);
    let second = app.access_token(Provider::Spotify).await;
    let name = |answer: crate::client::Answer| answer.text("id").to_owned();
    assert_ne!(
        name(app.spotify(&first, "/me").await),
        name(app.spotify(&second, "/me").await)
    );
}
