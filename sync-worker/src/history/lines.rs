//! JSON lines: a message a line.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::message::{Found, History, Sender};

/// An id or a session's name is no longer, in characters.
const LONGEST_NAME: usize = 200;

/// A line. Other fields are of no account.
#[derive(Deserialize)]
struct Line {
    text: Option<String>,
    sender: Option<String>,
    at: Option<String>,
    id: Option<String>,
    session: Option<String>,
}

/// Reads each line.
pub(super) fn read(bytes: &[u8], history: &mut History) {
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let place = format!("line {}", number + 1);
        let line = match parse(line) {
            Ok(line) => line,
            Err(reason) => {
                history.leave(reason, place);
                continue;
            }
        };
        history.add(Found {
            place,
            at: line.at.as_deref().and_then(instant),
            sender: match line.sender.as_deref() {
                Some("user") => Some(Sender::User),
                Some("ai") => Some(Sender::Ai),
                _ => None,
            },
            text: line.text.as_deref().unwrap_or_default(),
            id: line.id.as_deref().filter(|id| !id.is_empty()),
            session: line
                .session
                .as_deref()
                .filter(|session| !session.is_empty()),
        });
    }
}

/// What a line says, or why it says nothing.
fn parse(line: &[u8]) -> Result<Line, &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    let line: Line = serde_json::from_str(text).map_err(|_| "no message as JSON")?;
    let has_long_name = [&line.id, &line.session]
        .into_iter()
        .flatten()
        .any(|name| name.chars().count() > LONGEST_NAME);
    if has_long_name {
        return Err("an id of over 200 characters");
    }
    Ok(line)
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use uuid::Uuid;

    use super::super::message::{History, Sender};
    use super::read;

    fn history(text: &[u8]) -> History {
        let mut history = History::new(Uuid::from_u128(1), Utc::now());
        read(text, &mut history);
        history
    }

    #[test]
    fn a_line_is_a_message_whatever_else_it_has() {
        let history = history(
            b"{\"text\":\"hi \\ud83c\\udf89\",\"sender\":\"user\",\"at\":\"2024-05-01T12:00:00+06:00\",\"mood\":null}\r\n\
              \n\
              {\"text\":\"hello\",\"sender\":\"ai\",\"at\":\"2024-05-01T06:00:01Z\",\"id\":\"a1\",\"session\":\"s\"}",
        );
        assert!(history.left.is_empty(), "{:?}", history.left);
        let [said, answered] = &history.messages[..] else {
            panic!("{:?}", history.messages)
        };
        assert_eq!((said.text.as_str(), said.sender), ("hi 🎉", Sender::User));
        assert_eq!(said.at.to_rfc3339(), "2024-05-01T06:00:00+00:00");
        assert!(said.session.is_none() && answered.session.is_some());
    }

    #[test]
    fn what_cannot_be_taken_is_named_with_its_line() {
        let history = history(
            b"nonsense\n\
              {\"text\":\"\\ud83c\",\"sender\":\"user\",\"at\":\"2024-05-01T06:00:00Z\"}\n\
              {\"text\":\"\xff\",\"sender\":\"user\",\"at\":\"2024-05-01T06:00:00Z\"}\n\
              {\"text\":\"a\\u0000b\",\"sender\":\"user\",\"at\":\"2024-05-01T06:00:00Z\"}\n\
              {\"text\":\"hi\",\"sender\":\"system\",\"at\":\"2024-05-01T06:00:00Z\"}\n\
              {\"text\":\"hi\",\"sender\":\"user\",\"at\":\"yesterday\"}\n\
              {\"text\":\"hi\",\"sender\":\"user\",\"at\":\"1850-01-01T00:00:00Z\"}\n\
              {\"text\":\"hi\",\"sender\":\"user\",\"at\":\"9999-01-01T00:00:00Z\"}\n\
              {\"sender\":\"user\",\"at\":\"2024-05-01T06:00:00Z\"}",
        );
        assert!(history.messages.is_empty());
        let left: Vec<_> = history
            .left
            .iter()
            .map(|(reason, (rows, places))| (*reason, *rows, places.join(", ")))
            .collect();
        let expected = [
            ("a time before 1900", 1, "line 7"),
            ("a time in the future", 1, "line 8"),
            ("blank text", 1, "line 9"),
            ("control characters", 1, "line 4"),
            ("no message as JSON", 2, "line 1, line 2"),
            ("no time", 1, "line 6"),
            ("not UTF-8", 1, "line 3"),
            ("unknown sender", 1, "line 5"),
        ];
        assert_eq!(
            left,
            expected.map(|(reason, rows, places)| (reason, rows, places.to_owned()))
        );
    }

    #[test]
    fn a_name_has_two_hundred_characters_of_any_script_at_most() {
        let line = |name: &str| {
            format!(
                r#"{{"text":"hi","sender":"user","at":"2024-05-01T06:00:00Z","id":"{name}","session":"{name}"}}"#
            )
        };
        let longest = history(line(&"আ".repeat(200)).as_bytes());
        assert_eq!(longest.messages.len(), 1);
        let longer = history(line(&"a".repeat(201)).as_bytes());
        assert_eq!(longer.left["an id of over 200 characters"].0, 1);
    }

    #[test]
    fn two_lines_that_are_alike_are_two_messages() {
        let line = r#"{"text":"hi","sender":"user","at":"2024-05-01T06:00:00Z"}"#;
        let history = history(format!("{line}\r\n{line}\r\n").as_bytes());
        assert!(history.left.is_empty(), "{:?}", history.left);
        assert_eq!(history.messages.len(), 2);
        assert_ne!(history.messages[0].id, history.messages[1].id);
    }
}
