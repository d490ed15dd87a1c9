//! Systems that the scorer is measured against: the two Rust crates that implement VADER.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The crates' analysers, made once.
pub struct Baselines {
    vader_sentiment: vader_sentiment::SentimentIntensityAnalyzer<'static>,
    vader_sentimental: vader_sentimental::SentimentIntensityAnalyzer<'static>,
}

impl Default for Baselines {
    fn default() -> Self {
        Self {
            vader_sentiment: vader_sentiment::SentimentIntensityAnalyzer::new(),
            vader_sentimental: vader_sentimental::SentimentIntensityAnalyzer::new(),
        }
    }
}

impl Baselines {
    /// Compound of `vader_sentiment`, −1 to 1; 0 where it panics.
    #[must_use]
    pub fn vader_sentiment(&self, text: &str) -> f64 {
        catch_unwind(AssertUnwindSafe(|| {
            let scores = self.vader_sentiment.polarity_scores(text);
            scores.get("compound").copied().unwrap_or(0.0)
        }))
        .unwrap_or(0.0)
    }

    /// Compound of `vader-sentimental`, −1 to 1; 0 where it panics.
    #[must_use]
    pub fn vader_sentimental(&self, text: &str) -> f64 {
        catch_unwind(AssertUnwindSafe(|| {
            self.vader_sentimental.polarity_scores(text).compound
        }))
        .unwrap_or(0.0)
    }
}
