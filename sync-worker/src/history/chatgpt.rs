//! The conversations of a ChatGPT data export (`conversations.json`): a tree of messages each, of which the branch that the person
//! sees is taken.
//!
//! Nobody says what an export is made of, and it changes: each conversation and each message is read by itself, so that an odd one
//! is left alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::ImportError;
use super::message::{Found, History, Sender};

#[derive(Deserialize)]
struct Conversation<'a> {
    /// The same as `id`: older exports have this one alone, newer ones both.
    conversation_id: Option<String>,
    id: Option<String>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    create_time: Option<f64>,
    current_node: Option<String>,
    #[serde(borrow)]
    mapping: BTreeMap<String, Node<'a>>,
}

#[derive(Deserialize)]
struct Node<'a> {
    parent: Option<String>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Written {
    id: Option<String>,
    author: Option<Author>,
    create_time: Option<f64>,
    content: Option<Content>,
    recipient: Option<String>,
    metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Author {
    role: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    content_type: Option<String>,
    parts: Option<Value>,
}

/// Reads an export.
///
/// # Errors
/// It is none.
pub(super) fn read(bytes: &[u8], history: &mut History) -> Result<(), ImportError> {
    let conversations: Vec<&RawValue> =
        serde_json::from_slice(bytes).map_err(ImportError::NoExport)?;
    for (number, conversation) in (1..).zip(conversations) {
        match serde_json::from_str::<Conversation<'_>>(conversation.get()) {
            Ok(conversation) => conversation.read(number, history),
            Err(_) => history.leave("no conversation", format!("conversation {number}")),
        }
    }
    Ok(())
}

impl Conversation<'_> {
    fn read(&self, number: usize, history: &mut History) {
        let title = self.title();
        let place = |node: &str| format!("conversation {number} ({title}), message {node}");
        let session = self.conversation_id.as_deref().or(self.id.as_deref());
        let branch = self.branch();
        let mut last = self.create_time.and_then(instant);
        for (node, message) in &branch {
            let Some(message) = message else { continue };
            let Ok(written) = serde_json::from_str::<Written>(message.get()) else {
                history.leave("no message as JSON", place(node));
                continue;
            };
            let at = written
                .create_time
                .and_then(instant)
                .or_else(|| last?.checked_add_signed(TimeDelta::milliseconds(1)));
            last = at.or(last);
            // Instructions and tools: nobody said that.
            let Some(sender) = written.sender() else {
                history.leave("not of the conversation", place(node));
                continue;
            };
            // A node's name is its conversation's own.
            let id = written.id.clone().filter(|id| !id.is_empty());
            let id = id.unwrap_or_else(|| format!("{}/{node}", session.unwrap_or_default()));
            history.add(Found {
                place: place(node),
                at,
                sender: Some(sender),
                text: &written.text(),
                id: Some(&id),
                session,
            });
        }
        let seen: HashSet<&str> = branch.iter().map(|(node, _)| *node).collect();
        for (node, other) in &self.mapping {
            if other.message.is_some() && !seen.contains(node.as_str()) {
                history.leave("on a branch that is not shown", place(node));
            }
        }
    }

    /// For people to find it by.
    fn title(&self) -> String {
        let title = self
            .title
            .and_then(|title| serde_json::from_str::<String>(title.get()).ok());
        let title = title.unwrap_or_else(|| "untitled".to_owned());
        title.chars().filter(|c| !c.is_control()).take(60).collect()
    }

    /// The nodes of the branch that ends where the person is, the first one first, with their messages.
    fn branch(&self) -> Vec<(&str, Option<&RawValue>)> {
        let mut seen = HashSet::new();
        let mut branch = Vec::new();
        let mut next = self.leaf();
        while let Some((name, node)) = next.and_then(|name| self.mapping.get_key_value(name)) {
            // A tree of somebody else's making may be none.
            if !seen.insert(name) {
                break;
            }
            branch.push((name.as_str(), node.message));
            next = node.parent.as_deref();
        }
        branch.reverse();
        branch
    }

    /// Where the person is; where that is not said, the end of the longest branch, of several the newest.
    fn leaf(&self) -> Option<&str> {
        let current = self.current_node.as_ref();
        if let Some((current, _)) = current.and_then(|name| self.mapping.get_key_value(name)) {
            return Some(current);
        }
        let depths = self.depths();
        let ends = self.mapping.iter().map(|(name, node)| {
            let depth = depths.get(name.as_str()).copied().unwrap_or_default();
            (depth, node.time(), name.as_str())
        });
        let last = ends.max_by(|(depth, time, name), (than_depth, than_time, than_name)| {
            depth
                .cmp(than_depth)
                .then_with(|| time.total_cmp(than_time))
                .then_with(|| name.cmp(than_name))
        });
        last.map(|(_, _, name)| name)
    }

    /// How many nodes there are from the first one to each.
    fn depths(&self) -> HashMap<&str, usize> {
        let mut depths = HashMap::new();
        for name in self.mapping.keys() {
            let (mut way, mut above) = (Vec::new(), 0);
            let mut next = Some(name.as_str());
            while let Some((name, node)) = next.and_then(|name| self.mapping.get_key_value(name)) {
                // Of a node on the way itself, in a circle, it is 0.
                if let Some(known) = depths.get(name.as_str()) {
                    above = *known;
                    break;
                }
                depths.insert(name.as_str(), 0);
                way.push(name.as_str());
                next = node.parent.as_deref();
            }
            for (place, name) in (1..).zip(way.into_iter().rev()) {
                depths.insert(name, above + place);
            }
        }
        depths
    }
}

