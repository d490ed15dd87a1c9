//! What does not change while a module runs.

use bondhu_core::cache::envelope::VALUE_MOST_BYTES;
use bondhu_core::cache::watermark::STATE_MOST_BYTES;
use bondhu_core::cache::{Document, STATE_KEY};
use bondhu_core::companion::SAFE_REPLY;
use bondhu_core::mood::Mood;
use bondhu_core::score::{ENGINE_VERSION, MAX_CHARS, SupportLevel};
use bondhu_core::style::{CommunicationStyle, EmotionalStability};
use bondhu_core::window::Trend;
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

/// Versions, the closed lists of names, and what bounds the texts that come in.
#[wasm_bindgen]
#[must_use]
pub fn constants() -> String {
    let documents = Document::ALL.map(
        |document| json!({ "name": document.name(), "lifetimeSeconds": document.ttl().as_secs() }),
    );
    json!({
        "engineVersion": ENGINE_VERSION,
        "moods": Mood::ALL.map(Mood::as_str),
        "supportLevels": SupportLevel::ALL.map(SupportLevel::as_str),
        "communicationStyles": CommunicationStyle::ALL.map(CommunicationStyle::as_str),
        "emotionalStabilities": EmotionalStability::ALL.map(EmotionalStability::as_str),
        "trends": Trend::ALL.map(Trend::as_str),
        "documents": documents,
        "watermarkKey": STATE_KEY,
        "safeReply": SAFE_REPLY,
        "mostCharacters": MAX_CHARS,
        "mostBytesOfWatermark": STATE_MOST_BYTES,
        "mostBytesOfValue": VALUE_MOST_BYTES,
    })
    .to_string()
}
