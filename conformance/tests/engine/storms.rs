//! Sessions that collide on purpose: nothing is lost, and single statements never fail.

use bondhu_stack::testing::{Database, Role};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::recount::sqlstate;
use crate::sequences::wrong;

async fn people(db: &Database, count: usize) -> Vec<Uuid> {
    let mut users = Vec::new();
    for _ in 0..count {
        users.push(db.user().await);
    }
    users
}

/// A connection on which a deadlock is found at once.
async fn connect(db: &Database) -> PgConnection {
    let mut connection = db.connect(Role::Superuser).await;
    bondhu_stack::testing::execute(&mut connection, "set deadlock_timeout = '20ms'").await;
    connection
}

/// As many messages as `committed`, and everything derived from them exact.
async fn settled(db: &Database, users: &[Uuid], committed: i64) {
    let mut owner = db.connect(Role::Superuser).await;
    let count: i64 = sqlx::query_scalar("select count(*) from public.chat_messages")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(count, committed);
    assert_eq!(wrong(&mut owner, users).await, Vec::<String>::new());
}

/// One statement that is a transaction; returns by how many messages there are more.
async fn statement(connection: &mut PgConnection, users: &[Uuid], random: &mut StdRng) -> i64 {
    let mut users = users.to_vec();
    users.shuffle(random);
    let text = ["so happy", "i hate it", "ok", "i want to die"][random.random_range(0..4)];
    let one = "(user_id, id) = (select user_id, id from public.chat_messages
                where user_id = $1[1] order by md5(id::text || $2) limit 1)";
    let (sign, sql) = match random.random_range(0..6) {
        0 | 1 => (1, "insert into public.chat_messages (user_id, message_text) values ($1[1], $2)".into()),
        2 | 3 => (1, "insert into public.chat_messages (user_id, message_text, created_at)
             select u, $2, now() - n * interval '7 hours' from unnest($1) with ordinality l (u, o), generate_series(0, 3) n
             order by n, o".into()),
        4 => (-1, format!("delete from public.chat_messages where $2 is not null and {one}")),
        _ => (0, format!("update public.chat_messages set message_text = $2 where {one}")),
    };
    let done = sqlx::query(&sql)
        .bind(&users)
        .bind(text)
        .execute(connection)
        .await;
    match done {
        Ok(done) => sign * i64::try_from(done.rows_affected()).unwrap(),
        Err(error) => panic!("{error}\nin: {sql}"),
    }
}

async fn single_statements(people_count: usize) {
    let db = Database::create().await;
    let users = people(&db, people_count).await;
    let sessions = (0..8).map(|session| {
        let (db, users) = (&db, &users);
        async move {
            let mut random = StdRng::seed_from_u64(session);
            let mut connection = connect(db).await;
            let mut more = 0;
            for _ in 0..40 {
                more += statement(&mut connection, users, &mut random).await;
            }
            more
        }
    });
    let committed = futures::future::join_all(sessions).await.into_iter().sum();
    settled(&db, &users, committed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_statements_on_one_user_never_fail() {
    single_statements(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_statements_on_many_users_in_any_order_never_fail() {
    single_statements(7).await;
}

/// Writes one message for each of `users`, a statement each.
async fn attempt(
    connection: &mut PgConnection,
    begin: &'static str,
    users: &[Uuid],
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with(begin).await?;
    for user in users {
        sqlx::query(
            "insert into public.chat_messages (user_id, message_text) values ($1, 'so happy')",
        )
        .bind(user)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

/// Transactions of two statements in opposite orders, tried again until they commit.
async fn retried(begin: &'static str, expected: &[&str]) {
    let db = Database::create().await;
    let users = people(&db, 2).await;
    let sessions = (0..8).map(|session| {
        let (db, mut users) = (&db, users.clone());
        async move {
            if session % 2 == 1 {
                users.reverse();
            }
            let mut connection = connect(db).await;
            for _ in 0..10 {
                while let Err(error) = attempt(&mut connection, begin, &users).await {
                    let state = sqlstate(&error);
                    assert!(expected.contains(&state.as_str()), "{error}");
                }
            }
        }
    });
    futures::future::join_all(sessions).await;
    settled(&db, &users, 8 * 10 * 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opposite_orders_are_retried_and_lose_nothing() {
    retried("begin", &["40P01", "40001"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeatable_read_fails_cleanly_or_is_exact() {
    retried("begin isolation level repeatable read", &["40P01", "40001"]).await;
}
