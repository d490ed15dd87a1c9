//! What follows from scored messages: the window's figures and the style.

use bondhu_core::cache::instant;
use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use bondhu_core::personality::Personality;
use bondhu_core::score::SupportLevel;
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Concludes from `{messages, now, settings}`, which is JSON, what a profile's row says.
///
/// # Errors
/// The text has another shape, a figure lies outside of its range, or a message is of the future.
#[wasm_bindgen]
pub fn style(asked: &str) -> Result<String, JsError> {
    let asked: Asked = serde_json::from_str(asked)?;
    Ok(serde_json::to_string(&concluded(asked)?)?)
}

#[derive(Deserialize)]
struct Asked {
    messages: Vec<Scored>,
    now: Instant,
    #[serde(default)]
    settings: Chosen,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scored {
    created_at: Instant,
    sentiment: f64,
    mood: String,
    #[serde(default)]
    support: Option<String>,
    #[serde(default)]
    counts: Option<bool>,
}

/// Unix milliseconds, or a text of RFC 3339.
#[derive(Deserialize)]
#[serde(untagged)]
enum Instant {
    Milliseconds(f64),
    Text(String),
}

/// As in `bondhu.settings`; the type keeps figures out that could overflow.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Chosen {
    window_hours: Option<u16>,
    min_messages: Option<u16>,
    trend_threshold_hundredths: Option<u16>,
    needs_support_below_hundredths: Option<u16>,
    enthusiastic_above_hundredths: Option<u16>,
    variable_above_hundredths: Option<u16>,
    crisis_support_hours: Option<u16>,
}

/// What keeps a message from being read.
#[derive(Debug, PartialEq, thiserror::Error)]
enum MessageError {
    #[error(
        "{0} is no instant: give Unix milliseconds, a Date, or a text such as 2023-11-14T22:13:20.123456Z"
    )]
    Instant(String),
    #[error("a sentiment lies between 0 and 1, and {0} does not")]
    Sentiment(f64),
    #[error("there is no mood {0:?}; there are: {moods}", moods = Mood::ALL.map(Mood::as_str).join(", "))]
    Mood(String),
    #[error("there is no support level {0:?}; there are: {levels}", levels = SupportLevel::ALL.map(SupportLevel::as_str).join(", "))]
    Support(String),
    #[error("a message is newer than `now`")]
    Future,
    #[error("these are more messages than can be summed")]
    TooMany,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Concluded {
    message_count: i64,
    data_status: &'static str,
    mean_sentiment: Option<f64>,
    sentiment_volatility: Option<f64>,
    dominant_mood: Option<&'static str>,
    sentiment_trend: Option<&'static str>,
    communication_style: &'static str,
    emotional_stability: Option<&'static str>,
    needs_support: bool,
}

fn concluded(asked: Asked) -> Result<Concluded, MessageError> {
    let settings = asked.settings.over_defaults();
    let now = asked.now.read()?;
    let mut state = State::empty(now, &settings);
    for scored in asked.messages {
        let message = scored.read()?;
        if message.created_at > now {
            return Err(MessageError::Future);
        }
        state.put(&message).map_err(|_| MessageError::TooMany)?;
    }
    let personality = Personality::of(&state, &settings);
    let window = personality.window;
    let figure = |ten_thousandths: i64| ten_thousandths as f64 / 10_000.0;
    Ok(Concluded {
        message_count: personality.message_count,
        data_status: personality.data_status(),
        mean_sentiment: window.map(|window| figure(window.mean)),
        sentiment_volatility: window.map(|window| figure(window.volatility)),
        dominant_mood: window.map(|window| window.dominant_mood.as_str()),
        sentiment_trend: window
            .and_then(|window| window.trend)
            .map(|trend| trend.as_str()),
        communication_style: personality.style.communication.as_str(),
        emotional_stability: personality
            .style
            .stability
            .map(|stability| stability.as_str()),
        needs_support: personality.style.needs_support,
    })
}

