//! The cases of `conformance/corpus`, without a database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::process::Command;

use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use bondhu_core::personality::Personality;
use bondhu_core::settings::Settings;
use bondhu_core::state::{Repairs, State};
use bondhu_core::time::{HOUR, Timestamp};
use bondhu_core::traits::Traits;
use serde_json::{Value, json};

/// Noon of some day.
const AS_OF: Timestamp = Timestamp(20_000 * 24 * HOUR + 12 * HOUR);

fn settings(overrides: &Value) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in overrides.as_object().unwrap() {
        let value = value.as_i64().unwrap();
        match name.as_str() {
            "window_hours" => settings.window_hours = value,
            "min_messages" => settings.min_messages = value,
            "trend_threshold_hundredths" => settings.trend_threshold_hundredths = value,
            "variable_above_hundredths" => settings.variable_above_hundredths = value,
            "crisis_support_hours" => settings.crisis_support_hours = value,
            "trait_full_confidence" => settings.trait_full_confidence_hundredths = 100 * value,
            other => panic!("no setting {other}"),
        }
    }
    settings
}

fn said(operation: &Value, created_at: Timestamp) -> Message {
    Message {
        created_at,
        score: operation["score"].as_i64().unwrap(),
        mood: Mood::parse(operation["mood"].as_str().unwrap()).unwrap(),
        crisis: operation["support"] == "crisis",
        counts: true,
    }
}

/// What a host does for its users, over lists instead of tables.
struct Host {
    settings: Settings,
    states: BTreeMap<String, State>,
    messages: BTreeMap<String, (String, Message)>,
    /// Of corrected messages, as the engine read them.
    read: BTreeMap<String, Message>,
    /// When the latest assessment was completed.
    assessed: BTreeMap<String, i64>,
}

impl Host {
    fn apply(&mut self, operation: &Value) {
        let text = |field: &str| operation[field].as_str().unwrap().to_owned();
        let id = text("id");
        match operation["op"].as_str().unwrap() {
            "insert" => {
                let before = operation["before"].as_i64().unwrap();
                let message = said(operation, Timestamp(AS_OF.0 - before));
                self.put(&id, text("user"), message);
            }
            "edit" => {
                let (user, old) = self.take(&id);
                self.put(&id, user, said(operation, old.created_at));
            }
            "delete" => drop(self.take(&id)),
            "move" => {
                let (_, message) = self.take(&id);
                self.put(&id, text("to"), message);
            }
            "correct" => {
                let (user, message) = self.take(&id);
                let read = *self.read.entry(id.clone()).or_insert(message);
                let corrected = Message {
                    score: operation["score"].as_i64().unwrap_or(read.score),
                    mood: operation["mood"]
                        .as_str()
                        .map_or(read.mood, |mood| Mood::parse(mood).unwrap()),
                    ..message
                };
                self.put(&id, user, corrected);
            }
            "count" => {
                let (user, message) = self.take(&id);
                let counts = operation["counts"].as_bool().unwrap();
                self.put(&id, user, Message { counts, ..message });
            }
            "assess" => {
                let before = operation["before"].as_i64().unwrap();
                let latest = self.assessed.entry(text("user")).or_insert(before);
                if before <= *latest {
                    *latest = before;
                    let traits: Vec<_> = operation["traits"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|points| points.as_i64().unwrap())
                        .collect();
                    let empty = || State::empty(AS_OF, &self.settings);
                    let state = self.states.entry(text("user")).or_insert_with(empty);
                    state.baseline = Traits::from_values(traits.try_into().unwrap());
                }
            }
            other => panic!("no operation {other}"),
        }
    }

    fn put(&mut self, id: &str, user: String, message: Message) {
        let empty = || State::empty(AS_OF, &self.settings);
        let state = self.states.entry(user.clone()).or_insert_with(empty);
        state.put(&message).unwrap();
        self.messages.insert(id.to_owned(), (user, message));
    }

    fn take(&mut self, id: &str) -> (String, Message) {
        let (user, message) = self.messages.remove(id).unwrap();
        let left = self.of(&user);
        let state = self.states.get_mut(&user).unwrap();
        let mut repairs = Repairs::default();
        state.take(&message, &mut repairs).unwrap();
        let counted = State::recount(&left, AS_OF, &self.settings).unwrap();
        for mood in repairs.moods() {
            state.latest[mood.index()] = counted.latest[mood.index()];
        }
        if repairs.oldest {
            state.oldest = counted.oldest;
        }
        if repairs.previous_oldest {
            state.previous_oldest = counted.previous_oldest;
        }
        if repairs.crisis {
            state.last_crisis_at = counted.last_crisis_at;
        }
        (user, message)
    }

    fn of(&self, user: &str) -> Vec<Message> {
        let own = self.messages.values().filter(|(owner, _)| owner == user);
        own.map(|(_, message)| *message).collect()
    }
}

fn decimal(units: i64, digits: usize) -> String {
    let scale = 10_i64.pow(digits as u32);
    format!("{}.{:0digits$}", units / scale, units % scale)
}

fn figures(state: &State, settings: &Settings) -> Value {
    let personality = Personality::of(state, settings);
    let window = personality.window;
    let [o, c, e, a, n] = personality.traits.values().map(|value| decimal(value, 2));
    json!({
        "message_count": personality.message_count,
        "data_status": personality.data_status(),
        "mean_sentiment": window.map(|window| decimal(window.mean, 4)),
        "sentiment_volatility": window.map(|window| decimal(window.volatility, 4)),
        "dominant_mood": window.map(|window| window.dominant_mood.as_str()),
        "sentiment_trend": window.and_then(|window| window.trend).map(|trend| trend.as_str()),
        "communication_style": personality.style.communication.as_str(),
        "emotional_stability": personality.style.stability.map(|stability| stability.as_str()),
        "needs_support": personality.style.needs_support,
        "trait_confidence": decimal(personality.trait_confidence, 4),
        "openness": o, "conscientiousness": c, "extraversion": e, "agreeableness": a, "neuroticism": n,
    })
}

const CASES: &str = include_str!("../../conformance/corpus/cases.json");

#[test]
fn the_cases_are_what_the_independent_rules_make_of_them() {
    let python = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../conformance/corpus/generate.py"
        ))
        .output()
        .unwrap();
    assert!(
        python.status.success(),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );
    assert!(
        python.stdout == CASES.as_bytes(),
        "run: python3 conformance/corpus/generate.py > conformance/corpus/cases.json"
    );
}

#[test]
fn every_case_of_the_corpus_holds() {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let cases = cases.as_array().unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let name = &case["name"];
        let mut host = Host {
            settings: settings(&case["settings"]),
            states: BTreeMap::new(),
            messages: BTreeMap::new(),
            read: BTreeMap::new(),
            assessed: BTreeMap::new(),
        };
        for operation in case["operations"].as_array().unwrap() {
            host.apply(operation);
        }
        for (user, expected) in case["expected"].as_object().unwrap() {
            let state = &host.states[user];
            assert_eq!(
                figures(state, &host.settings),
                expected["figures"],
                "{name}, user {user}"
            );
            let counted = State {
                baseline: state.baseline,
                ..State::recount(&host.of(user), AS_OF, &host.settings).unwrap()
            };
            assert_eq!(state, &counted, "{name}, user {user}");
        }
    }
}
