//! The incremental state of one user: what is stored beside the profile so that the
//! cost of a message does not grow with the user's history.
//!
//! The law: after any sequence of [`State::advance`], [`State::put`] and [`State::take`]
//! the state equals [`State::recount`] over the messages that are left. Sums are
//! integers and linear in the messages, so neither order nor grouping can matter.

use crate::decay::weight;
use crate::message::Message;
use crate::mood::{MOODS, Mood};
use crate::settings::Settings;
use crate::tally::{Inconsistent, Tally};
use crate::time::{Day, Timestamp};
use crate::traits::{Traits, UNASSESSED};

/// Messages with `after < created_at <= through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Exclusive lower end.
    pub after: Timestamp,
    /// Inclusive upper end.
    pub through: Timestamp,
}

/// Everything kept about one user, exact as of [`State::as_of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The instant the state is exact at. Never goes back.
    pub as_of: Timestamp,
    /// Window length the window sums were made for.
    pub window_hours: i64,
    /// Messages in `(as_of − window, as_of]`.
    pub window: Tally,
    /// The newest message of each mood in the window: breaks ties for the dominant mood.
    pub latest: [Option<Timestamp>; MOODS],
    /// The oldest message in the window: the next to leave it.
    pub oldest: Option<Timestamp>,
    /// Count of messages in `(as_of − 2 windows, as_of − window]`.
    pub previous_count: i64,
    /// Sum of their scores in hundredths.
    pub previous_sum: i64,
    /// The oldest of them.
    pub previous_oldest: Option<Timestamp>,
    /// All messages of the trait horizon, weighted by [`weight`] on the day of `as_of`.
    pub traits: Tally,
    /// The newest message in which the support detector saw a crisis.
    pub last_crisis_at: Option<Timestamp>,
    /// Where traits start: what the latest completed assessment gave.
    pub baseline: Traits,
}

/// What has to be read again from the messages after some left a window or were taken out,
/// because an extreme cannot be subtracted. Of what is left empty nothing has to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Moods whose newest message in the window may be another one.
    pub moods: [bool; MOODS],
    /// Whether the oldest message in the window may be another one.
    pub oldest: bool,
    /// Whether the oldest message in the window before may be another one.
    pub previous_oldest: bool,
    /// Whether the newest crisis message may be another one.
    pub crisis: bool,
}

impl Repairs {
    /// The moods to read again.
    pub fn moods(&self) -> impl Iterator<Item = Mood> + '_ {
        Mood::ALL
            .into_iter()
            .filter(|mood| self.moods[mood.index()])
    }
}

/// The window that a message lies in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WindowPart {
    Current,
    Previous,
    Outside,
}

fn window_part(created_at: Timestamp, as_of: Timestamp, window_hours: i64) -> WindowPart {
    if created_at > as_of.plus_hours(-window_hours) {
        WindowPart::Current
    } else if created_at > as_of.plus_hours(-2 * window_hours) {
        WindowPart::Previous
    } else {
        WindowPart::Outside
    }
}

impl State {
    /// The state of a user without messages.
    #[must_use]
    pub fn empty(as_of: Timestamp, settings: &Settings) -> Self {
        Self {
            as_of,
            window_hours: settings.window_hours,
            window: Tally::EMPTY,
            latest: [None; MOODS],
            oldest: None,
            previous_count: 0,
            previous_sum: 0,
            previous_oldest: None,
            traits: Tally::EMPTY,
            last_crisis_at: None,
            baseline: UNASSESSED,
        }
    }