impl Node<'_> {
    /// When its message was written, in Unix seconds.
    fn time(&self) -> f64 {
        let written = self
            .message
            .and_then(|message| serde_json::from_str::<Written>(message.get()).ok());
        written
            .and_then(|written| written.create_time)
            .unwrap_or(f64::MIN)
    }
}

impl Written {
    /// Who says it to whom; `None` where it is said to a tool, by one, or kept from the person's eyes.
    fn sender(&self) -> Option<Sender> {
        let metadata = self.metadata.as_ref();
        let hidden = metadata.and_then(|of| of.get("is_visually_hidden_from_conversation"));
        let content = self.content.as_ref();
        let kind = content.and_then(|content| content.content_type.as_deref());
        if hidden == Some(&Value::Bool(true))
            || self.recipient.as_deref().is_some_and(|to| to != "all")
            || !matches!(kind, Some("text" | "multimodal_text"))
        {
            return None;
        }
        match self.author.as_ref()?.role.as_deref()? {
            "user" => Some(Sender::User),
            "assistant" => Some(Sender::Ai),
            _ => None,
        }
    }

    /// What is said in words; pictures are left out.
    fn text(&self) -> String {
        let parts = self.content.as_ref().and_then(|of| of.parts.as_ref());
        let parts = parts.and_then(Value::as_array).into_iter().flatten();
        let words: Vec<&str> = parts
            .filter_map(words)
            .filter(|words| !words.is_empty())
            .collect();
        words.join("\n\n")
    }
}

/// The words of a part: a text, or what was understood of speech.
fn words(part: &Value) -> Option<&str> {
    match part {
        Value::String(words) => Some(words),
        Value::Object(of) if of.get("content_type")? == "audio_transcription" => {
            of.get("text")?.as_str()
        }
        _ => None,
    }
}

