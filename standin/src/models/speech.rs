//! What a model says.

use super::fault::{End, Fault};
use super::{Asked, notes, tokens};

/// An answer, in pieces of some words.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) pieces: Vec<String>,
    pub(super) end: End,
    pub(super) asked_tokens: usize,
}

/// Words of one piece.
const WORDS: usize = 3;

impl Speech {
    pub(super) fn about(asked: &Asked, fault: Option<Fault>) -> Self {
        let (text, end) = until(&said(asked, fault), asked.most_tokens);
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        Self {
            pieces: words.chunks(WORDS).map(<[&str]>::concat).collect(),
            end,
            asked_tokens: asked.tokens(),
        }
    }

    /// Of the first pieces.
    pub(super) fn tokens(&self, pieces: usize) -> usize {
        tokens(
            &self
                .pieces
                .iter()
                .take(pieces)
                .map(String::as_str)
                .collect::<String>(),
        )
    }
}

fn said(asked: &Asked, fault: Option<Fault>) -> String {
    match fault {
        Some(Fault::SaysMethod) => "An overdose of those would work, people say.".to_owned(),
        Some(Fault::SaysSecrecy) => {
            "I promise I won't tell anyone, this stays between us.".to_owned()
        }
        Some(Fault::Rambles) => "and then something else came to my mind, ".repeat(1000),
        _ if asked.for_notes => notes::about(asked.last()),
        _ => {
            let turns = asked.texts.len() - 1;
            let words = asked.last().split_whitespace().count();
            format!(
                "Thank you for telling me. You wrote {words} words, and I have read {turns} turns of our conversation. \
                 I am a program, and I am listening. What happened next?"
            )
        }
    }
}

/// As much as the tokens allow.
fn until(text: &str, most_tokens: usize) -> (String, End) {
    if tokens(text) <= most_tokens {
        return (text.to_owned(), End::Complete);
    }
    let most = text.floor_char_boundary(most_tokens * 4);
    (
        text.get(..most).unwrap_or_default().to_owned(),
        End::TooLong,
    )
}
