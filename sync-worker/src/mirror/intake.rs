//! The intake: the stream read into batches, for [`prepare`](super::prepare).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::acknowledgements::Acknowledgements;
use super::changes::{Batch, Committed, PublishedTables, Touched};
use super::decoder::{self, RowMessage};
use super::error::MirrorError;
use super::heartbeat::{Beat, Heard};
use super::stream::{Event, Stream};
use bondhu_core::cache::position::Lsn;

/// Past either of these a batch takes no more: the stream waits for Redis. A transaction takes 16
/// bytes, and the more there are in a batch the fewer documents are read twice.
const MAX_TRANSACTIONS: usize = 200_000;
const MAX_USERS: usize = 50_000;

/// A mirror that is further behind than this gains more by reading on, so that fewer documents are
/// read twice, than by handing on at once: a batch may then get as old as a quarter of the delay.
const BEHIND: Duration = Duration::from_millis(100);
const OLDEST_BATCH: Duration = Duration::from_secs(1);

/// After so long without a message everything that the server had to send has been read.
const QUIET: Duration = Duration::from_millis(5);

/// How often the watermark moves, when nothing that is published happens, while a reader waits for it.
const UNPUBLISHED_PACE: Duration = Duration::from_millis(10);

/// More log that says nothing of documents, a segment of it, moves the watermark though nobody waits: the
/// slot keeps it on the server's disk until then.
const UNPUBLISHED_MOST_BYTES: u64 = 16 << 20;

/// Heartbeats that wait for the stream: those of some minutes.
const MOST_BEATS: usize = 1000;

/// Events taken one after the other before anything else gets a turn.
const AT_ONCE: usize = 256;

/// When what has been read moves on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The slot is acknowledged so long after Redis.
    pub ack_delay: Duration,
    /// The watermark is renewed, when nothing else moves it, so long after its proof was taken.
    pub renewed_after: Duration,
}

/// Reads the stream into batches, and acknowledges what Redis has held for long enough.
/// Ends well only when told to `stop`.
///
/// # Errors
/// When the stream breaks or says something unreadable.
pub(super) async fn read(
    stream: &mut Stream,
    batches: mpsc::Sender<Batch>,
    mut applied: watch::Receiver<Lsn>,
    mut heard: Heard,
    pace: Pace,
    stop: CancellationToken,
) -> Result<(), MirrorError> {
    let mut tables = PublishedTables::default();
    let mut intake = Intake::new(Instant::now(), pace.renewed_after);
    let mut acknowledgements = Acknowledgements::new(pace.ack_delay);
    loop {
        let due = intake.due_at();
        let is_due = due.is_some_and(|due| due <= Instant::now());
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            permit = batches.reserve(), if is_due => match permit {
                Ok(permit) => permit.send(intake.take_batch()),
                // With no receiver the next part has failed: its error ends this too.
                Err(_) => return Ok(()),
            },
            Ok(()) = applied.changed() => {
                let (now, position) = (Instant::now(), *applied.borrow_and_update());
                acknowledgements.push(now, position);
                if let Some(position) = acknowledgements.due(now) {
                    stream.acknowledge(position);
                }
            }
            Some(beat) = heard.beats.recv() => intake.add_beat(beat),
            event = stream.next(), if intake.has_room() => {
                intake.record(event?, &mut tables)?;
                for _ in 1..AT_ONCE {
                    let Some(event) = stream.next().now_or_never() else { break };
                    intake.record(event?, &mut tables)?;
                }
                intake.heard_at = Instant::now();
                heard.reached.send_replace(intake.reached);
            }
            () = sleep_until(due.unwrap_or(intake.heard_at).into()), if due.is_some() && !is_due => {}
        }
        // Without the delay: the stream ends with this, and the next one looks whether Redis has come as far.
        let applied = *applied.borrow();
        if intake.answers(applied) {
            stream.acknowledge(applied);
        }
    }
}

/// What was read and not yet handed on.
#[derive(Debug)]
struct Intake {
    /// Whole transactions.
    ready: Batch,
    /// Since when there are some, or there is something to say of the time.
    ready_since: Option<Instant>,
    /// Everything committed before this position has arrived.
    reached: Lsn,
    /// Since when the stream is further than what was handed on.
    moved_since: Option<Instant>,
    /// What was handed on ends here.
    handed_on: Lsn,
    /// A reader waits for this position.
    asked: Option<Lsn>,
    /// The server waits until everything that it has sent is acknowledged.
    server_waits: bool,
    /// When the proof was taken that is ready, and the last one that was handed on.
    proved: Option<Instant>,
    renewed: Option<Instant>,
    renewed_after: Duration,
    /// Heartbeats that the stream has not come to.
    beats: VecDeque<Beat>,
    /// The transaction in the middle of which the stream is.
    open: Option<Open>,
    /// When the stream said something last.
    heard_at: Instant,
    /// How long after its commit the last row was sent, by the server's clock.
    delay: Duration,
}

