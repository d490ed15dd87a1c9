//! What one message leads to.

use bondhu_stack::testing::{Database, Role};
use sqlx::Connection;

use crate::recount::{derived, differences, import, profile, profile_count, say, sqlstate};

#[tokio::test]
async fn a_message_is_scored_and_folded_in_its_own_transaction() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    let id = say(&mut tx, "i am so happy today").await;
    let (mood, version): (String, i32) = sqlx::query_as(
        "select mood_detected, engine_version from public.chat_messages where id = $1",
    )
    .bind(id)
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!(mood, "joy");
    assert!(version > 0);
    assert_eq!(profile::<i64>(&mut tx, user, "message_count").await, 1);
    tx.commit().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rollback_leaves_nothing() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    say(&mut tx, "i am so happy today").await;
    tx.rollback().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(profile_count(&mut owner, user).await, 0);
}

#[tokio::test]
async fn a_savepoint_takes_back_only_what_came_after_it() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "that was sad", "23:59:59.99").await;
    let mut tx = db.as_user(user).await;
    say(&mut tx, "thank you").await;
    sqlx::query("savepoint here")
        .execute(&mut *tx)
        .await
        .unwrap();
    say(&mut tx, "i want to kill myself").await;
    assert!(profile::<bool>(&mut tx, user, "needs_support").await);
    sqlx::query("rollback to here")
        .execute(&mut *tx)
        .await
        .unwrap();
    assert!(!profile::<bool>(&mut tx, user, "needs_support").await);
    say(&mut tx, "never mind").await;
    tx.commit().await.unwrap();
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_edited_message_counts_as_what_it_says_now() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    say(&mut tx, "what a lovely day").await;
    let id = say(&mut tx, "i hate this").await;
    tx.commit().await.unwrap();
    let mut tx = db.as_user(user).await;
    sqlx::query("update public.chat_messages set message_text = 'i love this' where id = $1")
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    let low: i64 =
        sqlx::query_scalar("select count(*) from public.chat_messages where sentiment_score < 0.5")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(low, 0);
}

#[tokio::test]
async fn a_deleted_message_leaves_no_trace() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    // One transaction, so that both are as of the same instant.
    let mut tx = owner.begin().await.unwrap();
    import(&mut tx, user, "what a lovely day", "1 hour").await;
    let before = derived(&mut tx, &[user]).await;
    let id = import(&mut tx, user, "i want to die, everything is terrible", "0").await;
    assert!(profile::<bool>(&mut tx, user, "needs_support").await);
    sqlx::query("delete from public.chat_messages where id = $1")
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(derived(&mut tx, &[user]).await, before);
}

#[tokio::test]
async fn what_the_companion_says_does_not_count() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_service().await;
    sqlx::query("insert into public.chat_messages (user_id, sender_type, message_text) values ($1, 'ai', 'how wonderful')")
        .bind(user)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(profile_count(&mut owner, user).await, 0);
    let scored: i64 = sqlx::query_scalar("select count(engine_version) from public.chat_messages")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(scored, 0);
}

#[tokio::test]
async fn four_messages_conclude_nothing_and_the_fifth_does() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    for _ in 0..4 {
        say(&mut tx, "this is terrible, i hate it").await;
    }
    assert_eq!(
        profile::<String>(&mut tx, user, "data_status").await,
        "insufficient_data"
    );
    assert_eq!(
        profile::<String>(&mut tx, user, "communication_style").await,
        "balanced"
    );
    say(&mut tx, "this is terrible, i hate it").await;
    assert_eq!(
        profile::<String>(&mut tx, user, "data_status").await,
        "sufficient"
    );
    assert_eq!(
        profile::<String>(&mut tx, user, "communication_style").await,
        "empathetic_supportive"
    );
    assert!(profile::<bool>(&mut tx, user, "needs_support").await);
}

#[tokio::test]
async fn a_score_of_exactly_zero_is_a_score() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for _ in 0..5 {
        import(&mut owner, user, "hello", "0").await;
    }
    sqlx::query("update public.chat_messages set sentiment_score = 0")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(
        profile::<String>(&mut owner, user, "mean_sentiment::text").await,
        "0.0000"
    );
    assert_eq!(profile::<i64>(&mut owner, user, "message_count").await, 5);
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_crisis_message_needs_support_at_once_and_no_longer_when_it_is_gone() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut tx = db.as_user(user).await;
    let id = say(&mut tx, "ami ar bachte chai na").await;
    assert!(profile::<bool>(&mut tx, user, "needs_support").await);
    assert_eq!(
        profile::<String>(&mut tx, user, "data_status").await,
        "insufficient_data"
    );
    sqlx::query("delete from public.chat_messages where id = $1")
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert!(!profile::<bool>(&mut tx, user, "needs_support").await);
}

#[tokio::test]
async fn a_crisis_of_four_days_ago_is_past() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i want to die", "4 days").await;
    assert!(!profile::<bool>(&mut owner, user, "needs_support").await);
    import(&mut owner, user, "i want to die", "2 days").await;
    assert!(profile::<bool>(&mut owner, user, "needs_support").await);
}

#[tokio::test]
async fn a_message_leaves_the_window_by_time_alone() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "good", "23:59:59.9").await;
    import(&mut owner, user, "good", "1 hour").await;
    let count = "select (bondhu.personality(array[$1], clock_timestamp())).message_count";
    loop {
        let count: i64 = sqlx::query_scalar(count)
            .bind(user)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        match count {
            2 => tokio::task::yield_now().await,
            other => break assert_eq!(other, 1),
        }
    }
    import(&mut owner, user, "good", "0").await;
    assert_eq!(profile::<i64>(&mut owner, user, "message_count").await, 2);
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_time_in_the_future_or_at_the_end_of_time_is_refused() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for (created_at, code) in [
        ("now() + interval '1 second'", "23514"),
        ("'-infinity'", "22023"),
        ("'infinity'", "22023"),
    ] {
        let sql = format!(
            "insert into public.chat_messages (user_id, message_text, created_at) values ($1, 'hi', {created_at})"
        );
        let error = sqlx::query(&sql)
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap_err();
        assert_eq!(sqlstate(&error), code, "{created_at}");
    }
    assert_eq!(profile_count(&mut owner, user).await, 0);
}

#[tokio::test]
async fn a_person_can_see_why_their_message_is_read_as_it_is() {
    let db = Database::create().await;
    let (user, other) = (db.user().await, db.user().await);
    let mut request = db.as_user(user).await;
    let message = say(&mut request, "I hate this terrible rain, it makes me sad").await;
    request.commit().await.unwrap();

    let why = "select part, weight::float8 from explain_message($1) where figure = 'sentiment' order by abs(weight) desc";
    let mut request = db.as_user(user).await;
    let parts: Vec<(String, f64)> = sqlx::query_as(why)
        .bind(message)
        .fetch_all(&mut *request)
        .await
        .unwrap();
    let sad = parts.iter().find(|(part, _)| part == "sad");
    assert!(sad.is_some_and(|(_, weight)| *weight < 0.0), "{parts:?}");

    let mut request = db.as_user(other).await;
    let error = sqlx::query(why)
        .bind(message)
        .execute(&mut *request)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&error), "P0002");
}
