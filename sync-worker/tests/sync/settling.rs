//! Consents whose provider cannot be asked whose account it is.

use bondhu_standin::{Fault, Outcome, Reply};
use reqwest::StatusCode;
use serde_json::json;
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;
use crate::secrets::access_token;

const HISTORY: &str = "public.listening_history where user_id = $1";

async fn let_the_budget_be(world: &World, spent: bool) {
    let set = if spent {
        "with gone as (select bondhu.spend_request(provider) from bondhu.provider_settings)
         update bondhu.provider_settings set requests_per_window = 1 where (select count(*) from gone) > 0"
    } else {
        "update bondhu.provider_settings set requests_per_window = 10000"
    };
    sqlx::query(set).execute(&world.admin).await.unwrap();
    if spent {
        // Not the first request of the window any more.
        sqlx::query("select bondhu.spend_request(provider) from bondhu.provider_settings")
            .execute(&world.admin)
            .await
            .unwrap();
    }
}

async fn account(
    world: &World,
    user: Uuid,
    provider: Provider,
) -> (Option<String>, Option<String>) {
    sqlx::query_as(
        "select account_id, account_name from public.provider_connections where user_id = $1 and provider = $2",
    )
    .bind(user)
    .bind(provider.name())
    .fetch_one(&world.admin)
    .await
    .unwrap()
}

fn api_calls(world: &World) -> usize {
    let api = |path: &str| path.starts_with("/spotify/v1") || path.starts_with("/youtube/v3");
    world
        .standin
        .requests()
        .iter()
        .filter(|request| api(&request.path))
        .count()
}

#[tokio::test]
async fn a_consent_survives_an_empty_budget_and_is_told_its_account_by_the_first_pull() {
    for provider in Provider::ALL {
        let world = World::new().await;
        let user = world.database.user().await;
        let_the_budget_be(&world, true).await;
        world.link(user, provider, 4).await;
        assert_eq!(api_calls(&world), 0, "not one more than the budget has");
        assert_eq!(account(&world, user, provider).await, (None, None));
        assert_eq!(world.status(user, provider).await, "pending");

        let_the_budget_be(&world, false).await;
        world.let_time_pass().await;
        world.sync().await;
        assert_eq!(world.status(user, provider).await, "ok");
        let (id, name) = account(&world, user, provider).await;
        let (spotify, channel, display_name) = world.standin.with_account(4, |account| {
            (
                format!("acct-{}", account.spotify_id),
                account.video.channel_id.clone(),
                account.display_name.clone(),
            )
        });
        let known = if provider == Provider::Spotify {
            spotify
        } else {
            channel
        };
        assert_eq!((id, name), (Some(known), Some(display_name)));
    }
}