#[derive(Debug)]
struct Open {
    transaction: Committed,
    touched: Touched,
}

impl Intake {
    fn new(now: Instant, renewed_after: Duration) -> Self {
        Self {
            ready: Batch::default(),
            ready_since: None,
            reached: Lsn::default(),
            moved_since: None,
            handed_on: Lsn::default(),
            asked: None,
            server_waits: false,
            proved: None,
            renewed: None,
            renewed_after,
            beats: VecDeque::new(),
            open: None,
            heard_at: now,
            delay: Duration::ZERO,
        }
    }

    /// When what is ready is to be handed on.
    fn due_at(&self) -> Option<Instant> {
        let Some(since) = self.ready_since else {
            let moved = self.reached.0.saturating_sub(self.handed_on.0);
            let moves = self.asked.is_some() || moved >= UNPUBLISHED_MOST_BYTES;
            let since = self.moved_since.filter(|_| moves)?;
            return Some(since + UNPUBLISHED_PACE);
        };
        if !self.has_room() || self.delay < BEHIND {
            return Some(since);
        }
        let oldest = since + (self.delay / 4).min(OLDEST_BATCH);
        Some(oldest.min(self.heard_at + QUIET))
    }

    fn take_batch(&mut self) -> Batch {
        self.ready_since = None;
        self.moved_since = None;
        self.handed_on = self.reached;
        self.renewed = self.proved.take().or(self.renewed);
        self.ready.end = self.reached;
        std::mem::take(&mut self.ready)
    }

    fn has_room(&self) -> bool {
        self.ready.transactions.len() < MAX_TRANSACTIONS
            && self.ready.touched.users.len() < MAX_USERS
    }

    fn record(&mut self, event: Event, tables: &mut PublishedTables) -> Result<(), MirrorError> {
        let (data, sent_micros) = match event {
            Event::Message { data, sent_micros } => (data, sent_micros),
            // Within a transaction it is somewhere before its commit.
            Event::Reached { position, is_asked } => {
                if self.open.is_none() {
                    self.reach(position);
                }
                if is_asked {
                    self.answer();
                }
                return Ok(());
            }
        };
        match (decoder::decode(data)?, &mut self.open) {
            (RowMessage::Begin { xid, at_micros }, open) => {
                *open = Some(Open {
                    transaction: Committed { xid, at_micros },
                    touched: Touched::default(),
                });
            }
            (RowMessage::Commit { end }, open) => {
                if let Some(open) = open.take() {
                    self.ready.touched.merge(open.touched);
                    self.ready.transactions.push(open.transaction);
                }
                self.ready_since.get_or_insert_with(Instant::now);
                self.reach(Lsn(end));
            }
            (message, Some(open)) => {
                let micros = sent_micros.saturating_sub(open.transaction.at_micros);
                self.delay = Duration::from_micros(micros.try_into().unwrap_or(0));
                open.touched.record(message, tables)?;
            }
            (message, None) => Touched::default().record(message, tables)?,
        }
        Ok(())
    }

    fn reach(&mut self, position: Lsn) {
        if position > self.reached {
            self.reached = position;
            self.moved_since.get_or_insert_with(Instant::now);
            self.pass_beats();
        }
    }

