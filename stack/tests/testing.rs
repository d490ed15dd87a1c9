//! The ground that other tests stand on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bondhu_stack::testing::{self, Database, Role};

#[tokio::test]
async fn a_test_database_has_the_schema_and_goes_when_dropped() {
    let database = Database::create().await;
    let name = database.name().to_owned();
    let user = database.user().await;
    let mut request = database.as_user(user).await;
    let caller: uuid::Uuid = sqlx::query_scalar("select bondhu.require_user()")
        .fetch_one(&mut *request)
        .await
        .unwrap();
    assert_eq!(caller, user);
    let role: String = sqlx::query_scalar("select current_role::text")
        .fetch_one(&mut *request)
        .await
        .unwrap();
    assert_eq!(role, "authenticated");
    drop(request);
    drop(database);

    let other = Database::create().await;
    let left: i64 = sqlx::query_scalar("select count(*) from pg_database where datname = $1")
        .bind(name)
        .fetch_one(&mut other.connect(Role::Superuser).await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_database_goes_with_its_slots_and_sessions() {
    let database = Database::create().await;
    let mut owner = database.connect(Role::Replication).await;
    sqlx::query("select pg_create_logical_replication_slot($1, 'pgoutput')")
        .bind(format!("{}_slot", database.name()))
        .execute(&mut owner)
        .await
        .unwrap();
    let name = database.name().to_owned();
    drop(database);
    let other = Database::create().await;
    let left: i64 =
        sqlx::query_scalar("select count(*) from pg_replication_slots where database = $1")
            .bind(name)
            .fetch_one(&mut other.connect(Role::Superuser).await)
            .await
            .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn every_role_can_sign_in_and_only_one_is_a_superuser() {
    let database = Database::create().await;
    for role in [
        Role::Superuser,
        Role::Owner,
        Role::Worker,
        Role::Replication,
        Role::Authenticator,
    ] {
        let mut connection = database.connect(role).await;
        let superuser: bool =
            sqlx::query_scalar("select rolsuper from pg_roles where rolname = current_user")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(superuser, role == Role::Superuser, "{role:?}");
    }
}

#[tokio::test]
async fn pg_cron_runs_in_the_database_made_for_it() {
    let database = Database::create_with_cron().await;
    let mut owner = database.connect(Role::Owner).await;
    let job: i64 = sqlx::query_scalar("select cron.schedule('test', '* * * * *', 'select 1')")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert!(job > 0);
}

#[tokio::test]
async fn a_test_redis_is_empty_and_ends_when_dropped() {
    let space = testing::redis().await;
    let mut redis = space.connect().await;
    let size: u64 = redis::cmd("DBSIZE").query_async(&mut redis).await.unwrap();
    assert_eq!(size, 0);
    let url = space.url();
    drop(space);
    let client = redis::Client::open(url).unwrap();
    assert!(client.get_multiplexed_async_connection().await.is_err());
}
