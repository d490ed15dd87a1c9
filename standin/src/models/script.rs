//! What goes over the wire, and when.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::Value;

use super::fault::{End, Fault};
use super::speech::Speech;
use super::{Pace, Refusal, gemini, openai};

/// Whose language is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Gemini,
    OpenAi,
}

impl Dialect {
    pub(super) fn refusal(self, refusal: Refusal) -> Response {
        match self {
            Self::Gemini => gemini::refusal(refusal).into_response(),
            Self::OpenAi => openai::refusal(refusal).into_response(),
        }
    }

    fn piece(self, text: &str, speech: &Speech, said: usize) -> Vec<Value> {
        match self {
            Self::Gemini => vec![gemini::piece(text, speech, said)],
            Self::OpenAi => vec![openai::piece(text)],
        }
    }

    fn end(self, end: End, speech: &Speech, said: usize) -> Vec<Value> {
        match self {
            Self::Gemini => vec![gemini::end(end, speech, said)],
            Self::OpenAi => openai::end(end, speech, said),
        }
    }

    fn blocked(self, speech: &Speech) -> Vec<Value> {
        match self {
            Self::Gemini => vec![gemini::blocked(speech)],
            Self::OpenAi => openai::end(End::Unsafe, speech, 0),
        }
    }

    fn error(self) -> Value {
        match self {
            Self::Gemini => gemini::refusal(Refusal::Overloaded).body,
            Self::OpenAi => openai::refusal(Refusal::Overloaded).body,
        }
    }
}

/// One thing after the other.
#[derive(Debug)]
pub(super) enum Step {
    Wait(Duration),
    Send(String),
    Break,
    /// Nothing more, and no end.
    Hang,
}

/// An answer as it is going to be given.
#[derive(Debug)]
pub(super) enum Script {
    Refuse(Dialect, Refusal),
    Stream(Vec<Step>),
}

impl Script {
    pub(super) fn of(dialect: Dialect, speech: &Speech, fault: Option<Fault>, pace: Pace) -> Self {
        if let Some(Fault::Refuses(refusal)) = fault {
            return Self::Refuse(dialect, refusal);
        }
        let said = match fault {
            Some(
                Fault::Withholds(_)
                | Fault::BlocksPrompt
                | Fault::Garbles { at_once: true }
                | Fault::Breaks { at_once: true }
                | Fault::FallsSilent { at_once: true },
            ) => 0,
            Some(
                Fault::Stops(_)
                | Fault::Garbles { .. }
                | Fault::Breaks { .. }
                | Fault::FallsSilent { .. }
                | Fault::Ends
                | Fault::FailsMidway,
            ) => speech.pieces.len() / 2,
            _ => speech.pieces.len(),
        };
        let mut steps = vec![Step::Wait(pace.first)];
        for (index, text) in speech.pieces.iter().take(said).enumerate() {
            if index > 0 {
                steps.push(Step::Wait(pace.between));
            }
            steps.extend(sent(&dialect.piece(text, speech, index + 1)));
        }
        steps.push(Step::Wait(pace.between));
        match fault {
            Some(Fault::Withholds(end) | Fault::Stops(end)) => {
                steps.extend(sent(&dialect.end(end, speech, said)));
            }
            Some(Fault::BlocksPrompt) => steps.extend(sent(&dialect.blocked(speech))),
            Some(Fault::Garbles { .. }) => {
                steps.push(Step::Send("data: {\"candidates\": [{\n\n".to_owned()))
            }
            Some(Fault::Breaks { .. }) => steps.push(Step::Break),
            Some(Fault::FallsSilent { .. }) => steps.push(Step::Hang),
            Some(Fault::FailsMidway) => steps.extend(sent(&[dialect.error()])),
            Some(Fault::Ends) => {}
            _ => {
                steps.extend(sent(&dialect.end(speech.end, speech, said)));
                if dialect == Dialect::OpenAi {
                    steps.push(Step::Send("data: [DONE]\n\n".to_owned()));
                }
            }
        }
        Self::Stream(steps)
    }

    pub(super) fn play(self) -> Response {
        let steps = match self {
            Self::Refuse(dialect, refusal) => return dialect.refusal(refusal),
            Self::Stream(steps) => steps,
        };
        let pieces = futures::stream::iter(steps).filter_map(|step| async {
            match step {
                Step::Wait(time) => {
                    tokio::time::sleep(time).await;
                    None
                }
                Step::Send(text) => Some(Ok(Bytes::from(text))),
                Step::Break => Some(Err(std::io::Error::from(
                    std::io::ErrorKind::ConnectionReset,
                ))),
                Step::Hang => std::future::pending().await,
            }
        });
        let kind = [(header::CONTENT_TYPE, "text/event-stream")];
        (kind, Body::from_stream(pieces)).into_response()
    }
}

/// As events. Gemini ends its lines with CR and LF, which everybody has to read.
fn sent(chunks: &[Value]) -> Vec<Step> {
    let event = |chunk| Step::Send(format!("data: {chunk}\r\n\r\n"));
    chunks.iter().map(event).collect()
}