    /// The server asks for an answer.
    fn answer(&mut self) {
        self.server_waits = true;
        if self.reached > self.handed_on {
            self.ready_since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the server waits for just this.
    fn answers(&mut self, applied: Lsn) -> bool {
        let answers = self.server_waits && applied >= self.reached;
        self.server_waits &= !answers;
        answers
    }

    fn add_beat(&mut self, beat: Beat) {
        if self.beats.len() >= MOST_BEATS {
            self.beats.pop_front();
        }
        if beat.asked {
            self.asked = self.asked.max(Some(beat.position));
        }
        self.beats.push_back(beat);
        self.pass_beats();
    }

    fn pass_beats(&mut self) {
        while let Some(beat) = self.beats.front().copied()
            && beat.position <= self.reached
        {
            self.ready.complete_at_ms = self.ready.complete_at_ms.max(Some(beat.at_ms));
            self.proved = Some(beat.taken);
            let old = |renewed| beat.taken.duration_since(renewed) >= self.renewed_after;
            // Otherwise it goes with the next documents, or gives way to the next beat.
            if beat.asked || self.renewed.is_none_or(old) {
                self.ready_since.get_or_insert_with(Instant::now);
            }
            self.beats.pop_front();
        }
        self.asked = self.asked.filter(|asked| *asked > self.reached);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RENEWED_AFTER: Duration = Duration::from_secs(30);

    fn intake(start: Instant) -> Intake {
        Intake::new(start, RENEWED_AFTER)
    }

    fn beat(position: u64, at_ms: i64, taken: Instant, asked: bool) -> Beat {
        Beat {
            position: Lsn(position),
            at_ms,
            taken,
            asked,
        }
    }

    #[test]
    fn a_batch_goes_at_once_unless_the_stream_is_behind_and_goes_on() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut intake = intake(start);
        assert_eq!(intake.due_at(), None);
        intake.reach(Lsn(7));
        assert_eq!(intake.due_at(), None, "nobody waits for it");
        intake.ready_since = Some(start);
        assert_eq!(intake.due_at(), Some(start));

        intake.delay = Duration::from_secs(2);
        assert_eq!(intake.due_at(), Some(start + QUIET));
        intake.heard_at = after(100);
        assert_eq!(intake.due_at(), Some(after(105)));
        intake.heard_at = after(499);
        assert_eq!(intake.due_at(), Some(after(500)), "a quarter of the delay");
        intake.delay = Duration::from_secs(3600);
        intake.heard_at = after(10_000);
        assert_eq!(intake.due_at(), Some(start + OLDEST_BATCH));

        assert_eq!(intake.take_batch().end, Lsn(7));
        assert_eq!(intake.due_at(), None);
    }

    #[test]
    fn an_instant_is_complete_once_the_stream_has_come_to_its_position() {
        let start = Instant::now();
        let mut intake = intake(start);
        let beat = |position, at_ms| beat(position, at_ms, start, false);
        intake.add_beat(beat(10, 1000));
        intake.reach(Lsn(9));
        assert_eq!(intake.take_batch().complete_at_ms, None);
        intake.reach(Lsn(10));
        let batch = intake.take_batch();
        assert_eq!((batch.end, batch.complete_at_ms), (Lsn(10), Some(1000)));
        intake.reach(Lsn(30));
        intake.add_beat(beat(20, 2000));
        assert_eq!(intake.take_batch().complete_at_ms, Some(2000));
    }

    #[test]
    fn a_server_that_waits_is_answered_once_all_it_sent_is_in_redis() {
        let mut intake = intake(Instant::now());
        let reached = |position, is_asked| Event::Reached {
            position: Lsn(position),
            is_asked,
        };
        let mut tables = PublishedTables::default();
        intake.record(reached(7, false), &mut tables).unwrap();
        assert!(!intake.answers(Lsn(7)), "nobody waits");
        assert_eq!(intake.due_at(), None);
        intake.record(reached(9, true), &mut tables).unwrap();
        assert!(intake.due_at().is_some(), "at once");
        assert!(!intake.answers(Lsn(7)));
        assert_eq!(intake.take_batch().end, Lsn(9));
        assert!(intake.answers(Lsn(9)));
        assert!(!intake.answers(Lsn(9)), "once");
    }

    #[test]
    fn proof_is_handed_on_by_itself_only_when_the_last_is_old_or_somebody_asks() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut intake = intake(start);
        intake.reach(Lsn(10));
        intake.add_beat(beat(10, 1, start, false));
        assert!(intake.due_at().is_some(), "there was none before");
        assert_eq!(intake.take_batch().complete_at_ms, Some(1));

        intake.add_beat(beat(10, 2, after(6), false));
        intake.reach(Lsn(11));
        intake.add_beat(beat(11, 3, after(29), false));
        assert_eq!(intake.due_at(), None, "at rest nothing is said");
        intake.add_beat(beat(11, 4, after(30), false));
        assert!(intake.due_at().is_some(), "it is old");
        let batch = intake.take_batch();
        assert_eq!((batch.end, batch.complete_at_ms), (Lsn(11), Some(4)));

        intake.add_beat(beat(11, 5, after(36), true));
        assert!(intake.due_at().is_some(), "somebody asks");
        assert_eq!(intake.take_batch().complete_at_ms, Some(5));
        assert_eq!(intake.due_at(), None);
    }

    #[test]
    fn proof_goes_with_documents_and_is_then_new() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut intake = intake(start);
        intake.add_beat(beat(0, 1, start, false));
        intake.take_batch();
        intake.add_beat(beat(0, 2, after(24), false));
        intake.ready_since = Some(after(25));
        assert_eq!(intake.take_batch().complete_at_ms, Some(2));
        intake.add_beat(beat(0, 3, after(48), false));
        assert_eq!(intake.due_at(), None, "half a minute after 24 s is 54");
        intake.add_beat(beat(0, 4, after(54), false));
        assert!(intake.due_at().is_some());
    }

    #[test]
    fn what_is_not_published_moves_the_watermark_for_who_waits_and_by_the_segment() {
        let start = Instant::now();
        let mut intake = intake(start);
        intake.reach(Lsn(5));
        let moved = intake.moved_since.unwrap();
        intake.add_beat(beat(20, 1, start, true));
        assert_eq!(intake.due_at(), Some(moved + UNPUBLISHED_PACE));
        assert_eq!(intake.take_batch().end, Lsn(5));
        assert_eq!(intake.due_at(), None, "it has not moved since");
        intake.reach(Lsn(20));
        intake.take_batch();
        intake.reach(Lsn(25));
        assert_eq!(intake.due_at(), None, "nobody waits any more");
        intake.reach(Lsn(20 + UNPUBLISHED_MOST_BYTES));
        assert!(intake.due_at().is_some());
    }
}
