//! A message from elsewhere, and which can be taken.

use std::collections::{BTreeMap, HashSet};

use bondhu_core::characters::{is_stray_control, is_visible};
use bondhu_core::score::MAX_CHARS;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::error::ImportError;

/// As constraint `message_can_be_read` has it.
const MAX_BYTES: usize = 24_000;

/// More are split over several files.
const MOST_MESSAGES: usize = 1_000_000;

/// Places named for one reason.
const MOST_PLACES: usize = 5;

/// 1900-01-01, in Unix seconds: a message of an earlier time is refused (constraint `created_at_is_since_1900…`).
const EARLIEST: i64 = -2_208_988_800;

/// Who said it, as `chat_messages.sender_type`; the person's go first where a time is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sender {
    User,
    Ai,
}

impl Sender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Ai => "ai",
        }
    }
}

/// A message that can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) at: DateTime<Utc>,
    pub(super) sender: Sender,
    pub(super) id: Uuid,
    pub(super) session: Option<Uuid>,
    pub(super) text: String,
}

/// A message as a file has it.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// Where, for people: `line 7`.
    pub(super) place: String,
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) sender: Option<Sender>,
    pub(super) text: &'a str,
    /// What its id follows from; `None`: from the rest.
    pub(super) id: Option<&'a str>,
    /// What its session's id follows from.
    pub(super) session: Option<&'a str>,
}

/// What a file has, for one person.
#[derive(Debug)]
pub(super) struct History {
    user: Uuid,
    /// By the database's clock, which judges what is in the future.
    now: DateTime<Utc>,
    /// In the order in which they are imported.
    pub(super) messages: Vec<Message>,
    /// What is left, by the reason: how many, and the first places.
    pub(super) left: BTreeMap<&'static str, (u64, Vec<String>)>,
    /// How often a message without an id was there.
    alike: BTreeMap<Uuid, u64>,
    ids: HashSet<Uuid>,
}

impl History {
    pub(super) fn new(user: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            user,
            now,
            messages: Vec::new(),
            left: BTreeMap::new(),
            alike: BTreeMap::new(),
            ids: HashSet::new(),
        }
    }

    /// Notes one that is left.
    pub(super) fn leave(&mut self, reason: &'static str, place: String) {
        let (rows, places) = self.left.entry(reason).or_default();
        *rows += 1;
        if places.len() < MOST_PLACES {
            places.push(place);
        }
    }

    /// Takes a message, or notes why it is left.
    pub(super) fn add(&mut self, found: Found<'_>) {
        let at = match found.at {
            None => return self.leave("no time", found.place),
            Some(at) if at.timestamp() < EARLIEST => {
                return self.leave("a time before 1900", found.place);
            }
            Some(at) if at > self.now => return self.leave("a time in the future", found.place),
            Some(at) => at,
        };
        let Some(sender) = found.sender else {
            return self.leave("unknown sender", found.place);
        };
        if let Some(fault) = fault(found.text) {
            return self.leave(fault, found.place);
        }
        let id = match found.id {
            Some(id) => self.derived("id", &[id]),
            None => self.unnamed(at, sender, found.text),
        };
        if !self.ids.insert(id) {
            return self.leave("its id was there before", found.place);
        }
        self.messages.push(Message {
            at,
            sender,
            id,
            session: found
                .session
                .map(|session| self.derived("session", &[session])),
            text: found.text.to_owned(),
        });
    }

    /// The id of a message that has none: the second of two that are alike gets another.
    fn unnamed(&mut self, at: DateTime<Utc>, sender: Sender, text: &str) -> Uuid {
        let at = at.timestamp_micros().to_string();
        let parts = [at.as_str(), sender.name(), text];
        let first = self.derived("message", &parts);
        let before = self.alike.entry(first).or_default();
        *before += 1;
        match *before {
            1 => first,
            nth => self.derived(
                "message",
                &[&parts[..], &[nth.to_string().as_str()]].concat(),
            ),
        }
    }

    /// A UUID of version 8 (RFC 9562, section 5.8) of what it is of, for this person: the first 122 bits of a SHA-256.
    fn derived(&self, of: &str, parts: &[&str]) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(self.user);
        for part in [&[of], parts].concat() {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Puts them in order.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn settle(mut self) -> Result<Self, ImportError> {
        if self.messages.len() > MOST_MESSAGES {
            return Err(ImportError::TooLarge);
        }
        // Stable: at one time, and of one sender, as in the file.
        self.messages
            .sort_by_key(|message| (message.at, message.sender));
        Ok(self)
    }

    /// How many messages there are in the file.
    pub(super) fn read(&self) -> u64 {
        self.messages.len() as u64 + self.left.values().map(|(rows, _)| rows).sum::<u64>()
    }
}

/// Why a text cannot be a message.
fn fault(text: &str) -> Option<&'static str> {
    if text.len() > MAX_BYTES {
        Some("over 24,000 bytes")
    } else if text.chars().count() > MAX_CHARS {
        Some("over 8,000 characters")
    } else if text.chars().any(is_stray_control) {
        Some("control characters")
    } else if text.chars().any(is_visible) {
        None
    } else {
        Some("blank text")
    }
}

#[cfg(test)]
mod tests {
    use super::{DateTime, Found, History, Sender, Utc, Uuid, fault};

    pub(super) fn found<'a>(text: &'a str, id: Option<&'a str>) -> Found<'a> {
        Found {
            place: "line 1".to_owned(),
            at: DateTime::from_timestamp(1_700_000_000, 0),
            sender: Some(Sender::User),
            text,
            id,
            session: None,
        }
    }

    #[test]
    fn ids_follow_from_the_person_and_the_message() {
        let ids = |user: u128| {
            let mut history = History::new(Uuid::from_u128(user), Utc::now());
            for (text, id) in [
                ("hi", None),
                ("hi", None),
                ("hi", Some("7")),
                ("ho", Some("7")),
            ] {
                history.add(found(text, id));
            }
            assert_eq!(
                history.left["its id was there before"],
                (1, vec!["line 1".to_owned()])
            );
            history.messages.iter().map(|m| m.id).collect::<Vec<_>>()
        };
        let mine = ids(1);
        assert_eq!(mine, ids(1));
        assert_ne!(mine[0], mine[1]);
        assert_eq!(mine.len(), 3);
        assert!(ids(2).iter().all(|id| !mine.contains(id)));
        assert!(mine.iter().all(|id| id.get_version_num() == 8));
    }

    #[test]
    fn texts_are_judged_as_the_database_judges_them() {
        assert_eq!(fault("hi 🎉\nthere"), None);
        assert_eq!(fault(""), Some("blank text"));
        assert_eq!(fault(" \u{200b}\u{2800}"), Some("blank text"));
        assert_eq!(fault("a\0b"), Some("control characters"));
        assert_eq!(fault(&"a".repeat(8_000)), None);
        assert_eq!(fault(&"a".repeat(8_001)), Some("over 8,000 characters"));
        assert_eq!(fault(&"🎉".repeat(6_001)), Some("over 24,000 bytes"));
    }
}
