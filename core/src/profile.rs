//! What is stored of a user in `personality_profiles`, column by column: the list that each engine
//! reads, checks and writes the table by.

use crate::personality::{Landmark, Personality};
use crate::settings::Settings;
use crate::state::State;
use crate::time::Timestamp;
use crate::traits::Traits;

/// What is stored of a user beside the conclusions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The sums.
    pub state: State,
    /// Where history was last written.
    pub landmark: Landmark,
    /// [`Settings::version`] of those it was made under.
    pub settings_version: i64,
}

impl Profile {
    /// Whether it has to be counted anew from the messages. One of settings still to come is from
    /// elsewhere, as a restore leaves it.
    #[must_use]
    pub const fn is_to_be_recounted(&self, settings: &Settings) -> bool {
        self.settings_version < settings.recount_before || self.settings_version > settings.version
    }

    /// Whether folding has to do so: also where windows have another length, since what this transaction
    /// has changed would have to be told from what others have.
    #[must_use]
    pub const fn is_recounted_by_folding(&self, settings: &Settings) -> bool {
        self.is_to_be_recounted(settings) || self.state.window_hours != settings.window_hours
    }

    /// Whether it was made under other settings.
    #[must_use]
    pub const fn is_outdated(&self, settings: &Settings) -> bool {
        self.settings_version != settings.version
    }

    /// Has traits start elsewhere. History is of what chat moves, so that its landmark moves along.
    pub fn start_from(&mut self, baseline: Traits) {
        let moves = baseline
            .values()
            .into_iter()
            .zip(self.state.baseline.values());
        for (trait_value, (to, from)) in self.landmark.traits.iter_mut().zip(moves) {
            *trait_value = (*trait_value + to - from).clamp(0, 10_000);
        }
        self.state.baseline = baseline;
    }
}

/// What a column holds of a profile and what is concluded from it.
type Of<T> = for<'a> fn(&'a Profile, &'a Personality) -> T;
type ListOf<T> = for<'a> fn(&'a Profile, &'a Personality) -> &'a [T];

/// A column's type, and the value that is stored there.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// `timestamptz`.
    Instant(Of<Timestamp>),
    /// `timestamptz`, null at times.
    InstantOrNull(Of<Option<Timestamp>>),
    /// `numeric(5, 2)`, from hundredths.
    Hundredths(Of<i64>),
    /// `numeric(5, 4)`, from ten-thousandths.
    TenThousandths(Of<i64>),
    /// `numeric(5, 4)`, from ten-thousandths, null at times.
    TenThousandthsOrNull(Of<Option<i64>>),
    /// `text`.
    Text(Of<&'static str>),
    /// `text`, null at times.
    TextOrNull(Of<Option<&'static str>>),
    /// `boolean`.
    Boolean(Of<bool>),
    /// `integer`.
    Integer(Of<i32>),
    /// `bigint`.
    Bigint(Of<i64>),
    /// `bigint[]`.
    Bigints(ListOf<i64>),
    /// `bigint[]` of the traits.
    Traits(Of<[i64; 5]>),
    /// `timestamptz[]`, whose elements are null at times.
    Instants(ListOf<Option<Timestamp>>),
}

/// A column that the engine writes.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type and value.
    pub value: Value,
}

/// Makes of each line an entry of [`COLUMNS`], and a constant with its index.
macro_rules! columns {
    ($($index:ident = $name:literal, $type:ident: $value:expr;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $($index),* }
        $(
            #[doc = concat!("Index of `", $name, "` in [`COLUMNS`].")]
            pub const $index: usize = Index::$index as usize;
        )*
        /// The columns that the engine writes, in the table's order, without the key.
        pub const COLUMNS: [Column; [$($name),*].len()] = [
            $(Column { name: $name, value: Value::$type($value) }),*
        ];
    };
}

