//! Rules of core that SQL repeats, because it has no engine's function for them: both are held to the
//! same cases.

use bondhu_core::companion::memory;
use bondhu_core::mood::Mood;
use bondhu_core::personality::Personality;
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::time::Timestamp;
use bondhu_stack::testing::{Database, Role};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::{import, settle};

/// What core concludes from a window with these scores (hundredths).
fn concluded(scores: &[i64], min_messages: i64) -> Personality {
    let settings = Settings {
        min_messages,
        ..Settings::default()
    };
    let mut state = State::empty(Timestamp(0), &settings);
    for score in scores {
        state.window.put(*score, Mood::Neutral, 1).unwrap();
    }
    Personality::of(&state, &settings)
}

/// Scores at the bounds, with means and deviations at and beside the half of the last digit.
fn edge_cases() -> Vec<Vec<i64>> {
    let mut cases = vec![
        vec![50],
        vec![0],
        vec![0, 0],
        vec![100, 100],
        vec![0, 100],
        vec![33, 34],
        vec![0, 0, 1],
        vec![99, 100, 100],
    ];
    for odd in (1..100).step_by(2) {
        // Of 64 scores, one of them m and the others 0, the deviation is m/800: of an odd m it
        // ends in a half ten-thousandth.
        let mut deviation = vec![0; 63];
        deviation.push(odd);
        cases.push(deviation);
        // Of 200, the mean is m/20,000.
        let mut mean = vec![0; 199];
        mean.push(odd);
        cases.push(mean);
    }
    for length in 2..60 {
        cases.push(
            (0..length)
                .map(|n| (n * n * 37 + length * 11) % 101)
                .collect(),
        );
    }
    cases
}

async fn store_an_hour_each(owner: &mut PgConnection, user: Uuid, cases: &[Vec<i64>]) {
    sqlx::query(
        "insert into public.personality_profiles (user_id, as_of, window_hours, settings_version)
         select $1, now(), 24, version from bondhu.settings",
    )
    .bind(user)
    .execute(&mut *owner)
    .await
    .unwrap();
    for (hour, scores) in cases.iter().enumerate() {
        // In two buckets, so that the chart adds them up.
        for (quarter, part) in [scores.split_at(1).0, scores.split_at(1).1]
            .into_iter()
            .enumerate()
            .filter(|(_, part)| !part.is_empty())
        {
            sqlx::query(
                "insert into public.sentiment_buckets
                   (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious,
                    disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired)
                 values ($1, '2026-01-01 00:00Z'::timestamptz + make_interval(hours => $2, mins => 15 * $3),
                   $4, $5, $6, 0, 0, 0, 0, 0, 0, 0, 0, 0, $4, 0, 0, 0)",
            )
            .bind(user)
            .bind(i32::try_from(hour).unwrap())
            .bind(i32::try_from(quarter).unwrap())
            .bind(i64::try_from(part.len()).unwrap())
            .bind(part.iter().sum::<i64>())
            .bind(part.iter().map(|score| score * score).sum::<i64>())
            .execute(&mut *owner)
            .await
            .unwrap();
        }
    }
}

#[tokio::test]
async fn a_chart_rounds_mean_and_deviation_as_core_does() {
    let db = Database::create().await;
    let user = db.user().await;
    let cases = edge_cases();
    store_an_hour_each(&mut db.connect(Role::Owner).await, user, &cases).await;

    let charted: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "select (mean_sentiment * 10000)::bigint, (sentiment_volatility * 10000)::bigint
         from public.mood_trend('2026-01-01 00:00Z', '2026-01-01 00:00Z'::timestamptz + make_interval(hours => $1), 'hour')
         order by bucket_start",
    )
    .bind(i32::try_from(cases.len()).unwrap())
    .fetch_all(&mut *db.as_user(user).await)
    .await
    .unwrap();

    assert_eq!(charted.len(), cases.len());
    for (scores, charted) in cases.iter().zip(charted) {
        let expected = match concluded(scores, 2).window {
            Some(window) => (window.mean, Some(window.volatility)),
            // Core concludes nothing from one message; a chart shows its score.
            None => (100 * scores[0], None),
        };
        assert_eq!(charted, expected, "{scores:?}");
    }
}

#[tokio::test]
async fn documents_have_the_data_status_that_the_engine_stores_and_core_concludes() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut users = Vec::new();
    for count in 0..5 {
        let user = db.user().await;
        for _ in 0..count {
            import(&mut owner, user, "i am so happy", "1 hour").await;
        }
        // Outside the window.
        import(&mut owner, user, "i am so happy", "30 hours").await;
        users.push((user, count));
    }
    for min_messages in [2, 3, 4, 5, 1000] {
        sqlx::query("update bondhu.settings set min_messages = $1")
            .bind(min_messages)
            .execute(&mut owner)
            .await
            .unwrap();
        settle(&mut owner).await;
        for (user, count) in &users {
            let expected = concluded(&vec![90; *count], min_messages.into()).data_status();
            let [sentiment, context]: [Value; 2] = sqlx::query_as::<_, (Value, Value)>(
                "select s.data::jsonb, c.data::jsonb -> 'sentiment'
                 from bondhu.personality_sentiment_document(array[$1], now()) s,
                   bondhu.personality_context_document(array[$1], now()) c",
            )
            .bind(user)
            .fetch_one(&mut owner)
            .await
            .unwrap()
            .into();
            let stored: String = sqlx::query_scalar(
                "select data_status from public.personality_profiles where user_id = $1",
            )
            .bind(user)
            .fetch_one(&mut owner)
            .await
            .unwrap();
            let case = format!("{count} messages, min_messages {min_messages}");
            assert_eq!(sentiment["message_count"], *count, "{case}");
            assert_eq!(sentiment["data_status"], expected, "{case}");
            assert_eq!(context["data_status"], expected, "{case}");
            assert_eq!(stored, expected, "{case}");
        }
    }
}

#[tokio::test]
async fn what_core_keeps_as_a_memory_the_table_takes_and_no_more() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut taken = async |text: &str, category: &str| {
        sqlx::query(
            "insert into public.memories (user_id, memory_text, category, confidence) values ($1, $2, $3, 0.5)",
        )
        .bind(user)
        .bind(text)
        .bind(category)
        .execute(&mut owner)
        .await
        .is_ok()
    };
    for category in memory::CATEGORIES {
        assert!(taken("Likes tea.", category).await, "{category}");
    }
    assert!(!taken("Likes tea.", "secret").await);
    for (text, fits) in [
        ("x".repeat(300), true),
        ("x".repeat(301), false),
        ("ক".repeat(300), true),
        ("🙂".repeat(300), true),
        (String::new(), false),
        ("\u{200B}".to_owned(), false),
    ] {
        assert_eq!(memory::fault_of(&text).is_none(), fits, "core: {text}");
        assert_eq!(taken(&text, "other").await, fits, "the table: {text}");
    }
}
