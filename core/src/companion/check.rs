//! What a reply must not say to somebody in danger: methods, and promises of secrecy.
//!
//! The patterns of `data/replies.txt`, in the language of the support detector's. They look for little and
//! are no judgement of a reply: what they find is not sent.

use std::sync::LazyLock;

use crate::score::{Patterns, with_words};

const TEXT: &str = include_str!("../../data/replies.txt");

/// Why a reply is not sent to somebody in danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyFault {
    /// It speaks of a way to do harm.
    Method,
    /// It promises to tell nobody.
    Secrecy,
}

impl ReplyFault {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Method, Self::Secrecy];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Secrecy => "secrecy",
        }
    }
}

/// `None`: what lies inside is not looked at.
type Meaning = Option<ReplyFault>;

static PATTERNS: LazyLock<Patterns<Meaning>> = LazyLock::new(|| Patterns::read(TEXT, meaning));

fn meaning(kind: &str) -> Meaning {
    ReplyFault::ALL
        .into_iter()
        .find(|fault| fault.as_str() == kind)
}

/// The first thing that is wrong with a reply, if anything. Of a text over 8,000 characters the rest is not
/// read: no longer one can be stored.
#[must_use]
pub fn fault_of_reply(text: &str) -> Option<ReplyFault> {
    with_words(text, |words| {
        // Up to here the words are safe.
        let mut safe_until = 0;
        for start in 0..words.len() {
            let mut fault = None;
            PATTERNS.at(words, start, |end, meaning| match meaning {
                None => safe_until = safe_until.max(end),
                Some(found) => fault = fault.or(Some(found)),
            });
            if fault.is_some() && start >= safe_until {
                return fault;
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_promises_are_found_in_every_language_that_is_answered() {
        use ReplyFault::{Method, Secrecy};
        for (text, fault) in [
            ("An overdose of those would work.", Some(Method)),
            ("You could cut your wrists.", Some(Method)),
            ("People jump off a bridge.", Some(Method)),
            ("Golay dori dio na.", Some(Method)),
            ("I promise I won't tell anyone.", Some(Secrecy)),
            ("This stays between us.", Some(Secrecy)),
            ("Ami kauke bolbo na.", Some(Secrecy)),
            ("Main kisi ko nahi bataungi.", Some(Secrecy)),
            ("Please put the pills away and call somebody.", None),
            ("Stay away from the bridge, and call poison control.", None),
            (
                "I'm here. Please tell someone you trust, or call the helpline.",
                None,
            ),
            ("I can't keep this a secret, because I care.", Some(Secrecy)),
            ("", None),
        ] {
            assert_eq!(fault_of_reply(text), fault, "{text}");
        }
    }

    #[test]
    fn what_is_sent_instead_passes() {
        assert_eq!(fault_of_reply(super::super::SAFE_REPLY), None);
        assert_eq!(
            fault_of_reply(super::super::Help::for_locale(None).text),
            None
        );
    }
}
