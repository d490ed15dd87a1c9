//! Prompts, word for word: `conformance/prompts/NAME.json` is what one is made of, `NAME.txt` the prompt.
//! `PROMPTS=write cargo test -p bondhu-core --test prompts` writes them anew.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bondhu_core::companion::{Exchange, Prompt, Role, fence};

fn exchange(json: &str) -> Exchange {
    serde_json::from_str(json).unwrap()
}

fn shown(prompt: &Prompt) -> String {
    let mut text = format!("{}\n", prompt.system);
    for turn in &prompt.turns {
        write!(text, "\n--- {:?}\n{}\n", turn.role, turn.text).unwrap();
    }
    write!(text, "\n--- about {} tokens\n", prompt.estimated_tokens).unwrap();
    text
}

#[test]
fn prompts_are_word_for_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/prompts");
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let prompt = Prompt::of(&exchange(&fs::read_to_string(&path).unwrap())).unwrap();
        let golden = path.with_extension("txt");
        if std::env::var("PROMPTS").is_ok_and(|what| what == "write") {
            fs::write(&golden, shown(&prompt)).unwrap();
        }
        assert_eq!(
            shown(&prompt),
            fs::read_to_string(&golden).unwrap_or_default(),
            "{}",
            golden.display()
        );
        cases += 1;
    }
    assert!(cases >= 5, "{cases} cases");
}

/// Texts that try to leave their place.
const INJECTIONS: &str = include_str!("../../conformance/prompts/injections.txt");

fn with_everywhere(text: &str) -> Exchange {
    let said = serde_json::to_value(text).unwrap();
    let exchange = serde_json::json!({
        "companion": { "name": "Bondhu", "persona": "You are kind.", "history_tokens": 1000 },
        "context": {
            "profile": { "display_name": said, "locale": said, "time_zone": said },
            "sentiment": {
                "data_status": "sufficient", "dominant_mood": said, "sentiment_trend": said,
                "communication_style": said, "emotional_stability": said, "needs_support": true,
            },
            "music": { "youtube": { "top_genres": [{ "name": said, "share": 1 }] } },
            "video": { "top_channels": [said] },
        },
        "memories": [{ "memory_text": said, "holds_from": said, "holds_until": said }],
        "history": [
            { "sender_type": "user", "message_text": said },
            { "sender_type": "ai", "message_text": "I see." },
            { "sender_type": "user", "message_text": said },
        ],
    });
    exchange_of(&exchange)
}

fn exchange_of(value: &serde_json::Value) -> Exchange {
    exchange(&value.to_string())
}

#[test]
fn no_text_of_a_person_becomes_an_instruction() {
    let harmless = Prompt::of(&with_everywhere("tea")).unwrap();
    let instructions = |prompt: &Prompt| {
        let (before, rest) = prompt.system.split_once(fence::OPEN).unwrap();
        let (_, after) = rest.split_once(fence::CLOSE).unwrap();
        (before.to_owned(), after.to_owned())
    };
    let mut tried = 0;
    for text in INJECTIONS.lines().map(|line| line.replace("\\n", "\n")) {
        let prompt = Prompt::of(&with_everywhere(&text)).unwrap();
        assert_eq!(
            instructions(&prompt),
            instructions(&harmless),
            "outside the fence nothing changes: {text}"
        );
        assert_eq!(prompt.system.matches(fence::CLOSE).count(), 1, "{text}");
        let roles: Vec<Role> = prompt.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(roles, [Role::User, Role::Model, Role::User], "{text}");
        assert_eq!(prompt.turns[2].text, text);
        tried += 1;
    }
    assert!(tried >= 20, "{tried} texts");
}

#[test]
fn history_is_cut_to_its_budget_and_begins_with_the_person() {
    let messages: Vec<_> = (0..40)
        .map(|n| serde_json::json!({
            "sender_type": if n % 2 == 0 { "user" } else { "ai" }, "message_text": "a".repeat(30),
        }))
        .collect();
    for budget in 0..200 {
        let mut history = messages.clone();
        history
            .push(serde_json::json!({ "sender_type": "user", "message_text": "b".repeat(8000) }));
        let prompt = Prompt::of(&exchange_of(&serde_json::json!({
            "companion": { "name": "B", "persona": "", "history_tokens": budget },
            "history": history,
        })))
        .unwrap();
        let last = prompt.turns.last().unwrap();
        assert_eq!(
            (last.role, last.text.len()),
            (Role::User, 8000),
            "the newest is whole"
        );
        assert_eq!(prompt.turns[0].role, Role::User);
        // Each message takes ten; a companion's at the beginning is left out.
        let whole = budget / 10;
        assert_eq!(prompt.turns.len(), 1 + whole - whole % 2, "budget {budget}");
    }
}
