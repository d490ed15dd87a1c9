//! The cases of `conformance/corpus` through SQL. The clock is the transaction's: see the README there.

use std::collections::HashMap;

use bondhu_stack::testing::{Database, Role};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const DAY: i64 = 24 * 3_600 * 1_000_000;

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(sql)
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}\nin: {sql}"));
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap()
}

/// An operation as SQL. Scores are the case's: the scoring trigger is off.
fn statement(operation: &Value, people: &HashMap<String, Uuid>, id: Uuid) -> String {
    let scored = || {
        let (score, mood, support) = (
            operation["score"].as_i64().unwrap(),
            text(operation, "mood"),
            text(operation, "support"),
        );
        (format!("{score} / 100.0"), mood, support)
    };
    match text(operation, "op") {
        "insert" => {
            let (score, mood, support) = scored();
            let (user, before) = (people[text(operation, "user")], &operation["before"]);
            format!(
                "insert into public.chat_messages
                   (user_id, id, message_text, sentiment_score, mood_detected, support_level, engine_version, created_at)
                 values ('{user}', '{id}', '-', {score}, '{mood}', '{support}', 1, now() - interval '{before} microseconds')"
            )
        }
        "edit" => {
            let (score, mood, support) = scored();
            format!(
                "update public.chat_messages
                 set sentiment_score = {score}, mood_detected = '{mood}', support_level = '{support}' where id = '{id}'"
            )
        }
        "delete" => format!("delete from public.chat_messages where id = '{id}'"),
        "move" => {
            let to = people[text(operation, "to")];
            format!("update public.chat_messages set user_id = '{to}' where id = '{id}'")
        }
        "correct" => {
            let score = operation["score"].as_i64();
            let score = score.map_or("null".to_owned(), |score| format!("{score} / 100.0"));
            let mood = operation["mood"].as_str();
            let mood = mood.map_or("null".to_owned(), |mood| format!("'{mood}'"));
            format!(
                "update public.chat_messages set corrected_sentiment = {score}, corrected_mood = {mood} where id = '{id}'"
            )
        }
        "count" => format!(
            "update public.chat_messages set counts = {} where id = '{id}'",
            operation["counts"]
        ),
        "assess" => {
            let (user, before) = (people[text(operation, "user")], &operation["before"]);
            let traits = operation["traits"].as_array().unwrap().iter();
            let traits: Vec<_> = traits.map(|points| format!("{points} / 100.0")).collect();
            format!(
                "insert into public.assessments
                   (user_id, id, form, started_at, completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism)
                 select '{user}', '{id}', 'short', at, at, {}
                 from (select now() - interval '{before} microseconds' as at) t",
                traits.join(", ")
            )
        }
        other => panic!("no operation {other}"),
    }
}

/// Figures and totals in the shape of the corpus; both stored and as of now.
const FIGURES: &str = "select jsonb_build_object(
    'message_count', p.message_count, 'mean_sentiment', p.mean_sentiment::text,
    'sentiment_volatility', p.sentiment_volatility::text, 'dominant_mood', p.dominant_mood,
    'sentiment_trend', p.sentiment_trend, 'communication_style', p.communication_style,
    'emotional_stability', p.emotional_stability, 'needs_support', p.needs_support,
    'trait_confidence', p.trait_confidence::text, 'openness', p.openness::text,
    'conscientiousness', p.conscientiousness::text, 'extraversion', p.extraversion::text,
    'agreeableness', p.agreeableness::text, 'neuroticism', p.neuroticism::text)";

async fn stored(connection: &mut PgConnection, user: Uuid) -> (Value, Value, Value) {
    let row = format!(
        "{FIGURES} || jsonb_build_object('data_status', p.data_status)
         from public.personality_profiles p where p.user_id = $1"
    );
    let read = format!(
        "{FIGURES} || jsonb_build_object('data_status',
           case when p.mean_sentiment is null then 'insufficient_data' else 'sufficient' end)
         from bondhu.personality(array[$1], now()) p"
    );
    let totals = "select jsonb_build_object(
          'message_count', coalesce(sum(message_count), 0), 'score_sum', coalesce(sum(score_sum), 0),
          'score_sum_squares', coalesce(sum(score_sum_squares), 0),
          'moods', (select coalesce(jsonb_object_agg(key, n), '{}') from (
            select key, sum(value::integer) as n
            from public.sentiment_buckets b, jsonb_each_text(to_jsonb(b) - '{user_id,bucket_start,message_count,score_sum,score_sum_squares}'::text[])
            where b.user_id = $1 group by key having sum(value::integer) > 0) m))
        from public.sentiment_buckets where user_id = $1";
    let mut answers = Vec::new();
    for sql in [row.as_str(), &read, totals] {
        let answer: Value = sqlx::query_scalar(sql)
            .bind(user)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        answers.push(answer);
    }
    let [row, read, totals] = answers.try_into().unwrap();
    (row, read, totals)
}

/// Traits go by UTC days, which begin when they do.
fn without_traits(mut figures: Value) -> Value {
    let traits = [
        "trait_confidence",
        "openness",
        "conscientiousness",
        "extraversion",
        "agreeableness",
        "neuroticism",
    ];
    for name in traits {
        figures.as_object_mut().unwrap().remove(name);
    }
    figures
}

async fn check(connection: &mut PgConnection, case: &Value, people: &HashMap<String, Uuid>) {
    let name = &case["name"];
    let operations = case["operations"].as_array().unwrap();
    for (setting, value) in case["settings"].as_object().unwrap() {
        execute(
            connection,
            &format!("update bondhu.settings set {setting} = {value}"),
        )
        .await;
    }
    let mut ids = HashMap::new();
    for operation in operations {
        let id = *ids
            .entry(text(operation, "id"))
            .or_insert_with(Uuid::new_v4);
        execute(connection, &statement(operation, people, id)).await;
    }
    let whole_days = operations
        .iter()
        .filter_map(|operation| operation["before"].as_i64())
        .all(|before| before % DAY == 0);
    for (user, expected) in case["expected"].as_object().unwrap() {
        let (row, read, totals) = stored(connection, people[user]).await;
        assert_eq!(totals, expected["totals"], "{name}, user {user}");
        for figures in [row, read] {
            let expected = expected["figures"].clone();
            if whole_days {
                assert_eq!(figures, expected, "{name}, user {user}");
            } else {
                assert_eq!(
                    without_traits(figures),
                    without_traits(expected),
                    "{name}, user {user}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_case_of_the_corpus_holds() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut people = HashMap::new();
    for name in ["a", "b"] {
        people.insert(name.to_owned(), db.user().await);
    }
    execute(
        &mut owner,
        "alter table public.chat_messages disable trigger bondhu_score_message",
    )
    .await;
    let corpus = bondhu_conformance::CASES;
    let cases: Value = serde_json::from_str(corpus).unwrap();
    for case in cases.as_array().unwrap() {
        // In one transaction, so that now() stands still; undone, so that cases do not meet.
        let mut transaction = owner.begin().await.unwrap();
        check(&mut transaction, case, &people).await;
        transaction.rollback().await.unwrap();
    }
}
