//! The checks that the other tests rely on can fail, and stale rows are brought up to date.

use bondhu_stack::testing::{Database, Role, execute};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::recount::{differences, import, settle};
use crate::sequences::{pass, wrong};

async fn talk(connection: &mut PgConnection, user: Uuid) {
    for (text, age) in [
        ("i am so happy", "0"),
        ("i want to die", "1 hour"),
        ("this is terrible", "2 hours"),
        ("thank you so much", "30 hours"),
        ("so lonely", "9 days"),
    ] {
        import(connection, user, text, age).await;
    }
}

/// Another value of a column.
fn tampered(column: &str, kind: &str) -> String {
    match kind {
        "boolean" => format!("not {column}"),
        "text" => format!("coalesce({column}, '') || 'x'"),
        "timestamp with time zone" => format!("coalesce({column}, now()) - interval '1 day'"),
        "bigint[]" => format!("array[{column}[1] + 1] || {column}[2:]"),
        "timestamp with time zone[]" => {
            format!("array[coalesce({column}[1], now()) - interval '1 day'] || {column}[2:]")
        }
        _ => format!("coalesce({column}, 0) + 1"),
    }
}

#[tokio::test]
async fn verify_and_the_recount_report_a_change_of_any_column() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    talk(&mut owner, user).await;
    assert_eq!(wrong(&mut owner, &[user]).await, Vec::<String>::new());
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select c.relname::text, a.attname::text, regexp_replace(format_type(a.atttypid, null), '\\(.*\\)', '')
         from pg_attribute a join pg_class c on c.oid = a.attrelid
         where a.attrelid in ('public.personality_profiles'::regclass, 'public.sentiment_buckets'::regclass)
           and a.attnum > 0 and not a.attisdropped
           and a.attname not in ('user_id', 'landmark_traits', 'landmark_style', 'settings_version')",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(columns.len() > 40, "{columns:?}");
    let mut silent = Vec::new();
    for (table, column, kind) in columns {
        let mut transaction = owner.begin().await.unwrap();
        let value = tampered(&column, &kind);
        let one = if table == "sentiment_buckets" {
            "where bucket_start = (select max(bucket_start) from public.sentiment_buckets)"
        } else {
            ""
        };
        let sql = format!("update public.{table} set {column} = {value} {one}");
        execute(&mut transaction, &sql).await;
        let relations: Result<Vec<String>, _> =
            sqlx::query_scalar("select relation from bondhu.verify($1)")
                .bind(user)
                .fetch_all(&mut *transaction)
                .await;
        let recounted = differences(&mut transaction, &[user]).await;
        if recounted.is_empty() || !relations.as_ref().is_ok_and(|found| found.contains(&table)) {
            silent.push((sql, relations, recounted));
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

#[tokio::test]
async fn refresh_brings_what_is_stored_to_now() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut superuser = db.connect(Role::Superuser).await;
    talk(&mut superuser, user).await;
    for days in [1, 1, 2, 30, 179] {
        let mut transaction = superuser.begin().await.unwrap();
        let shift = pass(&[user], &format!("{days} days"));
        execute(&mut transaction, &shift).await;
        transaction.commit().await.unwrap();
        assert_eq!(wrong(&mut superuser, &[user]).await, Vec::<String>::new());

        let mut transaction = superuser.begin().await.unwrap();
        sqlx::query("select bondhu.refresh($1)")
            .bind(vec![user])
            .execute(&mut *transaction)
            .await
            .unwrap();
        let is_now: bool = sqlx::query_scalar(
            "select as_of = now() from public.personality_profiles where user_id = $1",
        )
        .bind(user)
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
        assert!(is_now, "after {days} days");
        transaction.commit().await.unwrap();
        assert_eq!(wrong(&mut superuser, &[user]).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn settings_that_change_midway_keep_everything_exact() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut superuser = db.connect(Role::Superuser).await;
    // The recount knows the thresholds of the style by heart, so those stay.
    for settings in [
        "window_hours = 48",
        "window_hours = 6, min_messages = 2",
        "crisis_support_hours = 1",
        "window_hours = 168, min_messages = 10",
    ] {
        talk(&mut superuser, user).await;
        let mut transaction = superuser.begin().await.unwrap();
        execute(&mut transaction, &pass(&[user], "1 day")).await;
        transaction.commit().await.unwrap();
        let sql = format!("update bondhu.settings set {settings}");
        execute(&mut superuser, &sql).await;
        let found = wrong(&mut superuser, &[user]).await;
        assert_eq!(found, Vec::<String>::new(), "{settings}, asked at once");
        let mut transaction = superuser.begin().await.unwrap();
        settle(&mut transaction).await;
        let found = wrong(&mut transaction, &[user]).await;
        assert_eq!(found, Vec::<String>::new(), "{settings}, made anew by cron");
        transaction.rollback().await.unwrap();
        // Made anew by the next message.
        talk(&mut superuser, user).await;
        let found = wrong(&mut superuser, &[user]).await;
        assert_eq!(found, Vec::<String>::new(), "{settings}, then messages");
    }
}