impl Scored {
    fn read(self) -> Result<Message, MessageError> {
        let support = self.support.unwrap_or_default();
        let level = match support.as_str() {
            "" => SupportLevel::None,
            name => {
                SupportLevel::parse(name).ok_or_else(|| MessageError::Support(support.clone()))?
            }
        };
        if !(0.0..=1.0).contains(&self.sentiment) {
            return Err(MessageError::Sentiment(self.sentiment));
        }
        Ok(Message {
            created_at: self.created_at.read()?,
            score: (self.sentiment * 100.0).round() as i64,
            mood: Mood::parse(&self.mood).ok_or(MessageError::Mood(self.mood))?,
            crisis: level == SupportLevel::Crisis,
            counts: self.counts.unwrap_or(true),
        })
    }
}

impl Instant {
    /// Milliseconds on either side of 1970 that a `Date` can have.
    const MOST_MILLISECONDS: f64 = 8.64e15;

    fn read(self) -> Result<Timestamp, MessageError> {
        match self {
            Self::Milliseconds(at) if at.abs() <= Self::MOST_MILLISECONDS => {
                Ok(Timestamp((at * 1000.0).round() as i64))
            }
            Self::Milliseconds(at) => Err(MessageError::Instant(at.to_string())),
            Self::Text(text) => instant::parse(&text)
                .ok_or_else(|| MessageError::Instant(text.chars().take(40).collect())),
        }
    }
}

impl Chosen {
    fn over_defaults(&self) -> Settings {
        let default = Settings::default();
        let or = |chosen: Option<u16>, default: i64| chosen.map_or(default, i64::from);
        Settings {
            window_hours: or(self.window_hours, default.window_hours),
            min_messages: or(self.min_messages, default.min_messages),
            trend_threshold_hundredths: or(
                self.trend_threshold_hundredths,
                default.trend_threshold_hundredths,
            ),
            needs_support_below_hundredths: or(
                self.needs_support_below_hundredths,
                default.needs_support_below_hundredths,
            ),
            enthusiastic_above_hundredths: or(
                self.enthusiastic_above_hundredths,
                default.enthusiastic_above_hundredths,
            ),
            variable_above_hundredths: or(
                self.variable_above_hundredths,
                default.variable_above_hundredths,
            ),
            crisis_support_hours: or(self.crisis_support_hours, default.crisis_support_hours),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Result<Concluded, MessageError> {
        let asked = format!(r#"{{"messages": [{message}], "now": 1700000000000}}"#);
        concluded(serde_json::from_str(&asked).unwrap())
    }

    #[test]
    fn a_message_that_cannot_be_read_is_named() {
        for (message, told) in [
            (
                r#"{"createdAt": 1e300, "sentiment": 0.5, "mood": "joy"}"#,
                "no instant",
            ),
            (
                r#"{"createdAt": "noon", "sentiment": 0.5, "mood": "joy"}"#,
                "noon",
            ),
            (
                r#"{"createdAt": 0, "sentiment": 1.01, "mood": "joy"}"#,
                "1.01",
            ),
            (
                r#"{"createdAt": 0, "sentiment": 0.5, "mood": "Joy"}"#,
                "angry",
            ),
            (
                r#"{"createdAt": 0, "sentiment": 0.5, "mood": "joy", "support": "no"}"#,
                "crisis",
            ),
            (
                r#"{"createdAt": 1700000000001, "sentiment": 0.5, "mood": "joy"}"#,
                "newer",
            ),
        ] {
            let error = of(message).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_last_microsecond_of_the_window_counts() {
        let counted = |at: &str| {
            let message = format!(r#"{{"createdAt": "{at}", "sentiment": 1, "mood": "joy"}}"#);
            of(&message).unwrap().message_count
        };
        assert_eq!(counted("2023-11-13T22:13:20.000001Z"), 1);
        assert_eq!(counted("2023-11-13T22:13:20Z"), 0);
    }
}
