//! What somebody has put where the engines look: in their schemas before they come, in place of their tables after.

use bondhu_stack::migrations;
use bondhu_stack::template;
use bondhu_stack::testing::{Database, Role, execute};

use crate::recount::sqlstate;

/// Who may create in the database could have put an engine of their own there, which would run as the owner.
#[tokio::test]
async fn an_engine_in_the_hands_of_another_role_is_refused() {
    for schema in ["bondhu_native", "bondhu_portable"] {
        let wanted = schema.strip_prefix("bondhu_").unwrap();
        for theirs in [
            format!("alter schema {schema} owner to authenticator"),
            format!(
                "create function {schema}.theirs() returns integer language sql as 'select 1';
                 alter function {schema}.theirs() owner to authenticator"
            ),
        ] {
            let db = Database::create().await;
            let mut admin = db.connect(Role::Superuser).await;
            let mut owner = db.connect(Role::Owner).await;
            let sql = format!(
                "create schema if not exists {schema}; alter schema {schema} owner to postgres; {theirs}"
            );
            execute(&mut admin, &sql).await;
            let install = format!("select bondhu.install_engine('{wanted}')");
            for connection in [&mut owner, &mut admin] {
                let error = sqlx::query(&install).execute(connection).await.unwrap_err();
                assert_eq!(sqlstate(&error), "42501", "{theirs}");
                assert!(error.to_string().contains("authenticator"), "{error}");
            }
        }
    }
}

/// Its tables would have triggers of theirs, which would run as the owner.
#[tokio::test]
async fn the_portable_engine_takes_no_schema_that_is_there() {
    // There it is already.
    if template::is_portable() {
        return;
    }
    let db = Database::create().await;
    let mut admin = db.connect(Role::Superuser).await;
    execute(
        &mut admin,
        "create schema bondhu_portable authorization authenticator",
    )
    .await;
    let all = migrations::list().unwrap();
    let migration = all
        .iter()
        .find(|one| one.name == "portable_engine")
        .unwrap();
    let error = sqlx::raw_sql(&migration.sql.text)
        .execute(&mut db.connect(Role::Owner).await)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&error), "42P06", "{error}");
}

/// The refusal of a message after something was done to a table.
async fn refusal_after(sql: &str) -> String {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut admin = db.connect(Role::Superuser).await;
    execute(&mut admin, sql).await;
    let error = sqlx::query(
        "insert into public.chat_messages (user_id, message_text) values ($1, 'i am happy')",
    )
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap_err();
    execute(&mut owner, "select 1").await;
    sqlstate(&error)
}

#[tokio::test]
async fn what_is_no_table_with_the_right_key_is_refused() {
    // Of the native engine, which reads tables without the executor.
    if template::is_portable() {
        return;
    }
    for table in [
        "public.personality_profiles",
        "public.sentiment_buckets",
        "bondhu.settings",
    ] {
        let (_, name) = table.split_once('.').unwrap();
        let before = format!("{table}_before");
        let copy = format!("create table {table} as select * from {before}");
        for (kind, sql, code) in [
            (
                "view",
                format!("create view {table} as select * from {before}"),
                "42809",
            ),
            (
                "materialized view",
                format!("create materialized view {table} as select * from {before}"),
                "42809",
            ),
            (
                "foreign table",
                format!(
                    "create foreign data wrapper w; create server s foreign data wrapper w;
                     create foreign table {table} (user_id uuid) server s"
                ),
                "42809",
            ),
            ("table", copy.clone(), "55000"),
            (
                "table",
                format!(
                    "{copy}; alter table {table} add column other bigint default 1 primary key"
                ),
                "55000",
            ),
        ] {
            let sql = format!(
                "alter table {table} rename to {name}_before; {sql}; alter {kind} {table} owner to postgres"
            );
            assert_eq!(refusal_after(&sql).await, code, "{sql}");
        }
    }
    for key in [
        "(bucket_start, user_id)",
        "(user_id, bucket_start, message_count)",
        "(user_id, bucket_start) deferrable",
    ] {
        let sql = format!(
            "alter table public.sentiment_buckets drop constraint sentiment_buckets_pkey,
               add primary key {key}"
        );
        assert_eq!(refusal_after(&sql).await, "55000", "{sql}");
    }
}

#[tokio::test]
async fn the_owner_of_the_messages_lends_no_rights_to_another_owner() {
    // Of the native engine, whose functions are not of the owner.
    if template::is_portable() {
        return;
    }
    for table in ["personality_profiles", "sentiment_buckets"] {
        let sql = format!(
            "alter table public.{table} owner to authenticator; grant all on public.{table} to postgres"
        );
        let code = refusal_after(&sql).await;
        assert_eq!(code, "42501", "{table}");
    }
}
