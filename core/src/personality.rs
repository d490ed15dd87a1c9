//! A user's derived profile: a pure function of state, baseline and settings.

use crate::settings::Settings;
use crate::state::State;
use crate::style::{CommunicationStyle, Style};
use crate::traits::{Traits, UNASSESSED, confidence};
use crate::window::Window;

/// Everything concluded about a user, exact as of the state's `as_of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Personality {
    /// Big Five, in hundredths of a point.
    pub traits: Traits,
    /// How far the evidence goes, 0 to 10,000 (ten-thousandths).
    pub trait_confidence: i64,
    /// Scored messages in the window.
    pub message_count: i64,
    /// Null: insufficient data.
    pub window: Option<Window>,
    /// How to speak with the person.
    pub style: Style,
}

/// What a row of history compares: where traits and style stood when one was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landmark {
    /// Traits in hundredths of a point, in the order of [`Traits::values`].
    pub traits: [i64; 5],
    /// Communication style.
    pub communication: CommunicationStyle,
}

/// Where everybody starts.
pub const START: Landmark = Landmark {
    traits: UNASSESSED.values(),
    communication: CommunicationStyle::Balanced,
};

impl Personality {
    /// The personality of `state`.
    #[must_use]
    pub fn of(state: &State, settings: &Settings) -> Self {
        let window = Window::of(state, settings);
        Self {
            traits: Traits::of(&state.traits, &state.baseline, settings),
            trait_confidence: confidence(&state.traits, settings),
            message_count: state.window.count,
            window,
            style: Style::of(state, window.as_ref(), settings),
        }
    }

    /// Whether the window held enough messages to conclude from.
    #[must_use]
    pub const fn data_status(&self) -> &'static str {
        match self.window {
            Some(_) => "sufficient",
            None => "insufficient_data",
        }
    }

    /// What the next row of history would compare with.
    #[must_use]
    pub const fn landmark(&self) -> Landmark {
        Landmark {
            traits: self.traits.values(),
            communication: self.style.communication,
        }
    }
}

impl Landmark {
    /// Whether moving here from `before` is worth a row of history: another style, or a
    /// trait that moved by at least `history_min_change` points.
    #[must_use]
    pub fn is_material_after(&self, before: &Self, settings: &Settings) -> bool {
        let least = settings.history_min_change * 100;
        self.communication != before.communication
            || self
                .traits
                .iter()
                .zip(before.traits)
                .any(|(now, then)| (now - then).abs() >= least)
    }
}
