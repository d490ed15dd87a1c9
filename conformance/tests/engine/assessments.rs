//! Questionnaires come to the same in SQL and in core.

use bondhu_core::assessment::{Answer, Assessment, Form, Item};
use bondhu_core::mood::Mood;
use bondhu_core::traits::Traits;
use bondhu_stack::testing::{Database, Role};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::recount::say;

/// Sheets of each form: of few and of many answers, of all kinds and of one.
const SHEETS: usize = 300;

fn random_sheet(items: &[Item], random: &mut StdRng) -> Vec<Option<u8>> {
    let answered = [0.0, 0.1, 0.9, 1.0, 1.0, 1.0][random.random_range(0..6)];
    let repeated = [0.0, 0.3, 0.95, 1.0][random.random_range(0..4)];
    let mut last = random.random_range(1..=5);
    let mut answer = |_: &Item| {
        if !random.random_bool(repeated) {
            last = random.random_range(1..=5);
        }
        random.random_bool(answered).then_some(last)
    };
    items.iter().map(&mut answer).collect()
}

/// Hundredths as a numeric of two decimals.
fn points(hundredths: i64) -> Value {
    Value::from(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

fn by_trait(values: [Option<i64>; 5]) -> Value {
    let named = Traits::NAMES.into_iter().zip(values);
    let named = named.map(|(name, value)| (name.to_owned(), value.map_or(Value::Null, points)));
    Value::Object(named.collect::<Map<_, _>>())
}

#[tokio::test]
async fn the_database_scores_answers_as_core_does() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let mut random = StdRng::seed_from_u64(17);
    let mut complete = 0;
    for form in Form::ALL {
        let items = form.items();
        for _ in 0..SHEETS {
            let sheet = random_sheet(&items, &mut random);
            let answers: Map<_, _> = items
                .iter()
                .zip(&sheet)
                .filter_map(|(item, answer)| Some((item.id.clone(), Value::from((*answer)?))))
                .collect();
            // As text, so that the number of digits counts too.
            let found: (i64, i64, Option<Value>, i64, Value) = sqlx::query_as(
                "select items, answered, (select jsonb_object_agg(key, value) from jsonb_each_text(traits)), longest_run,
                   (select jsonb_object_agg(key, value) from jsonb_each_text(contradictions))
                 from bondhu.assess($1, $2)",
            )
            .bind(form.name())
            .bind(Value::Object(answers.clone()))
            .fetch_one(&mut owner)
            .await
            .unwrap();
            let sheet: Vec<_> = sheet
                .iter()
                .map(|answer| answer.and_then(Answer::new))
                .collect();
            let expected = Assessment::of(&items, &sheet);
            complete += usize::from(expected.traits.is_some());
            let expected = (
                items.len() as i64,
                expected.answered as i64,
                expected
                    .traits
                    .map(|traits| by_trait(traits.values().map(Some))),
                expected.longest_run as i64,
                by_trait(expected.contradictions),
            );
            assert_eq!(found, expected, "{form:?} {answers:?}");
        }
    }
    assert!(complete > SHEETS / 2, "only {complete} sheets have traits");
}

#[tokio::test]
async fn two_devices_answer_one_assessment() {
    let db = Database::create().await;
    let user = db.user().await;
    let items = Form::Short.items();
    let submit = async |item: &Item| {
        let mut device = db.as_user(user).await;
        let answered: Value = sqlx::query_scalar(
            "select public.submit_assessment('short', jsonb_build_object($1, 4))",
        )
        .bind(&item.id)
        .fetch_one(&mut *device)
        .await
        .unwrap();
        device.commit().await.unwrap();
        answered["completed_at"].is_string()
    };
    let completed = futures::future::join_all(items.iter().map(submit)).await;
    assert_eq!(
        completed.into_iter().filter(|completed| *completed).count(),
        1
    );
    let kept: Vec<(Uuid, bool)> =
        sqlx::query_as("select user_id, completed_at is not null from public.assessments")
            .fetch_all(&mut db.connect(Role::Owner).await)
            .await
            .unwrap();
    assert_eq!(kept, [(user, true)]);
}

#[tokio::test]
async fn a_person_may_say_every_mood_that_there_is() {
    let db = Database::create().await;
    let user = db.user().await;
    let mut request = db.as_user(user).await;
    let message = say(&mut request, "i am so happy").await;
    for mood in Mood::ALL {
        sqlx::query("select public.correct_message($1, $2)")
            .bind(message)
            .bind(mood.as_str())
            .execute(&mut *request)
            .await
            .unwrap();
    }
}
