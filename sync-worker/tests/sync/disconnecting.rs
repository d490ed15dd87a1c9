//! Unlinking, linking another account, and asking for a sync.

use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::{World, refusal};

/// What each provider leaves behind.
const TRACES: [(Provider, &[&str]); 2] = [
    (
        Provider::Spotify,
        &[
            "public.listening_history where user_id = $1",
            "public.music_top_items where user_id = $1",
            "public.music_preferences where user_id = $1",
            "bondhu.provider_tokens where user_id = $1 and provider = 'spotify'",
            "bondhu.sync_jobs where user_id = $1 and provider = 'spotify'",
        ],
    ),
    (
        Provider::YouTube,
        &[
            "public.video_subscriptions where user_id = $1",
            "public.video_likes where user_id = $1",
            "public.video_preferences where user_id = $1",
            "bondhu.provider_tokens where user_id = $1 and provider = 'youtube'",
            "bondhu.sync_jobs where user_id = $1 and provider = 'youtube'",
        ],
    ),
];

#[tokio::test]
async fn disconnecting_removes_everything_of_that_provider_and_nothing_else() {
    let world = World::new().await;
    let (user, other) = (world.database.user().await, world.database.user().await);
    for (person, account) in [(user, 1), (other, 2)] {
        for provider in Provider::ALL {
            world.link(person, provider, account).await;
        }
    }
    world.sync().await;
    let mut linked = Provider::ALL.to_vec();
    while let Some(provider) = linked.pop() {
        world.disconnect(user, provider).await;
        // Repeating it is fine.
        world.disconnect(user, provider).await;
        assert_eq!(world.status(user, provider).await, "disconnected");
        for (of, traces) in TRACES {
            for trace in traces {
                assert_eq!(
                    world.count(trace, user).await > 0,
                    linked.contains(&of),
                    "{trace}"
                );
                assert!(
                    world.count(trace, other).await > 0,
                    "another user's {trace}"
                );
            }
        }
    }
    let account = "public.provider_connections where user_id = $1 and num_nonnulls(account_id, account_name) > 0";
    assert_eq!(world.count(account, user).await, 0);
}

#[tokio::test]
async fn what_a_former_account_brought_goes_when_another_is_linked() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let before = world
        .count("public.listening_history where user_id = $1", user)
        .await;

    world.link(user, Provider::Spotify, 1).await;
    assert_eq!(
        world
            .count("public.listening_history where user_id = $1", user)
            .await,
        before,
        "the same account again"
    );
    world.link(user, Provider::Spotify, 2).await;
    assert_eq!(
        world
            .count("public.listening_history where user_id = $1", user)
            .await,
        0
    );
    assert_eq!(
        world
            .count("public.music_preferences where user_id = $1", user)
            .await,
        0
    );
}

async fn request_sync(world: &World, user: Uuid, provider: &str) -> sqlx::Result<()> {
    let mut request = world.database.as_user(user).await;
    sqlx::query("select public.request_sync($1)")
        .bind(provider)
        .execute(&mut *request)
        .await?;
    request.commit().await
}

#[tokio::test]
async fn a_sync_can_be_asked_for_after_the_cooldown_and_is_told_when() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let (state, message, _) = refusal(&request_sync(&world, user, "spotify").await.unwrap_err());
    assert_eq!(state, "55000");
    assert!(message.contains("can be asked again at 2"), "{message}");

    sqlx::query("update public.provider_connections set last_sync_at = now() - interval '6 min'")
        .execute(&world.admin)
        .await
        .unwrap();
    request_sync(&world, user, "spotify").await.unwrap();
    assert_eq!(world.sync().await, 1);
    assert_eq!(
        refusal(&request_sync(&world, user, "spotify").await.unwrap_err()).0,
        "55000"
    );
}

#[tokio::test]
async fn a_sync_of_what_is_not_linked_is_refused() {
    let world = World::new().await;
    let user = world.database.user().await;
    assert_eq!(
        refusal(&request_sync(&world, user, "spotify").await.unwrap_err()).0,
        "55000"
    );
    assert_eq!(
        refusal(&request_sync(&world, user, "napster").await.unwrap_err()).0,
        "22023"
    );
    world.link(user, Provider::Spotify, 1).await;
    world.disconnect(user, Provider::Spotify).await;
    assert_eq!(
        refusal(&request_sync(&world, user, "spotify").await.unwrap_err()).0,
        "55000"
    );
}

#[tokio::test]
async fn nobody_reads_anothers_connection_or_any_token() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let other = world.database.user().await;
    for (person, seen) in [(user, 1_i64), (other, 0)] {
        let mut request = world.database.as_user(person).await;
        let rows: i64 = sqlx::query_scalar("select count(*) from public.provider_connections")
            .fetch_one(&mut *request)
            .await
            .unwrap();
        assert_eq!(rows, seen);
        let refused = sqlx::query("select * from bondhu.provider_tokens")
            .execute(&mut *request)
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused).0, "42501");
    }
}
