//! Ending consents at Google, where one ends all of an account's.

use std::time::Duration;

use bondhu_standin::{Fault, Outcome};
use reqwest::StatusCode;
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::{APP, World, eventually, refusal};

const WAITING: &str = "bondhu.revocations where sealed_for = $1";
const GOOGLE: Provider = Provider::YouTube;

impl World {
    fn revoked(&self) -> usize {
        let asked = self.requests("/google/revoke");
        asked
            .iter()
            .filter(|request| request.status.is_success())
            .count()
    }

    /// Lets the time pass that a consent under way, or a back-off, holds revocations back.
    async fn let_revocations_come(&self) {
        sqlx::query("update bondhu.revocations set not_before = now(), in_flight_until = null where not_before < 'infinity'")
            .execute(&self.admin)
            .await
            .unwrap();
    }

    async fn delete_user(&self, user: Uuid) {
        sqlx::query("delete from auth.users where id = $1")
            .bind(user)
            .execute(&self.admin)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_consent_that_was_begun_and_abandoned_ends_no_revocation() {
    let world = World::new().await;
    let user = world.linked(GOOGLE, 1).await;
    world.disconnect(user, GOOGLE).await;
    world.begin_connect(user, "youtube", APP).await.unwrap();
    world.sync().await;
    assert_eq!(world.revoked(), 0, "it may yet be finished");
    assert_eq!(world.count(WAITING, user).await, 1);
    let held = "bondhu.revocations where sealed_for = $1 and not_before between now() + interval '10 min' and now() + interval '13 min'";
    assert_eq!(
        world.count(held, user).await,
        1,
        "no longer than that may take"
    );
    world.let_revocations_come().await;
    world.sync().await;
    assert_eq!(world.revoked(), 1);
    assert_eq!(world.count(WAITING, user).await, 0);
}

#[tokio::test]
async fn a_consent_that_was_given_and_not_confirmed_ends_no_revocation() {
    let world = World::new().await;
    let user = world.linked(GOOGLE, 1).await;
    world.disconnect(user, GOOGLE).await;
    world.come_back(user, GOOGLE).await;
    world.sync().await;
    assert_eq!((world.revoked(), world.count(WAITING, user).await), (0, 1));
    world.let_revocations_come().await;
    world.sync().await;
    assert_eq!(world.revoked(), 1);
}

#[tokio::test]
async fn a_user_who_is_deleted_is_revoked() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        world.link(user, provider, 1).await;
    }
    world.sync().await;
    world.delete_user(user).await;
    assert_eq!(
        world.count(WAITING, user).await,
        1,
        "the sealed token outlives its user"
    );
    world.sync().await;
    assert_eq!(world.revoked(), 1, "and can still be opened");
    assert_eq!(world.count(WAITING, user).await, 0);
}

#[tokio::test]
async fn somebody_who_comes_back_as_another_user_is_not_revoked() {
    let world = World::new().await;
    let user = world.linked(GOOGLE, 1).await;
    world.delete_user(user).await;
    let again = world.linked(GOOGLE, 1).await;
    world.let_revocations_come().await;
    world.sync().await;
    assert_eq!(world.revoked(), 0);
    assert_eq!(world.status(again, GOOGLE).await, "ok");
}

#[tokio::test]
async fn a_former_account_is_revoked_and_the_one_linked_instead_is_not() {
    let world = World::new().await;
    let user = world.linked(GOOGLE, 1).await;
    world.link(user, GOOGLE, 2).await;
    assert_eq!(world.count(WAITING, user).await, 1);
    world.let_revocations_come().await;
    world.sync().await;
    assert_eq!(world.revoked(), 1);
    world.standin.expire_access_tokens();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(
        world.status(user, GOOGLE).await,
        "ok",
        "its own consent stands"
    );
}

#[tokio::test]
async fn who_unlinks_an_account_last_ends_its_consent() {
    let world = World::new().await;
    let (user, other) = (world.linked(GOOGLE, 1).await, world.linked(GOOGLE, 1).await);
    world.disconnect(user, GOOGLE).await;
    world.sync().await;
    assert_eq!(
        world.revoked(),
        0,
        "another connection lives on the same consent"
    );
    assert_eq!(world.status(other, GOOGLE).await, "ok");
    world.disconnect(other, GOOGLE).await;
    world.sync().await;
    assert_eq!(world.revoked(), 1);
}

#[tokio::test]
async fn nothing_is_granted_while_a_revocation_is_under_way() {
    let world = World::new().await;
    let user = world.linked(GOOGLE, 1).await;
    let begun = world.begin_connect(user, "youtube", APP).await.unwrap();
    let callback = world.consent(begun).await;
    world.disconnect(user, GOOGLE).await;
    // Begun before the disconnecting, which forgot it: as another device would have it, it stays.
    let begun = world.begin_connect(user, "youtube", APP).await.unwrap();
    assert_eq!(world.open(callback).await.0, StatusCode::BAD_REQUEST);
    let callback = world.consent(begun).await;
    world.let_revocations_come().await;
    world.standin.inject(Fault::on(
        "/google/revoke",
        Outcome::Delayed(Duration::from_secs(3)),
    ));
    let (_, ()) = tokio::join!(world.sync(), async {
        eventually("the revocation is under way", async || {
            world
                .count(
                    "bondhu.revocations where sealed_for = $1 and in_flight_until > now()",
                    user,
                )
                .await
                == 1
        })
        .await;
        let refused = world.begin_connect(user, "youtube", APP).await.unwrap_err();
        let (state, message, hint) = refusal(&refused);
        assert_eq!(state, "55000");
        assert!(
            message.contains("being unlinked") && hint.contains("again"),
            "{message} {hint}"
        );
        assert_eq!(
            world.open(callback.clone()).await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(world.revoked(), 0);
    });
    assert_eq!(world.revoked(), 1);
    assert_eq!(
        world.open(callback).await.0,
        StatusCode::SEE_OTHER,
        "the consent was not used up"
    );
}

#[tokio::test]
async fn a_former_account_waits_until_it_is_known_who_was_linked_instead() {
    for (again, revoked) in [(1, 0), (2, 1)] {
        let world = World::new().await;
        let user = world.linked(GOOGLE, 1).await;
        world.sync().await;
        world
            .standin
            .inject(Fault::server_error("/youtube/v3/channels"));
        world.link(user, GOOGLE, again).await;
        world.let_revocations_come().await;
        world.sync().await;
        world.let_revocations_come().await;
        world.sync().await;
        assert_eq!(world.revoked(), revoked, "account {again}");
        assert_eq!(world.status(user, GOOGLE).await, "ok");
        assert_eq!(world.count(WAITING, user).await, 0);
    }
}

#[tokio::test]
async fn a_sealed_token_is_kept_for_a_week_at_most() {
    let world = World::new().await;
    let user = world.linked(GOOGLE, 1).await;
    world.delete_user(user).await;
    sqlx::query("update bondhu.revocations set requested_at = now() - interval '7 days 1 s'")
        .execute(&world.admin)
        .await
        .unwrap();
    sqlx::query("call bondhu.prune()")
        .execute(&world.admin)
        .await
        .unwrap();
    assert_eq!(world.count(WAITING, user).await, 0);
}
