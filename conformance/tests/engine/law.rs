//! Incremental state equals counting anew, whatever happened.

use bondhu_stack::testing::{Database, Role};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::recount::{derived, differences, import, profile_count};

const TEXTS: [&str; 12] = [
    "i am so happy today",
    "thank you so much",
    "this is terrible",
    "i hate it here",
    "i want to die",
    "so lonely tonight",
    "ok",
    "why does it rain?",
    "i'm exhausted",
    "mon ta khub kharap",
    "i love you",
    "nothing special",
];

fn text(random: &mut StdRng) -> &'static str {
    TEXTS[random.random_range(0..TEXTS.len())]
}

/// Ages within the windows, at their edges (which pass while the test runs), and far back.
fn age(random: &mut StdRng) -> String {
    let edge = random.random_range(0..60);
    match random.random_range(0..8) {
        0 | 1 => "0".into(),
        2 => format!("{} minutes", random.random_range(0..2_900)),
        3 => format!("23:59:59.{:03}", 999 - edge),
        4 => format!("47:59:59.{:03}", 999 - edge),
        5 => "24:00:00".into(),
        6 => format!("{} hours", random.random_range(0..80)),
        _ => format!("{} days", random.random_range(0..200)),
    }
}

async fn step(connection: &mut PgConnection, users: &[Uuid], random: &mut StdRng) {
    let user = users[random.random_range(0..users.len())];
    let other = users[random.random_range(0..users.len())];
    let offset = random.random_range(0..4_i64);
    let one = "(select id from public.chat_messages where user_id = $1 order by created_at desc, seq offset $2 limit 1)";
    match random.random_range(0..14) {
        0..=5 => {
            import(connection, user, text(random), &age(random)).await;
        }
        6 | 7 => {
            let sql = format!("delete from public.chat_messages where user_id = $1 and id = {one}");
            sqlx::query(&sql)
                .bind(user)
                .bind(offset)
                .execute(connection)
                .await
                .unwrap();
        }
        8 | 9 => {
            let sql = format!(
                "update public.chat_messages set message_text = $3 where user_id = $1 and id = {one}"
            );
            sqlx::query(&sql)
                .bind(user)
                .bind(offset)
                .bind(text(random))
                .execute(connection)
                .await
                .unwrap();
        }
        10 => {
            let sql = format!(
                "update public.chat_messages set user_id = $3 where user_id = $1 and id = {one}"
            );
            sqlx::query(&sql)
                .bind(user)
                .bind(offset)
                .bind(other)
                .execute(connection)
                .await
                .unwrap();
        }
        11 => {
            let sql = format!(
                "update public.chat_messages set sender_type = case sender_type when 'ai' then 'user' else 'ai' end
                 where user_id = $1 and id = {one}"
            );
            sqlx::query(&sql)
                .bind(user)
                .bind(offset)
                .execute(connection)
                .await
                .unwrap();
        }
        12 => {
            // One statement that deletes, updates and inserts.
            let sql = format!(
                "with gone as (delete from public.chat_messages where user_id = $1 and id = {one} returning id)
                 insert into public.chat_messages (user_id, id, message_text, created_at)
                 select $1, m.id, $3, now() - $4::interval
                 from (select id from public.chat_messages where user_id = $1 and id not in (select id from gone)
                       union all select gen_random_uuid() limit 2) m
                 on conflict (user_id, id) do update set message_text = excluded.message_text"
            );
            let query = sqlx::query(&sql)
                .bind(user)
                .bind(offset)
                .bind(text(random))
                .bind(age(random));
            query.execute(connection).await.unwrap();
        }
        _ => {
            sqlx::query(
                "insert into public.chat_messages (user_id, message_text, created_at)
                 select u, $2, now() - n * $3::interval from unnest($1::uuid[]) u, generate_series(0, 3) n",
            )
            .bind(users)
            .bind(text(random))
            .bind(format!("{} minutes", random.random_range(0..1_000)))
            .execute(connection)
            .await
            .unwrap();
        }
    }
}

