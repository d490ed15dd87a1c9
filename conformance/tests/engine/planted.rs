//! What somebody who may create in the database has put there before the engines come.

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
