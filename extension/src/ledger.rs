//! What core's folding reads and writes, as this database has it.

use bondhu_core::evidence::Candidate;
use bondhu_core::fold::{Deltas, HistoryEntry, Ledger, StoredMessages};
use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use bondhu_core::personality::Personality;
use bondhu_core::profile::Profile;
use bondhu_core::settings::Settings;
use bondhu_core::state::{Span, State};
use bondhu_core::tally::{Inconsistent, Tally};
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::Uuid;

use crate::error::EngineError;
use crate::recount;
use crate::spi::Visibility;
use crate::store::{buckets, history, messages, profile, safety};
use crate::table::{Row, Table};

/// A user's messages and buckets at one visibility.
pub(crate) struct UserMessages {
    user: Uuid,
    visibility: Visibility,
}

impl UserMessages {
    pub(crate) const fn new(user: Uuid, visibility: Visibility) -> Self {
        Self { user, visibility }
    }
}

impl StoredMessages for UserMessages {
    type Error = EngineError;

    fn inconsistent(&self, error: Inconsistent) -> EngineError {
        EngineError::inconsistent(self.user, error)
    }

    fn in_span(&self, span: Span) -> Result<Vec<Message>, EngineError> {
        messages::in_span(self.visibility, self.user, span)
    }

    fn oldest(&self, span: Span) -> Result<Option<Timestamp>, EngineError> {
        messages::oldest(self.visibility, self.user, span)
    }

    fn latest_of_mood(
        &self,
        after: Timestamp,
        mood: Mood,
    ) -> Result<Option<Timestamp>, EngineError> {
        messages::latest_of_mood(self.visibility, self.user, after, mood)
    }

    fn last_crisis(&self) -> Result<Option<Timestamp>, EngineError> {
        messages::last_crisis(self.visibility, self.user, None)
    }

    fn days(&self, first: Day) -> Result<Vec<(Day, Tally)>, EngineError> {
        buckets::days(self.visibility, self.user, first)
    }
}

/// Everything derived about a user.
pub(crate) struct UserLedger<'t> {
    pub(crate) user: Uuid,
    pub(crate) profiles: &'t Table,
    pub(crate) buckets: &'t Table,
}

impl<'t> Ledger for UserLedger<'t> {
    type Id = Uuid;
    type Locked = Row<'t>;
    type Error = EngineError;

    fn committed(&self) -> impl StoredMessages<Error = EngineError> {
        UserMessages::new(self.user, Visibility::Committed)
    }

    fn newest(&self) -> impl StoredMessages<Error = EngineError> {
        UserMessages::new(self.user, Visibility::Newest)
    }

    fn was_recounted(&self) -> bool {
        recount::was_done(self.user)
    }

    fn recount(&mut self, as_of: Timestamp, settings: &Settings) -> Result<State, EngineError> {
        recount::everything(self.user, as_of, settings)
    }

    fn lock(&mut self) -> Result<Option<(Profile, Row<'t>)>, EngineError> {
        profile::lock(self.profiles, self.user)
    }

    fn lock_or_create(&mut self, as_of: Timestamp) -> Result<(Profile, Row<'t>), EngineError> {
        profile::lock_or_create(self.profiles, self.user, as_of)
    }

    fn apply(&mut self, deltas: &Deltas) -> Result<(), EngineError> {
        buckets::apply(self.buckets, self.user, deltas)
    }

    fn release(&mut self, gone: Vec<Uuid>) -> Result<(), EngineError> {
        history::release(self.user, gone)
    }

    fn withdraw_crises(&mut self, over: Vec<Uuid>) -> Result<(), EngineError> {
        safety::withdraw(self.user, over)
    }

    fn note_crises(&mut self, seen: Vec<Uuid>) -> Result<(), EngineError> {
        safety::note(self.user, seen)
    }

    fn candidates(&self, limit: usize) -> Result<Vec<Candidate<Uuid>>, EngineError> {
        history::newest(self.user, limit as i64)
    }

    fn append(&mut self, entry: &HistoryEntry<Uuid>) -> Result<(), EngineError> {
        history::append(self.user, entry)
    }

    fn save(
        &mut self,
        locked: Row<'t>,
        profile: &Profile,
        personality: &Personality,
    ) -> Result<(), EngineError> {
        profile::save(self.user, &locked, profile, personality)
    }
}
