//! The same digits whatever a session or a server has set for how things are written and compared.

use bondhu_stack::testing::{Database, Role, execute};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::settle;
use crate::sequences::wrong;

const GOLDEN: &str = include_str!("../../golden/scores.tsv");

/// What a session may set.
const SESSIONS: [&str; 14] = [
    "set standard_conforming_strings = off",
    "set bytea_output = 'escape'",
    "set datestyle = 'SQL, DMY'",
    "set datestyle = 'German'",
    "set intervalstyle = 'sql_standard'",
    "set intervalstyle = 'iso_8601'",
    "set extra_float_digits = -15",
    "set timezone = 'Asia/Kathmandu'",
    "set timezone = 'America/St_Johns'; set quote_all_identifiers = on",
    "set xmlbinary = 'hex'; set lc_numeric = 'C'; set lc_monetary = 'C'; set lc_time = 'C'",
    "set plan_cache_mode = force_custom_plan; set jit = on; set jit_above_cost = 0",
    "set enable_seqscan = off; set enable_indexscan = off; set enable_hashagg = off; set enable_sort = off",
    "set search_path = pg_temp, public; set array_nulls = on; set transform_null_equals = on",
    "set default_transaction_isolation = 'repeatable read'; set backslash_quote = off; set escape_string_warning = off",
];

/// Locales of a database: of the C library, of ICU, and with none of their rules.
const LOCALES: [&str; 5] = [
    "locale 'C' encoding 'UTF8'",
    "locale_provider icu icu_locale 'tr-TR' locale 'C.UTF-8' encoding 'UTF8'",
    "locale_provider icu icu_locale 'bn-BD' locale 'C.UTF-8' encoding 'UTF8'",
    "locale_provider icu icu_locale 'und-u-ks-level1' locale 'C' encoding 'UTF8'",
    "lc_collate 'C' lc_ctype 'C.UTF-8' encoding 'UTF8'",
];

/// How core reads each of the golden texts.
fn golden() -> Vec<[&'static str; 5]> {
    let lines = GOLDEN.lines().skip(1);
    let rows = lines.map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap());
    rows.collect()
}

/// What is read of every `step`th golden text in another way than core does.
async fn not_as_core(connection: &mut PgConnection, step: usize) -> Vec<String> {
    let rows: Vec<_> = golden().into_iter().step_by(step).collect();
    let texts: Vec<_> = rows.iter().map(|row| row[0]).collect();
    let scored: Vec<(i64, String, i64, String)> = sqlx::query_as(
        "select (s.sentiment_score * 100)::bigint, s.mood, (s.mood_confidence * 100)::bigint, s.support_level
         from unnest($1::text[]) with ordinality t (text, n) cross join lateral bondhu.score(t.text) s order by t.n",
    )
    .bind(&texts)
    .fetch_all(connection)
    .await
    .unwrap();
    assert_eq!(scored.len(), texts.len());
    rows.iter()
        .zip(scored)
        .filter_map(|(row, (sentiment, mood, confidence, support))| {
            let found = [sentiment.to_string(), mood, confidence.to_string(), support];
            (found != row[1..]).then(|| format!("{row:?} is not {found:?}"))
        })
        .collect()
}

/// A short life, at fixed times: what is derived of it, and what is answered.
async fn life(connection: &mut PgConnection, user: Uuid) -> Value {
    let texts: Vec<_> = golden().iter().map(|row| row[0]).step_by(9).collect();
    sqlx::query(
        "insert into public.chat_messages (user_id, message_text, created_at)
         select $1, t.text, date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - t.n * interval '3 hours 7 minutes'
         from unnest($2::text[]) with ordinality t (text, n)",
    )
    .bind(user)
    .bind(&texts)
    .execute(&mut *connection)
    .await
    .unwrap();
    for sql in [
        "update public.chat_messages set message_text = message_text || ' not' where user_id = $1 and seq % 5 = 0",
        "delete from public.chat_messages where user_id = $1 and message_text like '%a%' and seq % 3 = 0",
        "update public.companion_profiles set time_zone = 'Asia/Kathmandu' where user_id = $1",
    ] {
        sqlx::query(sql)
            .bind(user)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    sqlx::query_scalar(
        "select jsonb_build_object(
           'answer', (select array_agg(to_jsonb(a) - '{user_id,as_of,until}'::text[])
             from bondhu.personality(array[$1], date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' + interval '1 day') a),
           'buckets', (select array_agg((to_jsonb(b) - 'user_id' - 'bucket_start') || jsonb_build_object(
               'age', extract(epoch from date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - b.bucket_start))
             order by b.bucket_start) from public.sentiment_buckets b where b.user_id = $1),
           'days', (select array_agg(to_jsonb(w) - 'day' order by w.day) from bondhu.wellness($1, (now() at time zone 'UTC')::date - 30, (now() at time zone 'UTC')::date) w),
           'patterns', (select array_agg(to_jsonb(p) - 'user_id') from bondhu.patterns(array[$1], now()) p),
           'why', (select array_agg(to_jsonb(e)) from bondhu.explain('i am NOT happy, couldn''t be İyi worse 😂') e))",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn no_setting_of_a_session_changes_a_digit() {
    let db = Database::create().await;
    let mut plain = db.connect(Role::Owner).await;
    let mut expected = None;
    for session in ["select 1"].into_iter().chain(SESSIONS) {
        let user = db.user().await;
        execute(
            &mut plain,
            "alter table public.chat_messages alter seq restart with 1; delete from public.chat_messages",
        )
        .await;
        let mut connection = db.connect(Role::Owner).await;
        sqlx::raw_sql(session)
            .execute(&mut connection)
            .await
            .unwrap();
        let found = life(&mut connection, user).await;
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(&found, expected, "{session}");
        assert_eq!(
            not_as_core(&mut connection, 5).await,
            Vec::<String>::new(),
            "{session}"
        );
        execute(&mut plain, "update bondhu.settings set min_messages = 3").await;
        settle(&mut connection).await;
        assert_eq!(
            wrong(&mut plain, &[user]).await,
            Vec::<String>::new(),
            "{session}"
        );
        execute(&mut plain, "update bondhu.settings set min_messages = 5").await;
    }
}

#[tokio::test]
async fn no_locale_of_a_database_changes_a_digit() {
    let mut expected = None;
    let mut tried = 0;
    for locale in LOCALES {
        let Some(db) = Database::create_in(locale).await else {
            continue;
        };
        tried += 1;
        let user = db.user().await;
        let mut owner = db.connect(Role::Owner).await;
        assert_eq!(
            not_as_core(&mut owner, 1).await,
            Vec::<String>::new(),
            "{locale}"
        );
        let found = life(&mut owner, user).await;
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(&found, expected, "{locale}");
        assert_eq!(
            wrong(&mut owner, &[user]).await,
            Vec::<String>::new(),
            "{locale}"
        );
    }
    assert!(tried > 1);
}