columns! {
    AS_OF = "as_of", Instant: |profile, _| profile.state.as_of;
    OPENNESS = "openness", Hundredths: |_, concluded| concluded.traits.openness;
    CONSCIENTIOUSNESS = "conscientiousness", Hundredths: |_, concluded| concluded.traits.conscientiousness;
    EXTRAVERSION = "extraversion", Hundredths: |_, concluded| concluded.traits.extraversion;
    AGREEABLENESS = "agreeableness", Hundredths: |_, concluded| concluded.traits.agreeableness;
    NEUROTICISM = "neuroticism", Hundredths: |_, concluded| concluded.traits.neuroticism;
    TRAIT_CONFIDENCE = "trait_confidence", TenThousandths: |_, concluded| concluded.trait_confidence;
    COMMUNICATION_STYLE = "communication_style", Text: |_, concluded| concluded.style.communication.as_str();
    EMOTIONAL_STABILITY = "emotional_stability", TextOrNull: |_, concluded| {
        concluded.style.stability.map(|stability| stability.as_str())
    };
    NEEDS_SUPPORT = "needs_support", Boolean: |_, concluded| concluded.style.needs_support;
    MESSAGE_COUNT = "message_count", Bigint: |profile, _| profile.state.window.count;
    MEAN_SENTIMENT = "mean_sentiment", TenThousandthsOrNull: |_, concluded| {
        concluded.window.map(|window| window.mean)
    };
    SENTIMENT_VOLATILITY = "sentiment_volatility", TenThousandthsOrNull: |_, concluded| {
        concluded.window.map(|window| window.volatility)
    };
    DOMINANT_MOOD = "dominant_mood", TextOrNull: |_, concluded| {
        concluded.window.map(|window| window.dominant_mood.as_str())
    };
    SENTIMENT_TREND = "sentiment_trend", TextOrNull: |_, concluded| {
        concluded.window.and_then(|window| window.trend).map(|trend| trend.as_str())
    };
    DATA_STATUS = "data_status", Text: |_, concluded| concluded.data_status();
    WINDOW_HOURS = "window_hours", Integer: |profile, _| profile.state.window_hours as i32;
    WINDOW_SUM = "window_sum", Bigint: |profile, _| profile.state.window.sum;
    WINDOW_SUM_SQUARES = "window_sum_squares", Bigint: |profile, _| profile.state.window.sum_squares;
    WINDOW_MOODS = "window_moods", Bigints: |profile, _| &profile.state.window.moods;
    WINDOW_LATEST = "window_latest", Instants: |profile, _| &profile.state.latest;
    WINDOW_OLDEST = "window_oldest", InstantOrNull: |profile, _| profile.state.oldest;
    PREVIOUS_COUNT = "previous_count", Bigint: |profile, _| profile.state.previous_count;
    PREVIOUS_SUM = "previous_sum", Bigint: |profile, _| profile.state.previous_sum;
    PREVIOUS_OLDEST = "previous_oldest", InstantOrNull: |profile, _| profile.state.previous_oldest;
    TRAIT_COUNT = "trait_count", Bigint: |profile, _| profile.state.traits.count;
    TRAIT_SUM = "trait_sum", Bigint: |profile, _| profile.state.traits.sum;
    TRAIT_SUM_SQUARES = "trait_sum_squares", Bigint: |profile, _| profile.state.traits.sum_squares;
    TRAIT_MOODS = "trait_moods", Bigints: |profile, _| &profile.state.traits.moods;
    LAST_CRISIS_AT = "last_crisis_at", InstantOrNull: |profile, _| profile.state.last_crisis_at;
    BASELINE_TRAITS = "baseline_traits", Traits: |profile, _| profile.state.baseline.values();
    LANDMARK_TRAITS = "landmark_traits", Traits: |profile, _| profile.landmark.traits;
    LANDMARK_STYLE = "landmark_style", Text: |profile, _| profile.landmark.communication.as_str();
    SETTINGS_VERSION = "settings_version", Bigint: |profile, _| profile.settings_version;
}

/// Columns that the messages, the assessments and the settings determine. Those after them say where
/// history was last written, and under which settings the row was.
pub const DETERMINED: usize = LANDMARK_TRAITS;
