//! What operators are told of crisis messages, and for how long.

use bondhu_stack::testing::{Database, Role};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::{import, profile, say};

const CRISIS: &str = "I want to kill myself";

async fn events(connection: &mut PgConnection, user: Uuid) -> Vec<Uuid> {
    sqlx::query_scalar("select message_id from bondhu.safety_events where user_id = $1")
        .bind(user)
        .fetch_all(connection)
        .await
        .unwrap()
}

async fn differences(connection: &mut PgConnection, user: Uuid) -> i64 {
    sqlx::query_scalar("select count(*) from bondhu.verify($1)")
        .bind(user)
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_crisis_message_is_noted_in_its_own_transaction() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut request = db.as_user(user).await;
    let message = say(&mut request, CRISIS).await;
    request.commit().await.unwrap();
    assert_eq!(events(&mut owner, user).await, [message]);
    assert!(profile::<bool>(&mut owner, user, "needs_support").await);

    let mut request = db.as_user(user).await;
    say(&mut request, CRISIS).await;
    request.rollback().await.unwrap();
    assert_eq!(events(&mut owner, user).await, [message]);
}

#[tokio::test]
async fn an_event_goes_with_its_message_or_with_the_crisis_in_it() {
    let db = Database::create().await;
    let (user, other) = (db.user().await, db.user().await);
    let mut owner = db.connect(Role::Owner).await;
    for text in ["I am fine", CRISIS] {
        let message = import(&mut owner, user, CRISIS, "1 hour").await;
        assert_eq!(events(&mut owner, user).await, [message]);
        sqlx::query("update public.chat_messages set message_text = $2 where id = $1")
            .bind(message)
            .bind(text)
            .execute(&mut owner)
            .await
            .unwrap();
        let still = usize::from(text == CRISIS);
        assert_eq!(events(&mut owner, user).await.len(), still, "{text}");
        sqlx::query("update public.chat_messages set user_id = $2 where id = $1")
            .bind(message)
            .bind(other)
            .execute(&mut owner)
            .await
            .unwrap();
        assert_eq!(events(&mut owner, user).await.len(), 0);
        assert_eq!(events(&mut owner, other).await.len(), still);
        sqlx::query("delete from public.chat_messages where id = $1")
            .bind(message)
            .execute(&mut owner)
            .await
            .unwrap();
        assert_eq!(events(&mut owner, other).await.len(), 0);
    }
}

#[tokio::test]
async fn a_handled_event_stays_so_when_everything_is_recomputed() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, CRISIS, "1 hour").await;
    let lost = import(&mut owner, user, CRISIS, "2 hours").await;
    import(&mut owner, user, CRISIS, "200 days").await;
    assert_eq!(
        events(&mut owner, user).await.len(),
        2,
        "what is past its retention is not noted"
    );
    for statement in [
        "update bondhu.safety_events set handled_at = now() where message_id <> $1",
        "delete from bondhu.safety_events where message_id = $1",
    ] {
        sqlx::query(statement)
            .bind(lost)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    assert_eq!(differences(&mut owner, user).await, 1);
    sqlx::query("select bondhu.recompute($1)")
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(differences(&mut owner, user).await, 0);
    let handled: i64 = sqlx::query_scalar("select count(handled_at) from bondhu.safety_events")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(handled, 1);
}

#[tokio::test]
async fn events_past_their_retention_are_pruned() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, CRISIS, "2 days").await;
    for statement in [
        "update bondhu.settings set safety_event_retention_days = 1",
        "call bondhu.prune()",
    ] {
        sqlx::query(statement).execute(&mut owner).await.unwrap();
    }
    assert_eq!(events(&mut owner, user).await.len(), 0);
    assert_eq!(differences(&mut owner, user).await, 0);
}
