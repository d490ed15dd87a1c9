//! The order of recommendations in SQL against the rule of core.

use std::collections::BTreeMap;

use bondhu_core::mood::Mood;
use bondhu_core::recommend::{Candidate, Direction, Feedback, Feel, Points, rank};
use bondhu_stack::testing::{Database, Role};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use sqlx::types::Json;

/// What SQL gives of a place: id, mood, feedback, variety, score.
type Place = (String, i32, i32, i32, i32);

fn some_candidates(random: &mut StdRng) -> Vec<Candidate> {
    (0..random.random_range(0..120))
        .map(|number| Candidate {
            // Ids in which bytes and locales disagree.
            id: format!(
                "{}{number}",
                ["a", "B", "_", "é", "-"][random.random_range(0..5)]
            ),
            maker: random
                .random_bool(0.8)
                .then(|| format!("Artist {}", random.random_range(0..9))),
            points: Points {
                // Few values, so that there are ties.
                played: 50 * random.random_range(0..12),
                listed: 50 * random.random_range(0..4),
                saved: 20 * random.random_range(0..2),
                maker: random.random_range(0..240),
                genre: 10 * random.random_range(0..3),
                rest: 10 * random.random_range(-6..5),
            },
            feel: random.random_bool(0.6).then(|| Feel {
                valence: random.random_range(0..=1_000),
                energy: random.random_range(0..=1_000),
            }),
        })
        .collect()
}

fn json_of(candidates: &[Candidate]) -> Vec<Value> {
    candidates
        .iter()
        .map(|of| {
            json!({
                "item_id": of.id, "name": of.id, "maker": of.maker, "makers": [],
                "played": of.points.played, "listed": of.points.listed, "saved": of.points.saved,
                "of_maker": of.points.maker, "genre": of.points.genre, "rest": of.points.rest,
                "valence": of.feel.map(|feel| feel.valence), "energy": of.feel.map(|feel| feel.energy),
                "plays": 0, "days_since_play": null,
            })
        })
        .collect()
}

#[tokio::test]
async fn sql_ranks_as_core_does() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let user = db.user().await;
    let mut random = StdRng::seed_from_u64(17);
    let mut ranked_rows = 0;
    for _ in 0..40 {
        let candidates = some_candidates(&mut random);
        let feedback: BTreeMap<String, (Option<String>, Feedback)> = candidates
            .iter()
            .filter(|_| random.random_bool(0.3))
            .map(|of| {
                let said = [Feedback::Like, Feedback::Dismiss, Feedback::Played];
                (of.id.clone(), of.maker.clone(), said)
            })
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(id, maker, said)| (id, (maker, said[random.random_range(0..3)])))
            .collect();
        sqlx::query(
            "insert into bondhu.recommendation_candidates (user_id, kind, candidates) values ($1, 'music', $2)
             on conflict (user_id, kind) do update set candidates = excluded.candidates",
        )
        .bind(user)
        .bind(Json(json_of(&candidates)))
        .execute(&mut owner)
        .await
        .unwrap();
        sqlx::query("delete from public.recommendation_feedback")
            .execute(&mut owner)
            .await
            .unwrap();
        for (id, (maker, said)) in &feedback {
            let said = match said {
                Feedback::Like => "like",
                Feedback::Dismiss => "dismiss",
                Feedback::Played => "played",
            };
            sqlx::query(
                "insert into public.recommendation_feedback (user_id, kind, item_id, maker, feedback)
                 values ($1, 'music', $2, $3, $4)",
            )
            .bind(user)
            .bind(id)
            .bind(maker)
            .bind(said)
            .execute(&mut owner)
            .await
            .unwrap();
        }
        for direction in Direction::ALL {
            let found: Vec<Place> = sqlx::query_as(
                "select item_id, mood, feedback, variety, score
                 from bondhu.rank_recommendations($1, 'music', array[$2], 1000) order by place",
            )
            .bind(user)
            .bind(direction.as_str())
            .fetch_all(&mut owner)
            .await
            .unwrap();
            let expected: Vec<Place> = rank(&candidates, direction, &feedback)
                .into_iter()
                .map(|of| {
                    let [mood, feedback, variety, score] =
                        [of.mood, of.feedback, of.variety, of.score]
                            .map(|points| i32::try_from(points).unwrap());
                    (of.candidate.id.clone(), mood, feedback, variety, score)
                })
                .collect();
            assert_eq!(found, expected, "{direction:?}");
            ranked_rows += found.len();
        }
    }
    assert!(ranked_rows > 5_000, "{ranked_rows}");
}

#[tokio::test]
async fn moods_lead_where_core_says() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let moods = Mood::ALL.into_iter().map(Some).chain([None]);
    for mood in moods {
        for trend in [None, Some("falling"), Some("steady"), Some("rising")] {
            let found: String =
                sqlx::query_scalar("select bondhu.recommendation_direction($1, $2)")
                    .bind(mood.map(Mood::as_str))
                    .bind(trend)
                    .fetch_one(&mut owner)
                    .await
                    .unwrap();
            let expected = Direction::of(mood, trend == Some("falling"));
            assert_eq!(found, expected.as_str(), "{mood:?} {trend:?}");
        }
    }
}
