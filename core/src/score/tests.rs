#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::{MODEL, Model, SupportLevel, explain, score};
use crate::mood::Mood;

#[test]
fn plain_feelings_are_read_in_each_language() {
    for (text, good, mood) in [
        ("I'm so happy today", true, Mood::Joy),
        ("thank you for listening to me", true, Mood::Grateful),
        ("i miss my grandma every day", false, Mood::Sad),
        ("this makes me furious", false, Mood::Angry),
        ("ami khub khushi aaj", true, Mood::Joy),
        ("mon ta khub kharap", false, Mood::Sad),
        ("তোমাকে অনেক ভালোবাসি", true, Mood::Love),
        ("mujhe bahut gussa aa raha hai", false, Mood::Angry),
        ("💔", false, Mood::Sad),
    ] {
        let score = score(text);
        assert_eq!(score.sentiment > 50, good, "{text}: {score:?}");
        assert_eq!(score.mood, mood, "{text}");
    }
}

#[test]
fn negation_turns_a_word_and_contrast_weighs_the_end() {
    assert!(score("i'm not happy about this at all").sentiment < 50);
    assert!(score("i’m not happy").sentiment < 50);
    assert!(score("bhalo lagche na kichu").sentiment < 50);
    assert!(score("the food was good but the service was awful").sentiment < 50);
    assert!(score("it rained all day but we had a lovely time").sentiment > 50);
}

#[test]
fn plain_statements_and_empty_text_are_neutral() {
    for text in [
        "",
        " \n",
        "the train leaves from platform 4",
        "i live in dhaka",
        "ok",
        "\u{0}",
    ] {
        let score = score(text);
        assert!((45..=60).contains(&score.sentiment), "{text}: {score:?}");
        assert_eq!(score.support, SupportLevel::None);
    }
    assert_eq!(score("what time does the store close?").mood, Mood::Curious);
}

#[test]
fn a_crisis_message_never_scores_well() {
    assert!(score("everyone would be so happy and better off without me").sentiment <= 15);
}

#[test]
fn the_longest_message_is_bounded_work() {
    for text in [
        "want to ".repeat(1_000),
        "😭".repeat(8_000),
        "a".repeat(8_000),
        "no ".repeat(2_600),
        "don't want ".repeat(700),
    ] {
        let started = std::time::Instant::now();
        let _ = score(&text);
        assert!(started.elapsed().as_secs() < 2);
    }
}

#[test]
fn the_compiled_in_model_is_whole() {
    assert!(MODEL.is_whole());
    let mut broken = include_bytes!("../../data/scorer.bin").to_vec();
    *broken.last_mut().unwrap() ^= 1;
    assert!(!Model::parse(&broken).unwrap().is_whole());
    broken.pop();
    assert!(Model::parse(&broken).is_none());
    assert!(Model::parse(b"").is_none());
}

#[test]
fn an_explanation_names_what_moved_the_score() {
    let text = "the food was lovely but the waiter was so rude";
    let explanation = explain(text);
    assert_eq!(explanation.score, score(text));
    let weight = |wanted: &str| {
        let part = explanation
            .sentiment
            .iter()
            .find(|part| part.text == wanted);
        part.map_or(0, |part| part.weight)
    };
    assert!(weight("lovely") > 0 && weight("rude") < 0);
    assert!(
        explanation
            .sentiment
            .is_sorted_by_key(|part| -part.weight.abs())
    );
    assert!(
        explain("")
            .sentiment
            .iter()
            .all(|part| part.text == super::WHOLE)
    );
    let negated = explain("not happy").sentiment;
    assert!(
        negated
            .iter()
            .any(|part| part.text == "not happy" && part.weight < 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_gets_a_score_in_range_and_always_the_same(text in "\\PC{0,200}") {
        let first = score(&text);
        prop_assert!((0..=100).contains(&first.sentiment));
        prop_assert!((0..=100).contains(&first.mood_confidence));
        prop_assert_eq!(first, score(&text));
        prop_assert_eq!(first, explain(&text).score);
    }

    #[test]
    fn any_bytes_that_are_text_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = score(&String::from_utf8_lossy(&bytes));
    }
}
