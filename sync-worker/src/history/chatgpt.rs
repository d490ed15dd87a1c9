//! The conversations of a ChatGPT data export (`conversations.json`): a tree of messages each, of which the branch that the person
//! sees is taken.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::error::ImportError;
use super::message::{Found, History, Sender};

#[derive(Deserialize)]
struct Conversation {
    #[serde(alias = "conversation_id")]
    id: Option<String>,
    title: Option<String>,
    create_time: Option<f64>,
    current_node: Option<String>,
    #[serde(default)]
    mapping: HashMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    parent: Option<String>,
    message: Option<Written>,
}

#[derive(Deserialize)]
struct Written {
    id: Option<String>,
    author: Option<Author>,
    create_time: Option<f64>,
    content: Option<Content>,
    recipient: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, Value>,
}

#[derive(Deserialize)]
struct Author {
    role: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    content_type: Option<String>,
    #[serde(default)]
    parts: Vec<Value>,
}

/// Reads an export.
///
/// # Errors
/// It is none.
pub(super) fn read(bytes: &[u8], history: &mut History) -> Result<(), ImportError> {
    let conversations: Vec<Conversation> =
        serde_json::from_slice(bytes).map_err(ImportError::NoExport)?;
    for (number, conversation) in conversations.iter().enumerate() {
        conversation.read(number + 1, history);
    }
    Ok(())
}

impl Conversation {
    fn read(&self, number: usize, history: &mut History) {
        let title = self.title.as_deref().unwrap_or("untitled");
        let title: String = title.chars().filter(|c| !c.is_control()).take(60).collect();
        let mut last = self.create_time.and_then(instant);
        for (node, written) in self.branch() {
            let place = format!("conversation {number} ({title}), message {node}");
            let at = written
                .create_time
                .and_then(instant)
                .or_else(|| last?.checked_add_signed(TimeDelta::milliseconds(1)));
            last = at.or(last);
            let role = written
                .author
                .as_ref()
                .and_then(|author| author.role.as_deref());
            let sender = match role {
                Some("user") => Some(Sender::User),
                Some("assistant") => Some(Sender::Ai),
                // Instructions and tools: nobody said that.
                _ => {
                    history.leave("not of the conversation", place);
                    continue;
                }
            };
            if written.is_hidden() {
                history.leave("not of the conversation", place);
                continue;
            }
            let text = written.text();
            history.add(Found {
                place,
                at,
                sender,
                text: &text,
                id: Some(written.id.as_deref().unwrap_or(node)),
                session: self.id.as_deref(),
            });
        }
    }

    /// The branch that ends where the person is, its first message first.
    fn branch(&self) -> Vec<(&str, &Written)> {
        let mut seen = HashSet::new();
        let mut branch = Vec::new();
        let mut next = self.leaf();
        while let Some((name, node)) = next.and_then(|name| self.mapping.get_key_value(name)) {
            // A tree of somebody else's making may be none.
            if !seen.insert(name) {
                break;
            }
            if let Some(written) = &node.message {
                branch.push((name.as_str(), written));
            }
            next = node.parent.as_deref();
        }
        branch.reverse();
        branch
    }

    /// Where the person is, or the newest message where that is not said.
    fn leaf(&self) -> Option<&str> {
        if let Some(current) = &self.current_node {
            return Some(current);
        }
        let time = |node: &Node| {
            node.message
                .as_ref()
                .and_then(|written| written.create_time)
        };
        let newest = self.mapping.iter().max_by(|(name, node), (other, than)| {
            let by_time = time(node)
                .unwrap_or(f64::MIN)
                .total_cmp(&time(than).unwrap_or(f64::MIN));
            by_time.then_with(|| name.cmp(other))
        });
        newest.map(|(name, _)| name.as_str())
    }
}

impl Written {
    /// Said to a tool, or kept from the person's eyes.
    fn is_hidden(&self) -> bool {
        let hidden = self.metadata.get("is_visually_hidden_from_conversation");
        let content = self
            .content
            .as_ref()
            .and_then(|c| c.content_type.as_deref());
        hidden == Some(&Value::Bool(true))
            || self.recipient.as_deref().is_some_and(|to| to != "all")
            || !matches!(content, Some("text" | "multimodal_text"))
    }

    /// What is said in words; pictures are left out.
    fn text(&self) -> String {
        let parts = self.content.iter().flat_map(|content| &content.parts);
        let words: Vec<&str> = parts
            .filter_map(Value::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        words.join("\n\n")
    }
}

/// Unix seconds with a fraction; `None` where that is no instant.
fn instant(seconds: f64) -> Option<DateTime<Utc>> {
    // What does not fit saturates, and is no instant then.
    DateTime::from_timestamp_micros((seconds * 1e6).round() as i64).filter(|_| seconds.is_finite())
}

#[cfg(test)]
mod tests {
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

    fn history(conversations: &Value) -> History {
        let mut history = History::new(Uuid::from_u128(1));
        read(conversations.to_string().as_bytes(), &mut history).unwrap_or_default();
        history
    }

    #[test]
    fn the_branch_that_the_person_sees_is_taken() {
        let history = history(&json!([{
            "title": "Tea", "create_time": 1_700_000_000.5, "conversation_id": "c1", "current_node": "d",
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
        let left: Vec<_> = history
            .left
            .iter()
            .map(|(reason, (rows, _))| (*reason, *rows))
            .collect();
        assert_eq!(left, [("blank text", 1), ("not of the conversation", 1)]);
        assert_eq!(history.messages[0].session, history.messages[1].session);
    }

    #[test]
    fn a_circle_ends_and_a_current_message_that_is_missing_is_none() {
        let circle = history(&json!([
            {"mapping": {
                "a": node(Some("b"), "user", json!(1.0), &json!(["one"])),
                "b": node(Some("a"), "user", json!(2.0), &json!(["two"])),
            }},
            {"current_node": "gone", "mapping": {}},
            {},
        ]));
        let texts: Vec<_> = circle.messages.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["one", "two"]);
    }
}
