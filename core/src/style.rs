//! How to speak with the person now. Thresholds are compared exactly, not on rounded means.

use crate::settings::Settings;
use crate::state::State;
use crate::window::{Window, pairs, spread};

/// How the companion should speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommunicationStyle {
    /// The window's mean is low.
    EmpatheticSupportive,
    /// Neither, or not enough messages to tell.
    Balanced,
    /// The window's mean is high.
    EnthusiasticEnergetic,
}

impl CommunicationStyle {
    /// Every style, by the mean that it answers to.
    pub const ALL: [Self; 3] = [
        Self::EmpatheticSupportive,
        Self::Balanced,
        Self::EnthusiasticEnergetic,
    ];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmpatheticSupportive => "empathetic_supportive",
            Self::Balanced => "balanced",
            Self::EnthusiasticEnergetic => "enthusiastic_energetic",
        }
    }

    /// The style of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.as_str() == name)
    }
}

/// Whether the mood swings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmotionalStability {
    /// Volatility is at most the threshold.
    Stable,
    /// Volatility is above it.
    Variable,
}

impl EmotionalStability {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stable, Self::Variable];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Variable => "variable",
        }
    }
}

/// What follows from the window and the last crisis message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `Balanced` while there are too few messages.
    pub communication: CommunicationStyle,
    /// Null while there are too few messages.
    pub stability: Option<EmotionalStability>,
    /// A low mean, or a crisis message within the period settings name, whatever the count.
    pub needs_support: bool,
}

impl Style {
    /// The style of `state`, whose window's figures are `window`.
    #[must_use]
    pub fn of(state: &State, window: Option<&Window>, settings: &Settings) -> Self {
        let (count, sum) = (state.window.count, state.window.sum);
        let communication = match window {
            Some(_) if sum < settings.needs_support_below_hundredths * count => {
                CommunicationStyle::EmpatheticSupportive
            }
            Some(_) if sum > settings.enthusiastic_above_hundredths * count => {
                CommunicationStyle::EnthusiasticEnergetic
            }
            _ => CommunicationStyle::Balanced,
        };
        let stability = window.map(|_| {
            let limit = i128::from(settings.variable_above_hundredths);
            if spread(&state.window) > limit * limit * pairs(count) {
                EmotionalStability::Variable
            } else {
                EmotionalStability::Stable
            }
        });
        let in_crisis = state
            .last_crisis_at
            .is_some_and(|at| at.plus_hours(settings.crisis_support_hours) > state.as_of);
        Self {
            communication,
            stability,
            needs_support: in_crisis || communication == CommunicationStyle::EmpatheticSupportive,
        }
    }
}
