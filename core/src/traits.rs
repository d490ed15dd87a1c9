//! Big Five traits from the moods of the last 180 days.
//!
//! `value = clamp(baseline + reach × signal × confidence)`. A signal lies in −1..1 and is a
//! difference of shares of decayed messages; confidence is `min(1, n_effective / full)`,
//! so that no evidence moves nothing. Mood in chat is a weak indicator of a trait: the
//! directions below follow published correlations, every coefficient and reach is a
//! heuristic, and none of it is an assessment.
//!
//! Rounding: the signal to ten-thousandths, then the value to hundredths of a point, each
//! half away from zero.

use crate::decay::UNIT;
use crate::fixed::{round_div, round_sqrt_ratio};
use crate::mood::Mood;
use crate::settings::Settings;
use crate::tally::Tally;
use crate::window::spread;

/// Big Five in hundredths of a point, each 0 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Openness to experience.
    pub openness: i64,
    /// Conscientiousness.
    pub conscientiousness: i64,
    /// Extraversion.
    pub extraversion: i64,
    /// Agreeableness.
    pub agreeableness: i64,
    /// Neuroticism.
    pub neuroticism: i64,
}

/// The baseline of a person without an assessment.
pub const UNASSESSED: Traits = Traits {
    openness: 5_000,
    conscientiousness: 5_000,
    extraversion: 5_000,
    agreeableness: 5_000,
    neuroticism: 5_000,
};

/// One in ten-thousandths: the scale of signals and of confidence.
pub const WHOLE: i128 = 10_000;

/// How far full evidence may move a trait, in hundredths of a point (heuristic).
const REACH: i128 = 2_000;

/// Conscientiousness shows least in mood, so it may move half as far (heuristic).
const NARROW_REACH: i128 = 1_000;

/// Share of the neuroticism signal that is variability; the rest is the affect balance (heuristic).
pub const VARIABILITY_PERCENT: i128 = 25;

/// What moves a trait: the share of messages of some moods minus that of others.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// Moods that move it up.
    pub up: &'static [Mood],
    /// Moods that move it down.
    pub down: &'static [Mood],
    /// How far full evidence may move it, in hundredths of a point.
    pub reach: i128,
}

/// Kashdan, Rose & Fincham 2004 (curiosity and openness). Only upwards: asking nothing in chat is
/// no sign of a closed mind (heuristic).
pub const OPENNESS: Signal = Signal {
    up: &[Mood::Curious, Mood::Surprise],
    down: &[],
    reach: REACH,
};

/// Javaras et al. 2012: the conscientious recover faster from negative emotion.
pub const CONSCIENTIOUSNESS: Signal = Signal {
    up: &[Mood::Calm],
    down: &[Mood::Tired, Mood::Angry],
    reach: NARROW_REACH,
};

/// Costa & McCrae 1980; Lucas & Fujita 2000: extraversion and pleasant affect.
pub const EXTRAVERSION: Signal = Signal {
    up: &[Mood::Joy, Mood::Love, Mood::Surprise],
    down: &[Mood::Sad, Mood::Lonely, Mood::Tired],
    reach: REACH,
};

/// McCullough, Emmons & Tsang 2002 (gratitude); Meier & Robinson 2004 (anger).
pub const AGREEABLENESS: Signal = Signal {
    up: &[Mood::Love, Mood::Grateful],
    down: &[Mood::Angry, Mood::Disgust],
    reach: REACH,
};

/// Costa & McCrae 1980; Watson & Clark 1984 (negative affect). The other part of the signal is
/// variability: Houben, Van Den Noortgate & Kuppens 2015.
pub const NEUROTICISM: Signal = Signal {
    up: &[Mood::Anxious, Mood::Sad, Mood::Lonely, Mood::Angry],
    down: &[Mood::Joy, Mood::Calm, Mood::Grateful, Mood::Love],
    reach: REACH,
};

impl Traits {
    /// Their names, as columns have them.
    pub const NAMES: [&str; 5] = [
        "openness",
        "conscientiousness",
        "extraversion",
        "agreeableness",
        "neuroticism",
    ];

    /// The traits in the order of [`Traits::NAMES`].
    #[must_use]
    pub const fn values(&self) -> [i64; 5] {
        [
            self.openness,
            self.conscientiousness,
            self.extraversion,
            self.agreeableness,
            self.neuroticism,
        ]
    }

