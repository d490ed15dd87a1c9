//! How to speak with this person: sentences chosen by style, traits, mood and need. None of them holds a
//! word that came from outside.

use super::context::{Context, Traits};
use super::prompt::Need;
use crate::style::CommunicationStyle;

/// Traits are not acted on while they are less certain.
const CERTAIN_FROM: f64 = 0.3;
/// A trait is marked from here, and below 100 minus it.
const MARKED_FROM: f64 = 60.0;

/// The sentences, in the order in which they stand.
pub(super) fn sentences(context: &Context, need: Need) -> Vec<&'static str> {
    let mut said = vec![of_style(context.style())];
    said.extend(of_traits(&context.traits));
    said.extend(of_mood(context));
    said.extend(of_need(need));
    said
}

fn of_style(style: CommunicationStyle) -> &'static str {
    match style {
        CommunicationStyle::EmpatheticSupportive => {
            "Speak gently and warmly: listen before you suggest anything, and keep it unhurried."
        }
        CommunicationStyle::Balanced => "Speak naturally, at ease, neither gushing nor formal.",
        CommunicationStyle::EnthusiasticEnergetic => {
            "Speak with energy: share the good mood, and be curious about what brought it."
        }
    }
}

fn of_traits(traits: &Traits) -> Vec<&'static str> {
    if traits.confidence.is_none_or(|sure| sure < CERTAIN_FROM) {
        return Vec::new();
    }
    let all = [
        (
            traits.openness,
            "They enjoy ideas and the unusual.",
            "They prefer the concrete and the familiar.",
        ),
        (
            traits.conscientiousness,
            "They like plans and clear next steps.",
            "They like things loose: offer no schedules unless asked.",
        ),
        (
            traits.extraversion,
            "They are outgoing: be lively.",
            "They are reserved: leave room, and do not press.",
        ),
        (
            traits.agreeableness,
            "They value warmth and harmony.",
            "They value plain speaking.",
        ),
        (
            traits.neuroticism,
            "They worry easily: be reassuring and concrete.",
            "They take things calmly.",
        ),
    ];
    all.into_iter()
        .filter_map(|(points, high, low)| match points? {
            points if points >= MARKED_FROM => Some(high),
            points if points <= 100.0 - MARKED_FROM => Some(low),
            _ => None,
        })
        .collect()
}

fn of_mood(context: &Context) -> Vec<&'static str> {
    let sentiment = &context.sentiment;
    if sentiment.data_status.as_deref() != Some("sufficient") {
        return Vec::new();
    }
    let mut said = Vec::new();
    said.extend(match sentiment.sentiment_trend.as_deref() {
        Some("improving") => Some("Their mood has been getting better."),
        Some("declining") => Some("Their mood has been getting worse."),
        _ => None,
    });
    if sentiment.emotional_stability.as_deref() == Some("variable") {
        said.push("Their mood has been changing a lot: do not assume that it is as it was.");
    }
    said
}

/// <docs/safety.md>, "What the app has to show".
fn of_need(need: Need) -> Vec<&'static str> {
    match need {
        Need::None => Vec::new(),
        Need::Support => vec![
            "They have been feeling low. Listen first, take it seriously, and ask before you advise.",
        ],
        Need::Crisis => vec![
            "They may be in danger, and the app is showing them ways to reach a human being right now.",
            "Listen and take them seriously. Name the help that is being shown, and encourage them to use it now.",
            "Do not diagnose. Do not promise secrecy. Never describe, compare or hint at methods, means, doses or places.",
            "Do not argue about whether life is worth living. Keep it short and warm, and stay with them.",
        ],
    }
}
