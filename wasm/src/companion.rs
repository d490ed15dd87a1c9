//! The companion's side of a conversation: what a model is asked, and what may be sent of its answer.

use bondhu_core::companion::memory::{self, MemoryTask};
use bondhu_core::companion::{self, Exchange, Help, Prompt, Turn};
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Builds the prompt of an exchange, which is JSON as [`Exchange`] reads it:
/// `{system, turns, estimatedTokens}`.
///
/// # Errors
/// The text has another shape.
#[wasm_bindgen]
pub fn prompt(exchange: &str) -> Result<String, JsError> {
    let exchange: Exchange = serde_json::from_str(exchange)?;
    Ok(serde_json::to_string(&Asked::from(&Prompt::of(
        &exchange,
    )?))?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    system: &'a str,
    turns: &'a [Turn],
    estimated_tokens: usize,
}

impl<'a> From<&'a Prompt> for Asked<'a> {
    fn from(prompt: &'a Prompt) -> Self {
        Self {
            system: &prompt.system,
            turns: &prompt.turns,
            estimated_tokens: prompt.estimated_tokens,
        }
    }
}

/// What a model is asked that looks for what a person told, of a task, which is JSON as [`MemoryTask`] reads it:
/// `{system, turns, estimatedTokens, schema, replyTokens}`.
///
/// # Errors
/// The text has another shape.
#[wasm_bindgen]
pub fn memory_prompt(task: &str) -> Result<String, JsError> {
    let task: MemoryTask = serde_json::from_str(task)?;
    Ok(serde_json::to_string(&MemoryAsked {
        asked: Asked::from(&task.prompt()?),
        schema: memory::schema(),
        reply_tokens: memory::ANSWER_TOKENS,
    })?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemoryAsked<'a> {
    #[serde(flatten)]
    asked: Asked<'a>,
    schema: Value,
    reply_tokens: usize,
}

/// What is kept of its answer, as `store_memories` takes it: `{lease, messages, memories}`. Of an answer that was cut,
/// what stands before.
///
/// # Errors
/// The task has another shape.
#[wasm_bindgen]
pub fn kept_memories(task: &str, answer: &str) -> Result<String, JsError> {
    let task: MemoryTask = serde_json::from_str(task)?;
    Ok(serde_json::to_string(&task.kept(answer))?)
}

/// The name of what keeps a reply from somebody in danger; nothing when it may be sent.
#[wasm_bindgen]
#[must_use]
pub fn fault_of_reply(text: &str) -> Option<String> {
    companion::fault_of_reply(text).map(|fault| fault.as_str().to_owned())
}

/// What an app shows to somebody in danger, `{url, country, text}`, by their locale.
///
/// # Errors
/// Never for these types; the signature of JSON cannot say so.
#[wasm_bindgen]
pub fn help_for(locale: Option<String>) -> Result<String, JsError> {
    Ok(serde_json::to_string(&Help::for_locale(locale.as_deref()))?)
}

/// What a model wrote, as a message can hold it: `{text, isCut, estimatedTokens}`; `null` when nothing
/// visible is left.
///
/// # Errors
/// Never for these types; the signature of JSON cannot say so.
#[wasm_bindgen]
pub fn storable_reply(written: &str) -> Result<String, JsError> {
    let storable = companion::storable(written).map(|storable| Stored {
        estimated_tokens: companion::estimated_tokens(&storable.text),
        text: storable.text,
        is_cut: storable.is_cut,
    });
    Ok(serde_json::to_string(&storable)?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    text: String,
    is_cut: bool,
    estimated_tokens: usize,
}
