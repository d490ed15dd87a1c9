//! Many sessions at once.

use bondhu_dev::testing::{Database, Role};
use uuid::Uuid;

use crate::recount::differences;

/// Eight sessions write and delete for `users`, each statement a transaction that touches
/// several users in an order of its own.
async fn storm(db: &Database, users: &[Uuid]) {
    let sessions = (0..8_i32).map(|session| {
        let users = users.to_vec();
        async move {
            let mut connection = db.connect(Role::Owner).await;
            for round in 0..25_i32 {
                sqlx::query(
                    "insert into public.chat_messages (user_id, message_text, created_at)
                     select u, (array['so happy', 'i hate it', 'ok', 'i want to die'])[1 + ($2 + n) % 4], now() - n * interval '7 hours'
                     from unnest($1::uuid[]) u, generate_series(0, 4) n order by md5(u::text || $2::text)",
                )
                .bind(&users)
                .bind(session * 100 + round)
                .execute(&mut connection)
                .await
                .unwrap();
                if round % 5 == session % 5 {
                    sqlx::query(
                        "delete from public.chat_messages where (user_id, id) in (
                           select user_id, id from public.chat_messages where user_id = any ($1)
                           order by user_id, id limit 3 for update skip locked)",
                    )
                    .bind(&users)
                    .execute(&mut connection)
                    .await
                    .unwrap();
                }
            }
        }
    });
    futures::future::join_all(sessions).await;
    let mut owner = db.connect(Role::Owner).await;
    assert_eq!(differences(&mut owner, users).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_sessions_of_one_user_lose_nothing_and_never_deadlock() {
    let db = Database::create().await;
    let user = db.user().await;
    storm(&db, &[user]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_sessions_of_many_users_in_any_order_never_deadlock() {
    let db = Database::create().await;
    let mut users = Vec::new();
    for _ in 0..6 {
        users.push(db.user().await);
    }
    storm(&db, &users).await;
}
