//! What becomes of a consent: its state and its code work once, and what it lacks is told.

use bondhu_standin::{Consent, Fault};
use reqwest::StatusCode;
use sync_worker::provider::Provider;

use crate::fixture::{APP, World, refusal};

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
