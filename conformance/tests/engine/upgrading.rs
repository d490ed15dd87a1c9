//! `alter extension bondhu update` ends where `create extension bondhu` does.

use std::path::PathBuf;

use bondhu_stack::testing::{Database, Role};
use sqlx::PgConnection;

const NEWEST: &str = env!("CARGO_PKG_VERSION");

async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(statement)
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Everything that belongs to the extension: definitions, settings, owners, grants.
async fn belongings(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' | ', pg_describe_object(d.classid, d.objid, d.objsubid), pg_get_functiondef(p.oid),
                          p.proowner::regrole, p.proacl, obj_description(p.oid, 'pg_proc'))
         from pg_depend d
         join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
         left join pg_proc p on p.oid = d.objid and d.classid = 'pg_proc'::regclass
         where e.extname = 'bondhu'
         order by 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// What there is after `version` was created and updated.
async fn updated_from(connection: &mut PgConnection, version: &str) -> Vec<String> {
    run(connection, "drop extension bondhu").await;
    run(
        connection,
        &format!("create extension bondhu version '{version}'"),
    )
    .await;
    run(connection, "alter extension bondhu update").await;
    belongings(connection).await
}

/// A database whose engine may be dropped, and what a fresh one consists of.
async fn detached(db: &Database) -> (PgConnection, Vec<String>) {
    let mut owner = db.connect(Role::Owner).await;
    run(&mut owner, "select bondhu.detach_engine()").await;
    run(&mut owner, "drop extension bondhu; create extension bondhu").await;
    let fresh = belongings(&mut owner).await;
    (owner, fresh)
}

#[tokio::test]
async fn every_released_version_updates_to_what_a_fresh_one_is() {
    let db = Database::create().await;
    let (mut owner, fresh) = detached(&db).await;
    assert!(fresh.iter().any(|object| object.contains("fold_messages")));
    let versions: Vec<String> = sqlx::query_scalar(
        "select version from pg_available_extension_versions
         where name = 'bondhu' and version <> $1 and version not like '0.0.%'",
    )
    .bind(NEWEST)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    for version in versions {
        assert_eq!(
            updated_from(&mut owner, &version).await,
            fresh,
            "from {version}"
        );
    }
}

/// Where the server looks for scripts.
async fn scripts(db: &Database) -> PathBuf {
    let directory: String =
        sqlx::query_scalar("select setting from pg_config where name = 'SHAREDIR'")
            .fetch_one(&mut db.connect(Role::Superuser).await)
            .await
            .unwrap();
    PathBuf::from(directory).join("extension")
}

#[tokio::test]
async fn the_comparison_tells_a_whole_chain_from_one_with_a_gap() {
    let db = Database::create().await;
    let (mut owner, fresh) = detached(&db).await;
    let directory = scripts(&db).await;
    let script = std::fs::read_to_string(directory.join(format!("bondhu--{NEWEST}.sql"))).unwrap();
    // Versions that never were, of which the newest lacks nothing but a setting.
    let setting = "alter function refresh(uuid[]) set search_path = pg_catalog, pg_temp;";
    assert!(script.contains(setting));
    let older = script.replace(setting, "");
    for (version, step) in [("0.0.1", setting), ("0.0.2", "")] {
        let write = |name: String, text: &str| std::fs::write(directory.join(name), text).unwrap();
        write(format!("bondhu--{version}.sql"), &older);
        write(format!("bondhu--{version}--{NEWEST}.sql"), step);
    }
    assert_eq!(updated_from(&mut owner, "0.0.1").await, fresh);
    assert_ne!(updated_from(&mut owner, "0.0.2").await, fresh);
    for version in ["0.0.1", "0.0.2"] {
        for name in [
            format!("bondhu--{version}.sql"),
            format!("bondhu--{version}--{NEWEST}.sql"),
        ] {
            std::fs::remove_file(directory.join(name)).unwrap();
        }
    }
}
