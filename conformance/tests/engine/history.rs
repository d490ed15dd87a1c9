//! The log of material changes and its evidence.

use bondhu_stack::testing::{Database, Role};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::{differences, import};

async fn rows(
    connection: &mut PgConnection,
    user: Uuid,
) -> Vec<(serde_json::Value, serde_json::Value, i64)> {
    sqlx::query_as(
        "select h.before, h.after, (select count(*) from public.personality_history_evidence e where e.history_id = h.id)
         from public.personality_history h where h.user_id = $1 order by h.changed_at",
    )
    .bind(user)
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_material_change_is_logged_with_the_messages_that_carried_it() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i am so happy", "0").await;
    assert!(
        rows(&mut owner, user).await.is_empty(),
        "two thirds of a point is not material"
    );
    import(&mut owner, user, "i am so happy", "0").await;
    let history = rows(&mut owner, user).await;
    let [(before, after, evidence)] = history.as_slice() else {
        panic!("{history:?}")
    };
    assert_eq!(before["extraversion"], serde_json::json!(50.00));
    assert!(after["extraversion"].as_f64().unwrap() >= 51.0);
    assert_eq!(before["communication_style"], "balanced");
    assert_eq!(*evidence, 2);
}

#[tokio::test]
async fn another_style_is_logged_and_the_log_chains() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for text in ["i am so happy", "this is terrible, i hate it"] {
        for _ in 0..12 {
            import(&mut owner, user, text, "0").await;
        }
    }
    let history = rows(&mut owner, user).await;
    assert!(
        history
            .iter()
            .any(|(_, after, _)| after["communication_style"] == "enthusiastic_energetic")
    );
    for pair in history.windows(2) {
        assert_eq!(
            pair[0].1, pair[1].0,
            "each row begins where the last one ended"
        );
    }
}

#[tokio::test]
async fn a_change_whose_evidence_is_all_gone_goes_too() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let first = import(&mut owner, user, "i am so happy", "0").await;
    let second = import(&mut owner, user, "i am so happy", "0").await;
    assert_eq!(rows(&mut owner, user).await.len(), 1);
    let mut tx = db.as_user(user).await;
    sqlx::query("delete from public.chat_messages where id = $1")
        .bind(first)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let logged: Vec<Uuid> =
        sqlx::query_scalar("select message_id from public.personality_history_evidence")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert!(!logged.contains(&first));
    let mut tx = db.as_user(user).await;
    sqlx::query("delete from public.chat_messages where id = $1")
        .bind(second)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(rows(&mut owner, user).await.is_empty());
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_message_that_changes_hands_is_no_evidence_any_more() {
    let db = Database::create().await;
    let (user, heir) = (db.user().await, db.user().await);
    let mut owner = db.connect(Role::Owner).await;
    for _ in 0..3 {
        import(&mut owner, user, "i am so happy", "0").await;
    }
    let mut tx = db.as_service().await;
    sqlx::query("update public.chat_messages set user_id = $1")
        .bind(heir)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(rows(&mut owner, user).await.is_empty());
    assert_eq!(
        differences(&mut owner, &[user, heir]).await,
        Vec::<String>::new()
    );
}
