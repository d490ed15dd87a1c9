//! Language models: Gemini's `streamGenerateContent`, and Chat Completions as OpenAI has them.
//!
//! What they say follows from what they are asked. A message may ask for a fault ([`fault`]), so that a
//! caller in any language can plan one: `hello [model: overloaded once]`.
//!
//! A token is four bytes of UTF-8, begun ones included, of each text by itself.

mod fault;
mod gemini;
mod notes;
mod openai;
mod script;
mod speech;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

use super::descriptions::Description;
use super::shared::{Shared, lock};
use fault::Fault;
use script::{Dialect, Script};
use speech::Speech;

/// Path below which Gemini answers.
pub(super) const GEMINI_API: &str = "/gemini/v1beta";
/// Path below which Chat Completions are answered.
pub(super) const OPENAI_API: &str = "/openai/v1";

/// How fast a model speaks.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Until the first words.
    pub first: Duration,
    /// Between two pieces of some words.
    pub between: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            between: Duration::from_millis(20),
        }
    }
}

/// All models.
#[derive(Debug)]
pub(super) struct Models {
    key: String,
    pace: Mutex<Pace>,
    gemini: Description,
    openai: Description,
    /// Messages whose fault was to come once, and has.
    given: Mutex<HashSet<String>>,
}

impl Models {
    pub(super) fn new(key: String, pace: Pace) -> anyhow::Result<Self> {
        Ok(Self {
            key,
            pace: Mutex::new(pace),
            gemini: Description::gemini()?,
            openai: Description::openai()?,
            given: Mutex::default(),
        })
    }

    pub(super) fn set_pace(&self, pace: Pace) {
        *lock(&self.pace) = pace;
    }

    /// Answers what was asked, or does what its last message asks for.
    fn answer(&self, dialect: Dialect, asked: &Asked) -> Response {
        let (text, mark) = if asked.for_notes {
            (notes::newest(asked.last()), "[notes model: ")
        } else {
            (asked.last().to_owned(), "[model: ")
        };
        let fault = Fault::asked_for(&text, mark)
            .filter(|&(_, once)| !once || lock(&self.given).insert(text))
            .map(|(fault, _)| fault);
        let speech = Speech::about(asked, fault);
        Script::of(dialect, &speech, fault, *lock(&self.pace)).play()
    }
}

/// What a model is asked, whoever describes it.
#[derive(Debug)]
struct Asked {
    /// All texts, the instructions first.
    texts: Vec<String>,
    most_tokens: usize,
    /// A schema of the answer is given: of all that are asked here, only notes have one.
    for_notes: bool,
}

impl Asked {
    fn last(&self) -> &str {
        self.texts.last().map_or("", String::as_str)
    }

    fn tokens(&self) -> usize {
        self.texts.iter().map(|text| tokens(text)).sum()
    }
}

/// How many tokens a text is.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// The routes of both.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            &format!("{GEMINI_API}/models/{{call}}"),
            post(gemini::generate),
        )
        .route(
            &format!("{OPENAI_API}/chat/completions"),
            post(openai::complete),
        )
}

/// What refuses a request, by status; the dialect says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Key,
    Request,
    Forbidden,
    UnknownModel,
    Rate { retry_after: u32 },
    Failed,
    Overloaded,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::Key | Self::Request => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::UnknownModel => StatusCode::NOT_FOUND,
            Self::Rate { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
mod tests;
