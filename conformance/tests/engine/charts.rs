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
async fn recorded_days_are_those_of_the_raw_messages_and_stay_so() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    for zone in ZONES {
        let user = somebody(&db, &mut owner, zone).await;
        for change in [
            "select bondhu.record_wellness() where $1::uuid is not null",
            "select bondhu.record_wellness() where $1::uuid is not null",
            "delete from public.chat_messages where user_id = $1 and created_at < now() - interval '50 days'",
            "update public.chat_messages set message_text = 'i am so happy'
             where user_id = $1 and created_at between now() - interval '9 days' and now() - interval '2 days'",
            "insert into public.chat_messages (user_id, message_text, created_at)
             values ($1, 'this is terrible, i hate it', now() - interval '30 days')",
            "update bondhu.settings set min_messages = 3 where $1::uuid is not null",
            "update bondhu.settings set wellness_retention_days = 20 where $1::uuid is not null",
            "update bondhu.settings set wellness_retention_days = 730 where $1::uuid is not null",
            "update public.companion_profiles set time_zone = 'Australia/Lord_Howe' where user_id = $1",
            "select bondhu.recompute($1)",
        ] {
            sqlx::query(change)
                .bind(user)
                .execute(&mut owner)
                .await
                .unwrap();
            // Exact at once to who asks, and then where it is stored.
            let asked: Option<Value> = sqlx::query_scalar(
                "select jsonb_agg(w order by w.day) from public.wellness_history('1900-01-02') w",
            )
            .fetch_one(&mut *db.as_user(user).await)
            .await
            .unwrap();
            settle(&mut owner).await;
            let stored: Option<Value> = sqlx::query_scalar(
                "select jsonb_agg(w order by w.day) from public.wellness_days w, bondhu.recorded_days($1) k
                 where w.user_id = $1 and w.day >= k.first_day",
            )
            .bind(user)
            .fetch_one(&mut owner)
            .await
            .unwrap();
            assert_eq!(asked, stored, "{zone}: {change}");
            let sql = include_str!("wellness.sql");
            assert_eq!(count(&mut owner, sql, user).await, 0, "{zone}: {change}");
            let sql = "select count(*) from bondhu.verify($1)";
            assert_eq!(count(&mut owner, sql, user).await, 0, "{zone}: {change}");
        }
        let sql = "select count(*) from public.wellness_days where user_id = $1";
        assert!(count(&mut owner, sql, user).await > 40);
        sqlx::query("delete from public.chat_messages where user_id = $1")
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap();
        assert_eq!(count(&mut owner, sql, user).await, 0, "no trace is left");
    }
}

#[tokio::test]
async fn recorded_days_follow_a_profile_that_appears_goes_or_changes_hands() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = somebody(&db, &mut owner, "Asia/Kathmandu").await;
    let other = somebody(&db, &mut owner, "America/Havana").await;
    execute(&mut owner, "select bondhu.record_wellness()").await;
    for change in [
        "delete from public.companion_profiles where user_id = 'user'",
        "insert into public.companion_profiles (user_id, time_zone) values ('user', 'Pacific/Kiritimati')",
        "delete from public.companion_profiles where user_id = 'other'",
        "update public.companion_profiles set user_id = 'other' where user_id = 'user'",
    ] {
        let named = change.replace("'user'", &format!("'{user}'"));
        execute(&mut owner, &named.replace("'other'", &format!("'{other}'"))).await;
        for person in [user, other] {
            let sql = include_str!("wellness.sql");
            assert_eq!(count(&mut owner, sql, person).await, 0, "{change}");
            let sql = "select count(*) from bondhu.verify($1) where relation = 'wellness_days'";
            assert_eq!(count(&mut owner, sql, person).await, 0, "{change}");
            let sql = "select count(*) from public.wellness_days where user_id = $1";
            assert!(count(&mut owner, sql, person).await > 40, "{change}");
        }
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
async fn verify_finds_a_day_that_was_tampered_with() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = somebody(&db, &mut owner, "UTC").await;
    for change in [
        "select bondhu.record_wellness() where $1::uuid is not null",
        "update public.wellness_days set score = 1 where user_id = $1 and day = current_date - 10",
        "delete from public.wellness_days where user_id = $1 and day = current_date - 11",
    ] {
        sqlx::query(change)
            .bind(user)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    let sql = "select count(*) from bondhu.verify($1)";
    assert_eq!(count(&mut owner, sql, user).await, 2);
}

#[tokio::test]
async fn stored_profiles_are_brought_to_now_once_time_has_moved_them() {
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
    assert_eq!(count(&mut superuser, refreshed, user).await, 1);
    let exact = "select count(*) from public.personality_profiles
                 where user_id = $1 and as_of > now() - interval '1 minute' and message_count = 0";
    assert_eq!(count(&mut superuser, exact, user).await, 1);
    assert_eq!(count(&mut superuser, verify, user).await, 0);
    assert_eq!(count(&mut superuser, refreshed, user).await, 0);
}
