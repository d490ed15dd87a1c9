//! The companion's side of a conversation: what a model is asked, and what may be sent of its answer.

use bondhu_core::companion::{self, Exchange, Help, Prompt, Turn};
use serde::Serialize;
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
    let prompt = Prompt::of(&exchange)?;
    Ok(serde_json::to_string(&Asked {
        system: &prompt.system,
        turns: &prompt.turns,
        estimated_tokens: prompt.estimated_tokens,
    })?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    system: &'a str,
    turns: &'a [Turn],
    estimated_tokens: usize,
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
