//! The home page against a recount from the raw messages in the user's own days.

use bondhu_stack::testing::{Database, Role};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::settle;

const ZONES: [&str; 4] = [
    "UTC",
    "America/Havana",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
];
const TEXTS: [&str; 6] = [
    "i am so happy",
    "this is terrible, i hate it",
    "i am tired",
    "what is this?",
    "thank you, i love it",
    "i am so sad and lonely",
];
/// Messages of a history, and the hours that they lie back at most: of nobody's, of too few, of a week, of much.
const HISTORIES: [(usize, i64); 6] = [
    (0, 1),
    (4, 100),
    (30, 150),
    (60, 400),
    (250, 5_000),
    (700, 500),
];

async fn somebody(
    db: &Database,
    owner: &mut PgConnection,
    zone: &str,
    (messages, hours): (usize, i64),
    random: &mut StdRng,
) -> Uuid {
    let user = db.user().await;
    sqlx::query("update public.companion_profiles set time_zone = $2 where user_id = $1")
        .bind(user)
        .bind(zone)
        .execute(&mut *owner)
        .await
        .unwrap();
    // Weeks differ, so that something moves.
    let good: f64 = random.random();
    let (texts, minutes): (Vec<_>, Vec<_>) = (0..messages)
        .map(|_| {
            let minutes = random.random_range(0..hours * 60);
            let is_good = random.random_bool(if minutes < 7 * 24 * 60 {
                good
            } else {
                1.0 - good
            });
            let text = random.random_range(0..3) * 2 + usize::from(!is_good);
            (TEXTS[[0, 1, 4, 5, 2, 3][text]], minutes)
        })
        .unzip();
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text, created_at)
         select $1, t.text, now() - t.minutes * interval '1 minute'
         from unnest($2::text[], $3::bigint[]) t (text, minutes)",
    )
    .bind(user)
    .bind(texts)
    .bind(minutes)
    .execute(owner)
    .await
    .unwrap();
    user
}

/// What the home page of a user tells other than their messages do.
async fn differences(db: &Database, owner: &mut PgConnection, user: Uuid) -> Vec<String> {
    // As text, so that the number of digits counts too.
    let (home, card): (String, String) =
        sqlx::query_as("select public.dashboard()::text, public.wellness_card()::text")
            .fetch_one(&mut *db.as_user(user).await)
            .await
            .unwrap();
    sqlx::query_scalar(include_str!("dashboard.sql"))
        .bind(user)
        .bind(home)
        .bind(card)
        .fetch_all(owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_home_page_is_what_the_raw_messages_make_it() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut random = StdRng::seed_from_u64(17);
    let mut moved = 0;
    for zone in ZONES {
        for history in HISTORIES {
            let user = somebody(&db, &mut owner, zone, history, &mut random).await;
            for change in [
                "select $1::uuid",
                "update public.chat_messages set message_text = 'i am so happy'
                 where user_id = $1 and created_at between now() - interval '9 days' and now() - interval '5 days'",
                "update public.companion_profiles set time_zone = 'Asia/Gaza' where user_id = $1",
                "update public.personality_profiles set settings_version = 0 where user_id = $1",
                "select bondhu.recompute($1)",
                "delete from public.chat_messages where user_id = $1 and created_at < now() - interval '12 days'",
            ] {
                sqlx::query(change)
                    .bind(user)
                    .execute(&mut owner)
                    .await
                    .unwrap();
                let found = differences(&db, &mut owner, user).await;
                assert_eq!(found, [""; 0], "{zone}, {history:?}: {change}");
            }
            settle(&mut owner).await;
            let changed: Option<bool> =
                sqlx::query_scalar("select (public.wellness_card() ->> 'change')::numeric <> 0")
                    .fetch_one(&mut *db.as_user(user).await)
                    .await
                    .unwrap();
            moved += usize::from(changed == Some(true));
            sqlx::query("delete from public.chat_messages where user_id = $1")
                .bind(user)
                .execute(&mut owner)
                .await
                .unwrap();
            assert_eq!(differences(&db, &mut owner, user).await, [""; 0], "{zone}");
        }
    }
    assert!(moved >= ZONES.len(), "{moved} cards had something to tell");
}

/// In Havana clocks go back from one to midnight, so that 1 November 2020 has two of them.
#[tokio::test]
async fn a_day_with_two_midnights_has_the_messages_after_the_first() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text, created_at)
         select $1, 'i am fine', at
         from unnest('{2020-11-01 03:59Z,2020-11-01 04:00Z,2020-11-01 05:00Z,2020-11-02 04:59Z,2020-11-02 05:00Z}'::timestamptz[]) at",
    )
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap();
    let messages: i64 =
        sqlx::query_scalar("select bondhu.messages_of_day($1, 'America/Havana', '2020-11-01')")
            .bind(user)
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(messages, 3);
}

