//! TypeScript types of what `core` has closed lists of.

use bondhu_core::cache::Document;
use bondhu_core::cache::trust::Miss;
use bondhu_core::companion::ReplyFault;
use bondhu_core::mood::Mood;
use bondhu_core::score::SupportLevel;
use bondhu_core::style::{CommunicationStyle, EmotionalStability};
use bondhu_core::window::Trend;

/// The text of `names.d.ts`.
pub(super) fn types() -> String {
    let mut text = String::from("// Made from the lists of core by bondhu-wasm-pack.\n");
    for (name, what, values) in [
        (
            "Mood",
            "A mood, as in `chat_messages.mood_detected`.",
            Mood::ALL.map(Mood::as_str).to_vec(),
        ),
        (
            "SupportLevel",
            "What the support detector saw, as in `chat_messages.support_level`. Not a diagnosis.",
            SupportLevel::ALL.map(SupportLevel::as_str).to_vec(),
        ),
        (
            "CommunicationStyle",
            "How the companion should speak.",
            CommunicationStyle::ALL
                .map(CommunicationStyle::as_str)
                .to_vec(),
        ),
        (
            "EmotionalStability",
            "Whether the mood swings.",
            EmotionalStability::ALL
                .map(EmotionalStability::as_str)
                .to_vec(),
        ),
        (
            "Trend",
            "Where the mean went against the window before.",
            Trend::ALL.map(Trend::as_str).to_vec(),
        ),
        (
            "DocumentName",
            "A document that the mirror keeps in Redis.",
            Document::ALL.map(Document::name).to_vec(),
        ),
        (
            "MissReason",
            "Why what Redis holds is not served.",
            Miss::CODES.to_vec(),
        ),
        (
            "ReplyFault",
            "Why a reply is not sent to somebody in danger: it speaks of a way to do harm, or promises to tell nobody.",
            ReplyFault::ALL.map(ReplyFault::as_str).to_vec(),
        ),
    ] {
        let values: Vec<_> = values.iter().map(|value| format!("'{value}'")).collect();
        let values = values.join(" | ");
        text.push_str(&format!("\n/** {what} */\nexport type {name} = {values}\n"));
    }
    text
}
