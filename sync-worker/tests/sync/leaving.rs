//! Who leaves while an account is being linked.

use std::time::Duration;

use bondhu_standin::{Fault, Outcome};
use serde_json::json;
use sync_worker::provider::Provider;

use crate::fixture::{APP, World, eventually};
use crate::secrets::access_token;

/// The provider answers long after everybody has left.
const LATE: Duration = Duration::from_secs(1);
const LEFT: Duration = Duration::from_millis(300);

const fn token_path(provider: Provider) -> &'static str {
    match provider {
        Provider::Spotify => "/spotify/api/token",
        Provider::YouTube => "/google/token",
    }
}

/// Sends a request and leaves before it is answered.
async fn leave_midway(request: reqwest::RequestBuilder) {
    let left = request.timeout(LEFT).send().await.unwrap_err();
    assert!(left.is_timeout(), "{left}");
}

#[tokio::test]
async fn a_consent_is_kept_though_its_page_was_closed_before_the_provider_answered() {
    let world = World::new().await;
    for provider in Provider::ALL {
        let user = world.database.user().await;
        let begun = world.begin_connect(user, provider.name(), APP).await;
        let callback = world.consent(begun.unwrap()).await;
        let late = Fault::on(token_path(provider), Outcome::Delayed(LATE));
        world.standin.inject(late);
        leave_midway(reqwest::Client::new().get(callback)).await;
        eventually(provider.display_name(), async || {
            kept(&world, user).await == 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_token_that_was_brought_is_kept_though_who_brought_it_left() {
    let world = World::new().await;
    for provider in Provider::ALL {
        let user = world.database.user().await;
        let token = world.brought_token(provider, 3).await;
        let late = Fault::on(token_path(provider), Outcome::Delayed(LATE));
        world.standin.inject(late);
        let brings = reqwest::Client::new()
            .post(format!("{}/link", world.worker_url))
            .bearer_auth(access_token(user))
            .json(&json!({ "provider": provider.name(), "refresh_token": token }));
        leave_midway(brings).await;
        eventually(provider.display_name(), async || {
            kept(&world, user).await == 1
        })
        .await;
    }
}

async fn kept(world: &World, user: uuid::Uuid) -> usize {
    world
        .count("bondhu.pending_connections where user_id = $1", user)
        .await
}