    /// The traits of these values, which are in the order of [`Traits::NAMES`].
    #[must_use]
    pub const fn from_values(values: [i64; 5]) -> Self {
        let [
            openness,
            conscientiousness,
            extraversion,
            agreeableness,
            neuroticism,
        ] = values;
        Self {
            openness,
            conscientiousness,
            extraversion,
            agreeableness,
            neuroticism,
        }
    }

    /// The traits that `decayed` (the weighted tally of the horizon) makes of `baseline`.
    #[must_use]
    pub fn of(decayed: &Tally, baseline: &Self, settings: &Settings) -> Self {
        let confidence = i128::from(confidence(decayed, settings));
        let moved = |baseline: i64, reach: i128, signal: i128| {
            let adjustment = round_div(reach * signal * confidence, WHOLE * WHOLE) as i64;
            (baseline + adjustment).clamp(0, 10_000)
        };
        let by = |baseline: i64, signal: &Signal| {
            moved(baseline, signal.reach, balance(decayed, signal))
        };
        let neuroticism = round_div(
            (100 - VARIABILITY_PERCENT) * balance(decayed, &NEUROTICISM)
                + VARIABILITY_PERCENT * variability(decayed),
            100,
        );

        Self {
            openness: by(baseline.openness, &OPENNESS),
            conscientiousness: by(baseline.conscientiousness, &CONSCIENTIOUSNESS),
            extraversion: by(baseline.extraversion, &EXTRAVERSION),
            agreeableness: by(baseline.agreeableness, &AGREEABLENESS),
            neuroticism: moved(baseline.neuroticism, NEUROTICISM.reach, neuroticism),
        }
    }
}

/// `min(1, n_effective / full confidence)` in ten-thousandths, where `n_effective` is the
/// sum of the weights.
#[must_use]
pub fn confidence(decayed: &Tally, settings: &Settings) -> i64 {
    let full = i128::from(settings.trait_full_confidence_hundredths) * i128::from(UNIT);
    round_div(i128::from(decayed.count) * 100 * WHOLE, full).min(WHOLE) as i64
}

/// Share of messages in `up` minus the share in `down`, in ten-thousandths, −1 to 1.
fn balance(decayed: &Tally, signal: &Signal) -> i128 {
    let total = |moods: &[Mood]| {
        moods
            .iter()
            .map(|mood| i128::from(decayed.moods[mood.index()]))
            .sum::<i128>()
    };
    round_div(
        (total(signal.up) - total(signal.down)) * WHOLE,
        i128::from(decayed.count),
    )
}

/// Standard deviation of the scores over its greatest possible value (1/2), 0 to 1.
fn variability(decayed: &Tally) -> i128 {
    let n = i128::from(decayed.count);
    round_sqrt_ratio(4 * WHOLE * spread(decayed), n * n).min(WHOLE)
}

#[cfg(test)]
mod tests {
    use super::{Traits, UNASSESSED, confidence};
    use crate::decay::UNIT;
    use crate::mood::Mood;
    use crate::settings::Settings;
    use crate::tally::Tally;

    fn messages(n: i64, score: i64, mood: Mood) -> Tally {
        let mut tally = Tally::EMPTY;
        tally.put(score, mood, n * UNIT).unwrap();
        tally
    }

    #[test]
    fn no_evidence_moves_nothing() {
        assert_eq!(
            Traits::of(&Tally::EMPTY, &UNASSESSED, &Settings::default()),
            UNASSESSED
        );
    }

    #[test]
    fn confidence_grows_with_the_effective_number_and_ends_at_one() {
        let at = |n| confidence(&messages(n, 50, Mood::Neutral), &Settings::default());
        assert_eq!(
            (at(0), at(3), at(30), at(3_000)),
            (0, 1_000, 10_000, 10_000)
        );
    }

    #[test]
    fn joy_moves_extraversion_up_and_neuroticism_down_within_their_reach() {
        let traits = Traits::of(
            &messages(300, 90, Mood::Joy),
            &UNASSESSED,
            &Settings::default(),
        );
        assert_eq!(traits.extraversion, 7_000);
        assert_eq!(traits.neuroticism, 3_500);
        assert_eq!(traits.agreeableness, 5_000);
    }

    #[test]
    fn values_stay_within_the_scale() {
        let baseline = Traits {
            extraversion: 9_900,
            ..UNASSESSED
        };
        assert_eq!(
            Traits::of(
                &messages(300, 90, Mood::Joy),
                &baseline,
                &Settings::default()
            )
            .extraversion,
            10_000
        );
    }
}
