//! What folding reads and writes of one user.

use super::{Deltas, HistoryEntry};
use crate::evidence::Candidate;
use crate::message::Message;
use crate::mood::Mood;
use crate::personality::Personality;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::state::{Span, State};
use crate::tally::{Inconsistent, Tally};
use crate::time::{Day, Timestamp};

/// One user's scored messages that count, and their tallies by day, as one snapshot shows them.
pub trait StoredMessages {
    /// What goes wrong.
    type Error;

    /// The error for sums that the messages contradict.
    fn inconsistent(&self, error: Inconsistent) -> Self::Error;

    /// The messages of a span.
    ///
    /// # Errors
    /// The store's; so for all others.
    fn in_span(&self, span: Span) -> Result<Vec<Message>, Self::Error>;

    /// When the oldest message of a span was written.
    ///
    /// # Errors
    /// The store's.
    fn oldest(&self, span: Span) -> Result<Option<Timestamp>, Self::Error>;

    /// When the newest message of a mood after an instant was written.
    ///
    /// # Errors
    /// The store's.
    fn latest_of_mood(
        &self,
        after: Timestamp,
        mood: Mood,
    ) -> Result<Option<Timestamp>, Self::Error>;

    /// When the newest message with a crisis was written, whether or not it counts.
    ///
    /// # Errors
    /// The store's.
    fn last_crisis(&self) -> Result<Option<Timestamp>, Self::Error>;

    /// Tallies of the UTC days from `first` on, out of the buckets.
    ///
    /// # Errors
    /// The store's.
    fn days(&self, first: Day) -> Result<Vec<(Day, Tally)>, Self::Error>;
}

/// Where everything derived about one user is written.
pub trait Ledger {
    /// Names a message.
    type Id: Copy + Ord;
    /// A profile's row, locked.
    type Locked;
    /// What goes wrong.
    type Error;

    /// The messages as others have committed them, without what this transaction did.
    fn committed(&self) -> impl StoredMessages<Error = Self::Error>;

    /// The messages as they are now, this transaction's changes included.
    fn newest(&self) -> impl StoredMessages<Error = Self::Error>;

    /// Whether the user was counted anew in the statement under way.
    fn was_recounted(&self) -> bool;

    /// Makes buckets, evidence and noted crises what the messages as they are now make them, and
    /// returns the state as of the later of an instant and the newest message.
    ///
    /// # Errors
    /// The store's.
    fn recount(&mut self, as_of: Timestamp, settings: &Settings) -> Result<State, Self::Error>;

    /// Locks the user's profile; none if there is none.
    ///
    /// # Errors
    /// The store's; so for all others.
    fn lock(&mut self) -> Result<Option<(Profile, Self::Locked)>, Self::Error>;

    /// As [`Ledger::lock`]; makes the profile, as of an instant and from the person's assessment,
    /// if it is missing.
    ///
    /// # Errors
    /// The store's.
    fn lock_or_create(&mut self, as_of: Timestamp) -> Result<(Profile, Self::Locked), Self::Error>;

    /// Adds to the buckets. One that comes to nothing goes.
    ///
    /// # Errors
    /// The store's, and [`StoredMessages::inconsistent`] where a bucket falls below nothing.
    fn apply(&mut self, deltas: &Deltas) -> Result<(), Self::Error>;

    /// Takes messages, none or more, out of the evidence of history.
    ///
    /// # Errors
    /// The store's.
    fn release(&mut self, gone: Vec<Self::Id>) -> Result<(), Self::Error>;

    /// Takes back what was noted of messages, none or more, that show no crisis any more.
    ///
    /// # Errors
    /// The store's.
    fn withdraw_crises(&mut self, over: Vec<Self::Id>) -> Result<(), Self::Error>;

    /// Notes messages, none or more, that show a crisis.
    ///
    /// # Errors
    /// The store's.
    fn note_crises(&mut self, seen: Vec<Self::Id>) -> Result<(), Self::Error>;

    /// The user's newest messages that count, this transaction's included.
    ///
    /// # Errors
    /// The store's.
    fn candidates(&self, limit: usize) -> Result<Vec<Candidate<Self::Id>>, Self::Error>;

    /// Appends to history.
    ///
    /// # Errors
    /// The store's.
    fn append(&mut self, entry: &HistoryEntry<Self::Id>) -> Result<(), Self::Error>;

    /// Stores the profile and what is concluded from it.
    ///
    /// # Errors
    /// The store's.
    fn save(
        &mut self,
        locked: Self::Locked,
        profile: &Profile,
        personality: &Personality,
    ) -> Result<(), Self::Error>;
}
