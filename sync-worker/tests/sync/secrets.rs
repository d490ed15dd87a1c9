//! Tokens: brought, sealed anew, revoked.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sync_worker::config::TokenKey;
use sync_worker::provider::Provider;
use sync_worker::sync::{Resealed, reseal, run_once};
use sync_worker::vault::Vault;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{APP, JWT_SECRET, SUPABASE_URL, World};

/// An access token as Supabase Auth makes one.
pub(crate) fn access_token(user: Uuid) -> String {
    token_with(user, &json!({}))
}

/// The same, with more claims.
pub(crate) fn token_with(user: Uuid, more: &Value) -> String {
    let mut claims = json!({
        "sub": user, "role": "authenticated", "aud": "authenticated",
        "iss": format!("{SUPABASE_URL}/auth/v1"), "exp": Utc::now().timestamp() + 600,
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    encode(&Header::default(), &claims, &key).unwrap()
}

impl World {
    /// `POST /link` as `bearer`.
    pub(crate) async fn post_link(&self, bearer: Option<&str>, body: Value) -> (StatusCode, Value) {
        let mut request = reqwest::Client::new()
            .post(format!("{}/link", self.worker_url))
            .json(&body);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// A refresh token that Supabase Auth would have got from a consent of that account.
    pub(crate) async fn brought_token(&self, provider: Provider, account: u64) -> String {
        let known: BTreeSet<_> = self.standin.refresh_tokens().into_iter().collect();
        self.standin.sign_in(account);
        let other = self.database.user().await;
        self.come_back(other, provider).await;
        let mut tokens = self.standin.refresh_tokens().into_iter();
        tokens.find(|token| !known.contains(token)).unwrap()
    }
}

#[tokio::test]
async fn who_says_twice_who_they_are_is_not_signed_in() {
    let world = World::new().await;
    let [first, second] = [world.database.user().await, world.database.user().await];
    let answer = reqwest::Client::new()
        .post(format!("{}/link", world.worker_url))
        .bearer_auth(access_token(first))
        .bearer_auth(access_token(second))
        .json(&json!({ "provider": "spotify", "refresh_token": "nobody gave this" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["code"], "not_signed_in");
    assert!(world.requests("/spotify/api/token").is_empty());
}

#[tokio::test]
async fn a_token_that_the_app_brings_links_the_account_of_who_is_signed_in() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        let token = world.brought_token(provider, 3).await;
        let body = json!({ "provider": provider.name(), "refresh_token": token });
        let (status, answer) = world.post_link(Some(&access_token(user)), body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let code = answer["code"].as_str().unwrap();
        let stranger = world.database.user().await;
        assert!(world.confirm_connect(stranger, code).await.is_err());
        assert_eq!(
            world.confirm_connect(user, code).await.unwrap(),
            provider.name()
        );
    }
    assert_eq!(world.sync().await, 2);
    for provider in Provider::ALL {
        assert_eq!(world.status(user, provider).await, "ok");
    }
    world.standin.expire_access_tokens();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::YouTube).await,
        "ok",
        "the token that was brought is kept"
    );
}

#[tokio::test]
async fn what_cannot_be_linked_says_why() {
    let world = World::new().await;
    let bearer = access_token(world.database.user().await);
    let body =
        |provider: &str| json!({ "provider": provider, "refresh_token": "nobody gave this" });
    for (bearer, provider, status, code) in [
        (None, "spotify", StatusCode::UNAUTHORIZED, "not_signed_in"),
        (
            Some("no.token.this"),
            "spotify",
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
        ),
        (
            Some(bearer.as_str()),
            "tidal",
            StatusCode::NOT_FOUND,
            "unknown_provider",
        ),
        (
            Some(bearer.as_str()),
            "spotify",
            StatusCode::UNPROCESSABLE_ENTITY,
            "consent_ended",
        ),
    ] {
        let (got, answer) = world.post_link(bearer, body(provider)).await;
        assert_eq!(
            (got, answer["code"].as_str()),
            (status, Some(code)),
            "{answer}"
        );
        assert!(!answer["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn only_the_apps_pages_may_bring_tokens() {
    let world = World::new().await;
    for (origin, allowed) in [(APP, Some(APP)), ("https://evil.example", None)] {
        let preflight = reqwest::Client::new()
            .request(
                reqwest::Method::OPTIONS,
                format!("{}/link", world.worker_url),
            )
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
            .send()
            .await
            .unwrap();
        let header = preflight.headers().get("access-control-allow-origin");
        assert_eq!(header.map(|value| value.to_str().unwrap()), allowed);
    }
}

#[tokio::test]
async fn disconnecting_revokes_where_the_provider_lets_it() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        world.link(user, provider, 1).await;
    }
    world.sync().await;
    for provider in Provider::ALL {
        world.disconnect(user, provider).await;
    }
    let waiting = "bondhu.revocations where sealed_for = $1";
    assert_eq!(world.count(waiting, user).await, 1);
    world.sync().await;
    let asked = world.requests("/google/revoke");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].status.is_success());
    assert_eq!(world.count(waiting, user).await, 0);
}

#[tokio::test]
async fn a_consent_that_is_given_again_is_not_revoked() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.disconnect(user, Provider::YouTube).await;
    world.link(user, Provider::YouTube, 1).await;
    world.sync().await;
    assert_eq!(world.requests("/google/revoke").len(), 0);
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn a_revocation_that_fails_comes_again() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.disconnect(user, Provider::YouTube).await;
    world
        .standin
        .inject(bondhu_standin::Fault::server_error("/google/revoke"));
    world.sync().await;
    let later = "bondhu.revocations where sealed_for = $1 and not_before > now() and attempts = 1";
    assert_eq!(world.count(later, user).await, 1);
    sqlx::query("update bondhu.revocations set not_before = now()")
        .execute(&world.admin)
        .await
        .unwrap();
    world.sync().await;
    assert_eq!(
        world
            .count("bondhu.revocations where sealed_for = $1", user)
            .await,
        0
    );
}

#[tokio::test]
async fn a_key_can_be_rotated_and_the_former_one_dropped() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let gone = world.linked(Provider::YouTube, 2).await;
    world.disconnect(gone, Provider::YouTube).await;
    world.come_back(user, Provider::Spotify).await;

    let second = TokenKey::generate("k2");
    let both = Vault::new(&[second.clone(), world.token_key.clone()]);
    let database = &world.context.database;
    let all = Resealed {
        resealed: 5,
        unreadable: 0,
    };
    assert_eq!(
        reseal(database, &both).await.unwrap(),
        all,
        "two tokens, two pending, one to revoke"
    );
    assert_eq!(
        reseal(database, &both).await.unwrap(),
        Resealed::default(),
        "again is fine"
    );

    let only = world.context_with(|context| context.vault = Arc::new(Vault::new(&[second])));
    run_once(only, CancellationToken::new()).await.unwrap();
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    assert_eq!(world.requests("/google/revoke").len(), 1);

    let stranger = Vault::new(&[TokenKey::generate("k3")]);
    let left = reseal(database, &stranger).await.unwrap();
    assert_eq!((left.resealed, left.unreadable), (0, 4));
}
