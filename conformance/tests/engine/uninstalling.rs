//! Taking Bondhu out: what an app has built on it is named first, and nothing of it is lost.

use bondhu_stack::schema;
use bondhu_stack::testing::{Database, Role, execute};
use sqlx::{Executor as _, PgConnection};

use crate::backups::lived_in;
use crate::portable;

/// Blocks of statements, with what is named of them in a comment above.
const DEPENDENTS: &str = include_str!("dependents.sql");

/// What goes on without Bondhu as it was, or is no more than a grant.
const BESIDE: &str = "
    create publication of_the_app for table public.chat_messages (user_id, id) where (id is not null);
    alter publication supabase_realtime add table public.chat_messages;
    grant select on public.chat_messages to dashboard_user;
    alter default privileges in schema bondhu grant select on tables to dashboard_user;
    create function public.mood_trend(text) returns text
      language sql set search_path = pg_catalog, pg_temp as 'select $1';
    create function app.messages() returns bigint language sql as 'select count(*) from public.chat_messages'";

const UNINSTALL: &str = "select bondhu.uninstall('delete all that Bondhu has stored')";

async fn for_an_app(db: &Database) -> PgConnection {
    let mut owner = db.connect(Role::Owner).await;
    execute(
        &mut owner,
        "create schema app;
         create function app.trigger() returns trigger language plpgsql as 'begin return new; end'",
    )
    .await;
    owner
}

async fn dependents(owner: &mut PgConnection) -> String {
    sqlx::query_scalar("select array_to_string(bondhu.foreign_dependents(), ', ')")
        .fetch_one(owner)
        .await
        .unwrap()
}

async fn is_left(owner: &mut PgConnection, what: &str) -> bool {
    sqlx::query_scalar(&format!("select ({what}) is not null"))
        .fetch_one(owner)
        .await
        .unwrap()
}

async fn is_available(owner: &mut PgConnection, extension: &str) -> bool {
    sqlx::query_scalar("select exists (select from pg_available_extensions where name = $1)")
        .bind(extension)
        .fetch_one(owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn whatever_an_app_built_on_bondhu_is_named_and_stops_it() {
    let (db, _) = lived_in().await;
    let mut owner = for_an_app(&db).await;
    let mut wrong = Vec::new();
    for block in DEPENDENTS.trim().split("\n\n").skip(1) {
        let (names, statements) = block.split_once('\n').unwrap();
        let names = names.strip_prefix("-- ").unwrap();
        if let Some(extension) = names.strip_prefix("extension ")
            && !is_available(&mut owner, extension).await
        {
            continue;
        }
        assert_eq!(dependents(&mut owner).await, "");
        execute(&mut owner, &format!("begin; {statements}")).await;
        let named = dependents(&mut owner).await;
        let refusal = match owner.execute(UNINSTALL).await {
            Ok(_) => "none".to_owned(),
            Err(error) => {
                let error = error.into_database_error().unwrap();
                format!("{} {}", error.code().unwrap(), error.message())
            }
        };
        let expected = format!("2BP01 the app uses what would go: {names}");
        if named != names || refusal != expected {
            wrong.push(format!("{block}\nnamed: {named}\nrefusal: {refusal}"));
        }
        execute(&mut owner, "rollback").await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn what_an_app_has_beside_bondhu_outlives_it() {
    let (db, _) = lived_in().await;
    let mut owner = for_an_app(&db).await;
    execute(&mut owner, BESIDE).await;
    execute(
        &mut db.connect(Role::Superuser).await,
        "create publication of_a_schema for tables in schema bondhu",
    )
    .await;
    assert_eq!(dependents(&mut owner).await, "");
    execute(&mut owner, "select bondhu.detach_engine()").await;
    assert_eq!(dependents(&mut owner).await, "");
    execute(&mut owner, UNINSTALL).await;
    for what in [
        "to_regprocedure('public.mood_trend(text)')",
        "to_regprocedure('app.messages()')",
        "select oid from pg_publication where pubname = 'of_the_app'",
        "select oid from pg_publication where pubname = 'of_a_schema'",
    ] {
        assert!(is_left(&mut owner, what).await, "{what}");
    }
    // It may come back, once its names are free.
    let refusal = schema::apply(&mut owner).await.unwrap_err().to_string();
    assert!(
        refusal.contains("function public.mood_trend(text) (42710)"),
        "{refusal}"
    );
    execute(&mut owner, "drop function public.mood_trend(text)").await;
    schema::apply(&mut owner).await.unwrap();
    assert_eq!(dependents(&mut owner).await, "");
}

/// The table is Realtime's; what Bondhu has said about it goes, or is named.
#[tokio::test]
async fn the_policies_on_realtime_go_or_are_named() {
    const POLICIES: &str = "select count(*) from pg_policies where schemaname = 'realtime'";
    for is_refused in [false, true] {
        let (db, _) = lived_in().await;
        let mut superuser = db.connect(Role::Superuser).await;
        let realtime = schema::realtime().unwrap();
        realtime.run(&mut superuser).await.unwrap();
        let mut owner = db.connect(Role::Owner).await;
        execute(
            &mut owner,
            "select bondhu.authorize_realtime();
             create policy of_the_app on realtime.messages for select to authenticated using (false)",
        )
        .await;
        if is_refused {
            execute(
                &mut superuser,
                "alter table realtime.messages owner to supabase_admin",
            )
            .await;
        }
        let mut stays: Vec<String> = sqlx::query_scalar(UNINSTALL)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        // The worker's role, too, while other tests have it.
        stays.retain(|what| what.contains("realtime"));
        let left: i64 = sqlx::query_scalar(POLICIES)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        let named = "policies bondhu_hear_own_topic, bondhu_send_to_own_topic on realtime.messages: drop them in the dashboard";
        let expected = if is_refused {
            (vec![named.to_owned()], 3)
        } else {
            (vec![], 1)
        };
        assert_eq!((stays, left), expected);
    }
}

#[tokio::test]
async fn both_engines_go_with_it() {
    let (_db, mut owner) = portable::with_both().await;
    assert_eq!(dependents(&mut owner).await, "");
    execute(&mut owner, UNINSTALL).await;
    for schema in ["bondhu", "bondhu_native", "bondhu_portable"] {
        let what = format!("to_regnamespace('{schema}')");
        assert!(!is_left(&mut owner, &what).await, "{schema}");
    }
}