async fn walk(seed: u64, transactions: usize) {
    let db = Database::create().await;
    let users = [db.user().await, db.user().await, db.user().await];
    let mut owner = db.connect(Role::Superuser).await;
    let mut random = StdRng::seed_from_u64(seed);
    for number in 0..transactions {
        let mut tx = owner.begin().await.unwrap();
        for _ in 0..random.random_range(1..4) {
            step(&mut tx, &users, &mut random).await;
        }
        if random.random_bool(0.2) {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
        }
        let wrong = differences(&mut owner, &users).await;
        assert!(
            wrong.is_empty(),
            "seed {seed}, transaction {number}: {wrong:#?}"
        );
    }
    // In one transaction, so that both are as of the same instant.
    let mut tx = owner.begin().await.unwrap();
    for user in users {
        import(&mut tx, user, "the end", "0").await;
    }
    let incremental = derived(&mut tx, &users).await;
    for user in users {
        sqlx::query("select bondhu.recompute($1)")
            .bind(user)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    assert_eq!(derived(&mut tx, &users).await, incremental, "seed {seed}");
}

#[tokio::test]
async fn random_histories_equal_a_recount_after_every_transaction() {
    for seed in 0..6 {
        walk(seed, 60).await;
    }
}

#[tokio::test]
async fn the_recount_sees_a_wrong_figure() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    import(&mut owner, user, "i am happy", "0").await;
    assert!(differences(&mut owner, &[user]).await.is_empty());
    for wrong in [
        "update public.sentiment_buckets set score_sum = score_sum - 1",
        "update public.personality_profiles set message_count = 2",
        "update public.personality_profiles set trait_count = trait_count + 1",
    ] {
        let mut tx = owner.begin().await.unwrap();
        sqlx::query(wrong).execute(&mut *tx).await.unwrap();
        assert!(!differences(&mut tx, &[user]).await.is_empty(), "{wrong}");
    }
}

#[tokio::test]
async fn old_messages_may_come_in_any_order() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for age in [
        "0", "200 days", "25 hours", "3 days", "30 days", "47 hours", "179 days", "1 minute",
        "24 hours",
    ] {
        import(&mut owner, user, "i am happy", age).await;
        assert_eq!(
            differences(&mut owner, &[user]).await,
            Vec::<String>::new(),
            "{age}"
        );
    }
}

#[tokio::test]
async fn a_bulk_insert_is_folded_whole() {
    let db = Database::create().await;
    let users = [db.user().await, db.user().await];
    let mut owner = db.connect(Role::Owner).await;
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text, created_at)
         select $1[1 + n % 2], case n % 3 when 0 then 'good' when 1 then 'bad' else 'ok' end, now() - n * interval '1 minute'
         from generate_series(1, 5000) n",
    )
    .bind(&users[..])
    .execute(&mut owner)
    .await
    .unwrap();
    assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());
    sqlx::query("delete from public.chat_messages where message_text = 'bad'")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());
    sqlx::query("delete from public.chat_messages")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(differences(&mut owner, &users).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_is_folded_like_inserts() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let rows: String = (0..500)
        .map(|n| format!("{user}\tmessage {n} is great\n"))
        .collect();
    let mut copy = owner
        .copy_in_raw("copy public.chat_messages (user_id, message_text) from stdin")
        .await
        .unwrap();
    copy.send(rows.as_bytes()).await.unwrap();
    copy.finish().await.unwrap();
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_window_length_counts_from_the_next_message_on() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for hours in 0..12 {
        import(
            &mut owner,
            user,
            "i am happy",
            &format!("{} hours", hours * 5),
        )
        .await;
    }
    for hours in [48, 6, 24] {
        sqlx::query("update bondhu.settings set window_hours = $1")
            .bind(hours)
            .execute(&mut owner)
            .await
            .unwrap();
        import(&mut owner, user, "still here", "0").await;
        assert_eq!(
            differences(&mut owner, &[user]).await,
            Vec::<String>::new(),
            "{hours}"
        );
    }
}

#[tokio::test]
async fn recompute_mends_what_was_broken_by_hand() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    for age in ["0", "30 hours", "9 days"] {
        import(&mut owner, user, "i am happy", age).await;
    }
    sqlx::query("delete from public.sentiment_buckets")
        .execute(&mut owner)
        .await
        .unwrap();
    sqlx::query("delete from public.personality_profiles")
        .execute(&mut owner)
        .await
        .unwrap();
    sqlx::query("select bondhu.recompute($1)")
        .bind(user)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(differences(&mut owner, &[user]).await, Vec::<String>::new());
    let silent = db.user().await;
    sqlx::query("select bondhu.recompute($1)")
        .bind(silent)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(profile_count(&mut owner, silent).await, 0);
}
