//! What a prompt may hold about a person: the document `personality_context`.

use serde::Deserialize;
use serde_json::Value;

use crate::style::CommunicationStyle;

/// The document, as `bondhu.personality_context_document` builds it; what is missing is null.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Context {
    pub(super) profile: Profile,
    pub(super) traits: Traits,
    pub(super) sentiment: Sentiment,
    /// Only of providers whose data may enter a prompt.
    pub(super) music: Option<Value>,
    /// As `music`.
    pub(super) video: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    pub(super) display_name: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) time_zone: Option<String>,
}

/// Points from 0 to 100; confidence from 0 to 1.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Traits {
    pub(super) openness: Option<f64>,
    pub(super) conscientiousness: Option<f64>,
    pub(super) extraversion: Option<f64>,
    pub(super) agreeableness: Option<f64>,
    pub(super) neuroticism: Option<f64>,
    pub(super) confidence: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sentiment {
    pub(super) data_status: Option<String>,
    pub(super) dominant_mood: Option<String>,
    pub(super) sentiment_trend: Option<String>,
    pub(super) communication_style: Option<String>,
    pub(super) emotional_stability: Option<String>,
    pub(super) needs_support: Option<bool>,
}

/// The document is another one.
#[derive(Debug, thiserror::Error)]
#[error("this is no personality_context: {0}")]
pub struct ContextError(#[from] serde_json::Error);

impl Context {
    /// Reads the document. `null` is what is known of somebody of whom nothing is.
    ///
    /// # Errors
    /// It is another document.
    pub fn read(json: &str) -> Result<Self, ContextError> {
        let read: Option<Self> = serde_json::from_str(json)?;
        Ok(read.unwrap_or_default())
    }

    /// Whether the person has been low, or has written of danger lately.
    #[must_use]
    pub fn needs_support(&self) -> bool {
        self.sentiment.needs_support == Some(true)
    }

    /// The person's locale, such as `bn-BD`.
    #[must_use]
    pub fn locale(&self) -> Option<&str> {
        self.profile.locale.as_deref()
    }

    pub(super) fn style(&self) -> CommunicationStyle {
        let name = self.sentiment.communication_style.as_deref();
        name.and_then(CommunicationStyle::parse)
            .unwrap_or(CommunicationStyle::Balanced)
    }
}
