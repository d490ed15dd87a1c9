//! Bondhu's policies come with its migrations where Realtime is there, and by its job where it comes later.

use bondhu_stack::testing::{Database, Role, execute};
use bondhu_stack::{migrations, schema};
use sqlx::PgConnection;

async fn policies(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select policyname::text from pg_policies where schemaname = 'realtime' order by 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

const BOTH: [&str; 2] = ["bondhu_hear_own_topic", "bondhu_send_to_own_topic"];

async fn start_realtime(database: &Database) {
    let mut superuser = database.connect(Role::Superuser).await;
    // The service starts more than once.
    for _ in 0..2 {
        let realtime = schema::realtime().unwrap();
        realtime.run(&mut superuser).await.unwrap();
    }
}

#[tokio::test]
async fn migrations_bring_them_where_realtime_is_there() {
    let database = Database::create_for_restore(true).await;
    start_realtime(&database).await;
    let mut owner = database.connect(Role::Owner).await;
    migrations::apply(&mut owner).await.unwrap();
    assert_eq!(policies(&mut owner).await, BOTH);
}

#[tokio::test]
async fn a_job_brings_them_where_realtime_comes_later() {
    let database = Database::create_for_restore(true).await;
    let mut owner = database.connect(Role::Owner).await;
    migrations::apply(&mut owner).await.unwrap();
    let jobs: Vec<String> = sqlx::query_scalar(
        "select command from bondhu.cron_plan() where command ~ 'authorize_realtime'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(jobs.len(), 1);
    execute(&mut owner, &jobs[0]).await;
    start_realtime(&database).await;
    assert!(policies(&mut owner).await.is_empty());
    for _ in 0..2 {
        execute(&mut owner, &jobs[0]).await;
        assert_eq!(policies(&mut owner).await, BOTH);
    }
}

/// As a hosted project may: the table belongs to a role that `postgres` is no member of.
#[tokio::test]
async fn a_refusal_stops_neither_migrations_nor_the_job() {
    let database = Database::create_for_restore(true).await;
    start_realtime(&database).await;
    let mut superuser = database.connect(Role::Superuser).await;
    execute(
        &mut superuser,
        "alter table realtime.messages owner to supabase_admin",
    )
    .await;
    let mut owner = database.connect(Role::Owner).await;
    assert!(migrations::apply(&mut owner).await.unwrap() > 0);
    let missing: Vec<String> = sqlx::query_scalar("select bondhu.authorize_realtime()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(missing, BOTH);
    assert!(policies(&mut owner).await.is_empty());
}