#[tokio::test]
async fn a_token_that_is_brought_survives_an_empty_budget() {
    let world = World::new().await;
    let user = world.database.user().await;
    let token = world.brought_token(Provider::Spotify, 3).await;
    let_the_budget_be(&world, true).await;
    let body = json!({ "provider": "spotify", "refresh_token": token });
    let (status, answer) = world.post_link(Some(&access_token(user)), body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    world
        .confirm_connect(user, answer["code"].as_str().unwrap())
        .await
        .unwrap();
    let_the_budget_be(&world, false).await;
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn linked_again_on_an_empty_budget_the_same_account_keeps_what_it_brought() {
    for (again, keeps) in [(1, true), (2, false)] {
        let world = World::new().await;
        let user = world.linked(Provider::Spotify, 1).await;
        world.sync().await;
        // One that the provider does not show any more.
        sqlx::query("update public.listening_history set played_at = played_at - interval '1 year', track_id = 'former'")
            .execute(&world.admin)
            .await
            .unwrap();
        let former = "public.listening_history where user_id = $1 and track_id = 'former'";
        let_the_budget_be(&world, true).await;
        world.link(user, Provider::Spotify, again).await;
        assert!(
            world.count(HISTORY, user).await > 0,
            "nothing goes before it is known"
        );
        let_the_budget_be(&world, false).await;
        world.let_time_pass().await;
        world.sync().await;
        assert_eq!(world.status(user, Provider::Spotify).await, "ok");
        assert_eq!(
            world.count(former, user).await > 0,
            keeps,
            "account {again}"
        );
        let id = world
            .standin
            .with_account(again, |account| format!("acct-{}", account.spotify_id));
        assert_eq!(account(&world, user, Provider::Spotify).await.0, Some(id));
    }
}

#[tokio::test]
async fn a_consent_survives_a_provider_in_trouble() {
    let paths = [
        (Provider::Spotify, "/spotify/v1/me"),
        (Provider::YouTube, "/youtube/v3/channels"),
    ];
    for (provider, path) in paths {
        let slow_down = Reply::new(429, json!({})).header("retry-after", "30");
        for fault in [
            Fault::server_error(path),
            Fault::on(path, Outcome::Reply(slow_down)),
            Fault::on(path, Outcome::Reset),
            Fault::on(path, Outcome::NotJson),
        ] {
            let world = World::new().await;
            let user = world.database.user().await;
            world.standin.inject(fault);
            world.link(user, provider, 4).await;
            assert_eq!(account(&world, user, provider).await, (None, None));
            world.sync().await;
            assert_eq!(world.status(user, provider).await, "ok");
            assert!(account(&world, user, provider).await.0.is_some());
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_stopped_is_not_asked_while_linking() {
    let world = World::new().await;
    let user = world.database.user().await;
    sqlx::query("select bondhu.block_provider('youtube', null, 'quota')")
        .execute(&world.admin)
        .await
        .unwrap();
    world.link(user, Provider::YouTube, 4).await;
    assert_eq!(api_calls(&world), 0);
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn what_a_provider_says_of_the_account_while_linking_reaches_the_app() {
    for (provider, path, example, code, stopped) in [
        (
            Provider::Spotify,
            "/spotify/v1/me",
            "api_403_user_not_registered",
            "not_allow_listed",
            false,
        ),
        (
            Provider::Spotify,
            "/spotify/v1/me",
            "api_403_owner_without_premium",
            "app_refused",
            true,
        ),
        (
            Provider::YouTube,
            "/youtube/v3/channels",
            "accessNotConfigured",
            "app_refused",
            true,
        ),
        (
            Provider::YouTube,
            "/youtube/v3/channels",
            "youtubeSignupRequired",
            "no_channel",
            false,
        ),
    ] {
        let world = World::new().await;
        let user = world.database.user().await;
        world
            .standin
            .inject(Fault::recorded(path, provider.name(), example).unwrap());
        let back = world.come_back(user, provider).await;
        assert_eq!(back["error"], code, "{example}");
        assert!(
            back["error_description"].contains(provider.display_name()),
            "{back:?}"
        );
        let why: Option<String> = sqlx::query_scalar(
            "select blocked_reason from bondhu.provider_settings where provider = $1 and blocked_until > now()",
        )
        .bind(provider.name())
        .fetch_optional(&world.admin)
        .await
        .unwrap();
        assert_eq!(why.is_some(), stopped, "{example}: {why:?}");
        assert!(why.is_none_or(|why| why.starts_with("app_refused: 403")));
        let waiting = "bondhu.pending_connections where user_id = $1";
        assert_eq!(world.count(waiting, user).await, 0);
    }
}

#[tokio::test]
async fn consents_that_nobody_finished_are_forgotten_with_their_tokens() {
    let world = World::new().await;
    let (user, other) = (world.database.user().await, world.database.user().await);
    world.come_back(user, Provider::Spotify).await;
    for statement in [
        "update bondhu.oauth_states set expires_at = now() - interval '1 s'",
        "update bondhu.pending_connections set expires_at = now() - interval '1 s'",
    ] {
        sqlx::query(statement).execute(&world.admin).await.unwrap();
    }
    world.come_back(other, Provider::Spotify).await;
    world.sync().await;
    for table in ["bondhu.oauth_states", "bondhu.pending_connections"] {
        assert_eq!(
            world
                .count(&format!("{table} where user_id = $1"), user)
                .await,
            0,
            "{table}"
        );
        assert_eq!(
            world
                .count(&format!("{table} where user_id = $1"), other)
                .await,
            1,
            "{table}"
        );
    }
}