/// Weeks in which a clock moves, and one in which none does: a zone, and a day among them.
const CLOCKS: [(&str, &str); 7] = [
    ("America/Havana", "2020-11-01"),
    ("America/Havana", "2021-03-14"),
    // From one minute past midnight back to the evening before.
    ("America/St_Johns", "2010-11-07"),
    ("Australia/Lord_Howe", "2021-04-04"),
    // A day that there never was.
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "2021-04-04"),
    ("UTC", "2021-04-04"),
];

#[tokio::test]
async fn days_are_summed_as_clocks_had_them() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    for (zone, day) in CLOCKS {
        let user = db.user().await;
        sqlx::query("update public.companion_profiles set time_zone = $2 where user_id = $1")
            .bind(user)
            .bind(zone)
            .execute(&mut owner)
            .await
            .unwrap();
        sqlx::query(
            "insert into public.chat_messages (user_id, message_text, created_at)
             select $1, case when extract(minute from at) = 15 then 'i am so happy' else 'i am fine' end, at
             from generate_series($2::date - 3, $2::date + interval '4 days', '45 minutes') at",
        )
        .bind(user)
        .bind(day)
        .execute(&mut owner)
        .await
        .unwrap();
        for (before, after) in [(2, 2), (0, 0), (1, 0), (0, 1), (40, 40)] {
            for is_outdated in [false, true] {
                let version = "update public.personality_profiles p
                    set settings_version = case when $2 then 0 else s.version end from bondhu.settings s where p.user_id = $1";
                sqlx::query(version)
                    .bind(user)
                    .bind(is_outdated)
                    .execute(&mut owner)
                    .await
                    .unwrap();
                let differing: Vec<String> = sqlx::query_scalar(
                    "with told as (
                       select d.day, d.message_count, d.score_sum, d.score_sum_squares
                       from bondhu.sums_of_days($1, $3::date - $4, $3::date + $5) d
                     ),
                     counted as (
                       select (m.created_at at time zone $2)::date as day, count(*), sum((m.sentiment_score * 100)::bigint)::bigint,
                         sum((m.sentiment_score * 100)::bigint * (m.sentiment_score * 100)::bigint)::bigint
                       from public.chat_messages m where m.user_id = $1 group by 1
                     )
                     select x::text from (
                       (select * from told except select * from counted)
                       union all
                       (select * from counted c where c.day between $3::date - $4 and $3::date + $5 except select * from told)) x",
                )
                .bind(user)
                .bind(zone)
                .bind(day)
                .bind(before)
                .bind(after)
                .fetch_all(&mut owner)
                .await
                .unwrap();
                assert_eq!(
                    differing, [""; 0],
                    "{zone} {day} -{before} +{after} {is_outdated}"
                );
            }
        }
    }
}

#[tokio::test]
async fn many_messages_of_a_day_are_all_counted() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    for messages in [150, 1_050] {
        sqlx::query(
            "insert into public.chat_messages (user_id, message_text, created_at)
             select $1, 'i am fine', now() from generate_series(1, $2)",
        )
        .bind(user)
        .bind(messages)
        .execute(&mut owner)
        .await
        .unwrap();
        let found = differences(&db, &mut owner, user).await;
        assert_eq!(found, [""; 0], "{messages} more");
    }
}
