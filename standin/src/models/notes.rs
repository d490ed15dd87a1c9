//! What a model answers that is asked for notes about a person: JSON.
//!
//! It finds sentences that begin with "My ", and takes a note whose first two words are the same for the one that is
//! replaced. A message that ends in `[notes: TEXT]` has it note just that, `[notes: {…}]` has it answer just that, and
//! `[notes model: NAME]` in the newest has it fail as `[model: NAME]` does.

use serde_json::{Value, json};

/// What is in the fence of core's `companion::memory`.
fn data_in(text: &str) -> Value {
    text.lines()
        .find_map(|line| serde_json::from_str(line).ok())
        .unwrap_or_default()
}

/// The newest of the messages that are new.
pub(super) fn newest(text: &str) -> String {
    let data = data_in(text);
    let messages = data["conversation"].as_array();
    let newest = messages
        .and_then(|lines| lines.iter().rfind(|line| line["number"].is_u64()))
        .and_then(|line| line["text"].as_str());
    newest.unwrap_or_default().to_owned()
}

/// The answer to the text that holds the fence.
pub(super) fn about(text: &str) -> String {
    let data = data_in(text);
    let messages = data["conversation"].as_array().into_iter().flatten();
    let mut found = Vec::new();
    for message in messages {
        let (Some(number), Some(said)) = (message["number"].as_u64(), message["text"].as_str())
        else {
            continue;
        };
        if let Some(wanted) = marked(said, "[notes: ") {
            if wanted.starts_with('{') {
                return wanted.to_owned();
            }
            found.push(note(number, wanted.to_owned(), &data));
            continue;
        }
        let sentences = said.split_inclusive(['.', '!', '?']).map(str::trim);
        found.extend(
            sentences
                .filter_map(|sentence| sentence.strip_prefix("My "))
                .map(|told| note(number, format!("Their {told}"), &data)),
        );
    }
    json!({ "memories": found }).to_string()
}

fn note(number: u64, text: String, data: &Value) -> Value {
    let beginning = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().take(2);
        words.map(str::to_lowercase).collect()
    };
    let mut notes = data["notes"].as_array().into_iter().flatten();
    let replaces = notes
        .find(|note| {
            let earlier = note["text"].as_str().unwrap_or_default();
            earlier != text && beginning(earlier) == beginning(&text)
        })
        .map(|note| note["number"].clone());
    json!({
        "memory_text": text, "category": "other", "confidence": 0.9, "holds_from": null, "holds_until": null,
        "replaces": replaces, "messages": [number],
    })
}

/// What stands behind a mark, up to the last bracket.
fn marked<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let (_, marked) = text.rsplit_once(mark)?;
    marked.rsplit_once(']').map(|(wanted, _)| wanted)
}
