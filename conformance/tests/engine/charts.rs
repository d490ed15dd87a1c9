//! Patterns and wellness against a recount from the raw messages in the user's own days.

use bondhu_stack::testing::{Database, Role, execute};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::{import, settle};

const ZONES: [&str; 4] = [
    "UTC",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
];
const TEXTS: [&str; 4] = [
    "i am so happy",
    "this is terrible, i hate it",
    "i am tired",
    "what is this?",
];

/// Somebody in `zone` who wrote on most days of the last two months.
async fn somebody(db: &Database, owner: &mut PgConnection, zone: &str) -> Uuid {
    let user = db.user().await;
    sqlx::query("update public.companion_profiles set time_zone = $2 where user_id = $1")
        .bind(user)
        .bind(zone)
        .execute(&mut *owner)
        .await
        .unwrap();
    for hours in (0..1_400_i64).step_by(7).filter(|hours| hours % 11 != 0) {
        let text = TEXTS[usize::try_from(hours * hours % 4).unwrap()];
        import(owner, user, text, &format!("{hours} hours")).await;
    }
    user
}

async fn count(connection: &mut PgConnection, sql: &str, user: Uuid) -> i64 {
    sqlx::query_scalar(sql)
        .bind(user)
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn patterns_are_those_of_the_raw_messages() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    for zone in ZONES {
        let user = somebody(&db, &mut owner, zone).await;
        let differences = count(&mut owner, include_str!("patterns.sql"), user).await;
        assert_eq!(differences, 0, "{zone}");
    }
}

#[tokio::test]
async fn wellness_is_that_of_the_raw_messages_whatever_changes() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    for zone in ZONES {
        let user = somebody(&db, &mut owner, zone).await;
        for change in [
            "select $1::uuid",
            "delete from public.chat_messages where user_id = $1 and created_at < now() - interval '50 days'",
            "update public.chat_messages set message_text = 'i am so happy'
             where user_id = $1 and created_at between now() - interval '9 days' and now() - interval '2 days'",
            "insert into public.chat_messages (user_id, message_text, created_at)
             values ($1, 'this is terrible, i hate it', now() - interval '30 days')",
            "update bondhu.settings set min_messages = 3 where $1::uuid is not null",
            "update public.companion_profiles set time_zone = 'Australia/Lord_Howe' where user_id = $1",
            "select bondhu.recompute($1)",
        ] {
            sqlx::query(change)
                .bind(user)
                .execute(&mut owner)
                .await
                .unwrap();
            // Before and after the profile is made anew.
            for _ in 0..2 {
                let asked: Value = sqlx::query_scalar(
                    "select coalesce(jsonb_agg(w order by w.day), '[]') from public.wellness_history('1900-01-02') w",
                )
                .fetch_one(&mut *db.as_user(user).await)
                .await
                .unwrap();
                let wrong: i64 = sqlx::query_scalar(include_str!("wellness.sql"))
                    .bind(user)
                    .bind(asked)
                    .fetch_one(&mut owner)
                    .await
                    .unwrap();
                assert_eq!(wrong, 0, "{zone}: {change}");
                settle(&mut owner).await;
            }
            let sql = "select count(*) from bondhu.verify($1)";
            assert_eq!(count(&mut owner, sql, user).await, 0, "{zone}: {change}");
        }
        let sql =
            "select count(*) from public.wellness_history('1900-01-02') where $1::uuid is not null";
        assert!(count(&mut *db.as_user(user).await, sql, user).await > 40);
        sqlx::query("delete from public.chat_messages where user_id = $1")
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap();
        assert_eq!(
            count(&mut *db.as_user(user).await, sql, user).await,
            0,
            "no trace is left"
        );
    }
}

/// In Havana clocks go back from one to midnight, so that 1 November 2026 has two of them.
#[tokio::test]
async fn a_day_with_two_midnights_begins_at_the_first() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    for change in [
        "update public.companion_profiles set time_zone = 'America/Havana' where user_id = $1",
        "insert into public.personality_profiles (user_id, as_of, window_hours, settings_version)
         select $1, now(), 24, version from bondhu.settings",
        // Midnight is at 04:00 UTC and at 05:00 UTC; a mean of 0.1, then of 0.9, later of 0.5.
        "insert into public.sentiment_buckets
           (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious, disgust,
            grateful, joy, lonely, love, neutral, sad, surprise, tired)
         select $1, at, 10, 10 * score, 10 * score * score, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0
         from (values ('2026-11-01 04:00Z'::timestamptz, 10), ('2026-11-01 05:00Z', 90), ('2026-11-10 12:00Z', 50))
           b (at, score)",
    ] {
        sqlx::query(change)
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    // The first day of the fortnight, and of the patterns' hundred and eighty days.
    let trend = "select trend::bigint from bondhu.wellness($1, '2026-11-14', '2026-11-14')";
    assert_eq!(count(&mut owner, trend, user).await, 50);
    let messages = "select sum(n)::bigint from bondhu.patterns(array[$1], '2027-04-29 18:00Z') p, unnest(p.hour_counts) n";
    assert_eq!(count(&mut owner, messages, user).await, 30);
    // The day before ends there too.
    let messages = "select count(*) from bondhu.wellness($1, '2026-10-25', '2026-10-31')";
    assert_eq!(count(&mut owner, messages, user).await, 0);
}

#[tokio::test]
async fn a_stored_profile_is_as_of_its_time_and_an_answer_as_of_now() {
    let db = Database::create().await;
    let mut superuser = db.connect(Role::Superuser).await;
    let (user, silent) = (db.user().await, db.user().await);
    import(&mut superuser, user, "i am so happy", "0").await;
    import(&mut superuser, silent, "i am so happy", "300 days").await;
    let refreshed = "select bondhu.refresh_profiles() where $1::uuid is not null";
    assert_eq!(count(&mut superuser, refreshed, user).await, 0);

    // A day passes.
    for change in [
        "set session_replication_role = replica",
        "update public.chat_messages set created_at = created_at - interval '1 day'",
        "update public.sentiment_buckets set bucket_start = bucket_start - interval '1 day'",
        "update public.personality_profiles set as_of = as_of - interval '1 day',
           window_oldest = window_oldest - interval '1 day', previous_oldest = previous_oldest - interval '1 day',
           window_latest = (select array_agg(at - interval '1 day' order by n) from unnest(window_latest) with ordinality l (at, n))",
        "set session_replication_role = origin",
    ] {
        sqlx::query(change).execute(&mut superuser).await.unwrap();
    }
    let verify = "select count(*) from bondhu.verify() where $1::uuid is not null";
    assert_eq!(count(&mut superuser, verify, user).await, 0);
    // Nobody writes all profiles anew every hour.
    assert_eq!(count(&mut superuser, refreshed, user).await, 0);
    let told = "select message_count from bondhu.personality(array[$1], now())";
    assert_eq!(count(&mut superuser, told, user).await, 0);
    let stored = "select message_count from public.personality_profiles where user_id = $1 and as_of < now() - interval '1 hour'";
    assert_eq!(count(&mut superuser, stored, user).await, 1);
    execute(
        &mut superuser,
        &format!("select bondhu.refresh(array['{user}'::uuid])"),
    )
    .await;
    let exact = "select count(*) from public.personality_profiles
                 where user_id = $1 and as_of > now() - interval '1 minute' and message_count = 0";
    assert_eq!(count(&mut superuser, exact, user).await, 1);
    assert_eq!(count(&mut superuser, verify, user).await, 0);
}