    /// The state counted anew from all messages of a user, none newer than `as_of`.
    ///
    /// # Errors
    /// [`Inconsistent`] when a sum overflows.
    pub fn recount<'m>(
        messages: impl IntoIterator<Item = &'m Message>,
        as_of: Timestamp,
        settings: &Settings,
    ) -> Result<Self, Inconsistent> {
        let mut state = Self::empty(as_of, settings);
        messages
            .into_iter()
            .try_for_each(|message| state.put(message))?;
        Ok(state)
    }

    /// The state put together from what [`State::recount`] would make of all messages:
    /// `recent` are those of both windows, `days` the daily tallies of the trait horizon.
    ///
    /// # Errors
    /// [`Inconsistent`] when a sum overflows.
    pub fn rebuild(
        as_of: Timestamp,
        settings: &Settings,
        recent: &[Message],
        days: &[(Day, Tally)],
        last_crisis_at: Option<Timestamp>,
        baseline: Traits,
    ) -> Result<Self, Inconsistent> {
        let mut state = Self {
            last_crisis_at,
            baseline,
            ..Self::empty(as_of, settings)
        };
        for message in recent {
            state.enter(
                message,
                window_part(message.created_at, as_of, settings.window_hours),
            )?;
        }
        for (day, tally) in days {
            state.traits.add(tally, weight(*day, as_of.day()))?;
        }
        Ok(state)
    }

    /// The current window: `(as_of − window, as_of]`.
    #[must_use]
    pub fn current_span(&self) -> Span {
        Span {
            after: self.as_of.plus_hours(-self.window_hours),
            through: self.as_of,
        }
    }

    /// The window before it, which the trend compares with.
    #[must_use]
    pub fn previous_span(&self) -> Span {
        Span {
            after: self.as_of.plus_hours(-2 * self.window_hours),
            through: self.as_of.plus_hours(-self.window_hours),
        }
    }

    /// Messages that [`State::advance`] to `to` needs: those that change windows. Their
    /// number is bounded by those that arrived, whatever the length of the history; mostly
    /// there are none.
    #[must_use]
    pub fn moving(&self, to: Timestamp, settings: &Settings) -> [Option<Span>; 2] {
        let to = to.max(self.as_of);
        let hours = settings.window_hours;
        if self.is_past(to, hours) {
            let (after, through) = (to.plus_hours(-2 * hours), self.as_of);
            return [(after < through).then_some(Span { after, through }), None];
        }
        let leaving = |oldest: Option<Timestamp>, from: Span, through: Timestamp| {
            let after = from.after;
            (oldest? <= through).then_some(Span { after, through })
        };
        [
            leaving(self.oldest, self.current_span(), to.plus_hours(-hours)),
            leaving(
                self.previous_oldest,
                self.previous_span(),
                to.plus_hours(-2 * hours),
            ),
        ]
    }

    /// Whether nothing of the window is left at `to`, or the window has another length.
    fn is_past(&self, to: Timestamp, hours: i64) -> bool {
        hours != self.window_hours || to.plus_hours(-hours) >= self.as_of
    }

    /// Whether [`State::advance`] to `to` needs the daily tallies, since weights go by day.
    #[must_use]
    pub fn needs_days(&self, to: Timestamp) -> bool {
        self.traits.count > 0 && to.max(self.as_of).day() != self.as_of.day()
    }

    /// Moves the state to `to` (never back). `moving` are the messages of
    /// [`State::moving`]; `days` the user's daily tallies of the trait horizon, read only
    /// when [`State::needs_days`]. Notes in `repairs` what has to be read anew.
    ///
    /// # Errors
    /// [`Inconsistent`] when the state does not cover a message that leaves.
    pub fn advance(
        &mut self,
        to: Timestamp,
        settings: &Settings,
        moving: &[Message],
        days: &[(Day, Tally)],
        repairs: &mut Repairs,
    ) -> Result<(), Inconsistent> {
        let (from, to) = (self.as_of, to.max(self.as_of));
        let hours = settings.window_hours;
        let needs_days = self.needs_days(to);
        let is_past = self.is_past(to, hours);
        if is_past {
            *self = Self {
                traits: self.traits,
                last_crisis_at: self.last_crisis_at,
                baseline: self.baseline,
                ..Self::empty(to, settings)
            };
        }
        self.as_of = to;
        for message in moving {
            let was = if is_past {
                WindowPart::Outside
            } else {
                window_part(message.created_at, from, hours)
            };
            let is = window_part(message.created_at, to, hours);
            if was != is {
                self.leave(message, was, repairs)?;
                self.enter(message, is)?;
            }
        }
        if needs_days {
            self.traits = Tally::EMPTY;
            for (day, tally) in days {
                self.traits.add(tally, weight(*day, to.day()))?;
            }
        }
        self.check()
    }

    /// Adds a message. It may be of any age, but not newer than `as_of`.
    ///
    /// # Errors
    /// [`Inconsistent`] when a sum overflows.
    pub fn put(&mut self, message: &Message) -> Result<(), Inconsistent> {
        if message.counts {
            self.enter(
                message,
                window_part(message.created_at, self.as_of, self.window_hours),
            )?;
            self.traits.put(
                message.score,
                message.mood,
                weight(message.created_at.day(), self.as_of.day()),
            )?;
        }
        if message.crisis {
            self.last_crisis_at = self.last_crisis_at.max(Some(message.created_at));
        }
        Ok(())
    }

    /// Takes a message out again and notes in `repairs` what has to be read anew.
    ///
    /// # Errors
    /// [`Inconsistent`] when the state does not cover the message.
    pub fn take(&mut self, message: &Message, repairs: &mut Repairs) -> Result<(), Inconsistent> {
        if message.counts {
            let part = window_part(message.created_at, self.as_of, self.window_hours);
            self.leave(message, part, repairs)?;
            self.traits.put(
                message.score,
                message.mood,
                -weight(message.created_at.day(), self.as_of.day()),
            )?;
        }
        if message.crisis && self.last_crisis_at == Some(message.created_at) {
            repairs.crisis = true;
        }
        self.check()
    }

    /// The next instant at which a figure changes by time alone. Null when nothing will.
    #[must_use]
    pub fn next_change(&self, settings: &Settings) -> Option<Timestamp> {
        let leaves_window = self.oldest.map(|at| at.plus_hours(self.window_hours));
        let leaves_previous = self
            .previous_oldest
            .map(|at| at.plus_hours(2 * self.window_hours));
        let support_ends = self
            .last_crisis_at
            .map(|at| at.plus_hours(settings.crisis_support_hours))
            .filter(|&end| end > self.as_of);
        let next_day = (self.traits.count > 0).then(|| Day(self.as_of.day().0 + 1).start());
        [leaves_window, leaves_previous, support_ends, next_day]
            .into_iter()
            .flatten()
            .min()
    }

    fn enter(&mut self, message: &Message, part: WindowPart) -> Result<(), Inconsistent> {
        let at = message.created_at;
        match part {
            WindowPart::Current => {
                let mood = message.mood.index();
                self.window.put(message.score, message.mood, 1)?;
                self.latest[mood] = self.latest[mood].max(Some(at));
                self.oldest = earlier(self.oldest, at);
            }
            WindowPart::Previous => {
                self.previous_count += 1;
                self.previous_sum += message.score;
                self.previous_oldest = earlier(self.previous_oldest, at);
            }
            WindowPart::Outside => {}
        }
        Ok(())
    }

    fn leave(
        &mut self,
        message: &Message,
        part: WindowPart,
        repairs: &mut Repairs,
    ) -> Result<(), Inconsistent> {
        let at = message.created_at;
        match part {
            WindowPart::Current => {
                let mood = message.mood.index();
                self.window.put(message.score, message.mood, -1)?;
                let left = self.window.moods[mood] > 0;
                repairs.moods[mood] |= vacate(&mut self.latest[mood], at, left);
                repairs.oldest |= vacate(&mut self.oldest, at, self.window.count > 0);
            }
            WindowPart::Previous => {
                self.previous_count -= 1;
                self.previous_sum -= message.score;
                let left = self.previous_count > 0;
                repairs.previous_oldest |= vacate(&mut self.previous_oldest, at, left);
            }
            WindowPart::Outside => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Inconsistent> {
        let sound = self.window.is_sound()
            && self.traits.is_sound()
            && self.previous_count >= 0
            && self.previous_sum >= 0;
        if sound { Ok(()) } else { Err(Inconsistent) }
    }
}

fn earlier(known: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(at, |known| known.min(at)))
}

/// Says whether an extreme has to be read anew because `at`, which was it, is gone. Where
/// no message is left there is none.
fn vacate(extreme: &mut Option<Timestamp>, at: Timestamp, left: bool) -> bool {
    if !left {
        *extreme = None;
    }
    *extreme == Some(at)
}

#[cfg(test)]
mod tests;