/// Unix seconds with a fraction; `None` where that is no instant.
fn instant(seconds: f64) -> Option<DateTime<Utc>> {
    // What does not fit saturates, and is no instant then.
    DateTime::from_timestamp_micros((seconds * 1e6).round() as i64).filter(|_| seconds.is_finite())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::message::History;
    use super::read;

    fn node(parent: Option<&str>, role: &str, at: Value, parts: &Value) -> Value {
        json!({
            "parent": parent, "children": [],
            "message": {
                "id": null, "author": {"role": role, "name": null}, "create_time": at, "recipient": "all",
                "content": {"content_type": "text", "parts": parts}, "metadata": {}
            }
        })
    }

    fn read_text(export: &str) -> History {
        let mut history = History::new(Uuid::from_u128(1), Utc::now());
        read(export.as_bytes(), &mut history).unwrap();
        history
    }

    fn history(conversations: &Value) -> History {
        read_text(&conversations.to_string())
    }

    fn texts(history: &History) -> Vec<&str> {
        history.messages.iter().map(|m| m.text.as_str()).collect()
    }

    fn left(history: &History) -> Vec<(&str, u64)> {
        let left = history.left.iter();
        left.map(|(reason, (rows, _))| (*reason, *rows)).collect()
    }

    #[test]
    fn the_branch_that_the_person_sees_is_taken() {
        let history = history(&json!([{
            "title": "Tea", "create_time": 1_700_000_000.5, "conversation_id": "c1", "id": "c1", "current_node": "d",
            "mapping": {
                "root": {"parent": null, "message": null},
                "s": node(Some("root"), "system", json!(null), &json!(["be kind"])),
                "a": node(Some("s"), "user", json!(1_700_000_001.25), &json!(["hello", {"asset": 1}, "🎉"])),
                "b": node(Some("a"), "assistant", json!(1_700_000_002.0), &json!(["an answer that was made again"])),
                "c": node(Some("a"), "assistant", json!(null), &json!(["the answer"])),
                "d": node(Some("c"), "user", json!(1_700_000_009.0), &json!([""])),
            }
        }]));
        let said: Vec<_> = history
            .messages
            .iter()
            .map(|m| (m.sender.name(), m.text.as_str(), m.at.timestamp_micros()))
            .collect();
        assert_eq!(
            said,
            [
                ("user", "hello\n\n🎉", 1_700_000_001_250_000),
                ("ai", "the answer", 1_700_000_001_251_000),
            ]
        );
        assert_eq!(
            left(&history),
            [
                ("blank text", 1),
                ("not of the conversation", 1),
                ("on a branch that is not shown", 1)
            ]
        );
        assert_eq!(history.messages[0].session, history.messages[1].session);
    }

    #[test]
    fn where_the_person_is_not_said_to_be_the_longest_branch_is_theirs() {
        for current in [json!(null), json!("gone")] {
            let history = history(&json!([{"current_node": current, "id": "c", "mapping": {
                "root": {"parent": null, "message": null},
                "a": node(Some("root"), "user", json!(1.0), &json!(["one"])),
                "b": node(Some("a"), "assistant", json!(2.0), &json!(["two"])),
                "c": node(Some("b"), "user", json!(3.0), &json!(["three"])),
                "d": node(Some("a"), "assistant", json!(9.0), &json!(["another two"])),
                "e": node(Some("b"), "user", json!(2.5), &json!(["another three"])),
            }}]));
            assert_eq!(texts(&history), ["one", "two", "three"]);
            assert_eq!(left(&history), [("on a branch that is not shown", 2)]);
        }
    }

    #[test]
    fn a_circle_ends() {
        let circle = history(&json!([
            {"mapping": {
                "a": node(Some("b"), "user", json!(1.0), &json!(["one"])),
                "b": node(Some("a"), "user", json!(2.0), &json!(["two"])),
            }},
            {"current_node": "gone", "mapping": {}},
        ]));
        let mut said = texts(&circle);
        said.sort_unstable();
        assert_eq!(said, ["one", "two"]);
        assert!(circle.left.is_empty());
    }

    #[test]
    fn what_is_odd_is_left_alone_and_its_neighbours_come_in() {
        let mut said = node(None, "user", json!(1.0), &json!(["before"]));
        said["message"]["metadata"] = json!(null);
        let mut nothing = node(Some("a"), "assistant", json!(2.0), &json!(null));
        nothing["message"]["author"]["metadata"] = json!([]);
        let mut spoken = node(
            Some("c"),
            "user",
            json!(4.0),
            &json!([
                {"content_type": "audio_transcription", "text": "said aloud", "direction": "in"},
                {"content_type": "audio_asset_pointer", "asset_pointer": "x"}
            ]),
        );
        spoken["message"]["content"]["content_type"] = json!("multimodal_text");
        let mapping = json!({
            "a": said, "b": nothing, "c": {"parent": "b", "message": {"create_time": "noon"}}, "d": spoken,
            "e": node(Some("d"), "assistant", json!(5.0), &json!(["HALF"])),
            "f": node(Some("e"), "user", json!(6.0), &json!(["after"])),
        });
        let export = json!([{"mapping": null}, 7, {"text": "a line"}, {
            "title": "HALF", "id": "c", "current_node": "f", "mapping": mapping
        }]);
        // Half of an emoji is no character, but stands in exports.
        let history = read_text(&export.to_string().replace("HALF", "\\ud83c"));
        assert_eq!(texts(&history), ["before", "said aloud", "after"]);
        assert_eq!(
            left(&history),
            [
                ("blank text", 1),
                ("no conversation", 3),
                ("no message as JSON", 2)
            ]
        );
    }

    #[test]
    fn a_copy_of_a_conversation_is_taken_once() {
        let mut said = node(None, "user", json!(1.0), &json!(["one"]));
        said["message"]["id"] = json!("m1");
        let unnamed = node(None, "user", json!(2.0), &json!(["two"]));
        let history = history(&json!([
            {"id": "c1", "current_node": "a", "mapping": {"a": said}},
            {"id": "c2", "current_node": "a", "mapping": {"a": said}},
            {"id": "c3", "current_node": "a", "mapping": {"a": unnamed}},
            {"id": "c4", "current_node": "a", "mapping": {"a": unnamed}},
        ]));
        assert_eq!(texts(&history), ["one", "two", "two"]);
        assert_eq!(left(&history), [("its id was there before", 1)]);
    }
}
