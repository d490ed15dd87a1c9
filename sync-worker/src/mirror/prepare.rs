//! The middle of a batch's way: documents re-read from Postgres, and steps made of them for
//! [`apply`](super::apply). While Redis takes those of one batch, the next ones are read.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::Document;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::apart::{self, Apart, ApartReason};
use super::changes::{Batch, Committed, DocumentSet};
use super::documents::{self, ReadError, Reading, Subjects, Wanted};
use super::error::MirrorError;
use super::store::Store;
use bondhu_core::cache::position::Lsn;

/// Users whose documents are re-read and written at a time: some MB of text, a few ms of query.
pub(super) const USERS_AT_A_TIME: usize = 256;

/// Pauses until a transaction can be seen, doubled each time up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// What is to be done in Redis, in this order.
pub(super) enum Step {
    /// Some documents of a batch.
    Documents(Documents),
    /// Documents of a batch that are left to Postgres.
    Apart {
        /// Nothing older than this is to be served.
        end: Lsn,
        /// Which.
        keys: Vec<(Uuid, Document)>,
    },
    /// That was all of it.
    Complete {
        /// Everything committed before this position is in Redis.
        end: Lsn,
        /// Latest instant (Unix ms, this worker's clock) as of which that was everything there was.
        complete_at_ms: Option<i64>,
        /// The version of the settings as of there or later, if it may have changed.
        settings: Option<i64>,
        /// What the batch consisted of.
        transactions: Vec<Committed>,
    },
}

/// Documents that hold everything committed before a position.
pub(super) struct Documents {
    /// The position.
    pub end: Lsn,
    /// What was asked for.
    pub asked: Wanted,
    /// What it came to.
    pub reading: Reading,
    /// Keys to look for: of users who are away the touched documents, to be rewritten if they are
    /// there; of those who are active and whose sessions changed all others, to be written if they
    /// are not.
    pub looks: Vec<(Uuid, Document)>,
}

/// Re-reads what batches made stale.
pub(super) struct Preparer {
    /// As `bondhu_worker`, always the same: what it has prepared and planned stays.
    pub database: PoolConnection<Postgres>,
    /// Whose keys are looked through when everybody's documents are stale.
    pub store: Store,
    /// What is not read together with others.
    pub apart: Arc<Apart>,
}

impl Preparer {
    /// Prepares what comes through `batches` until their sender is gone.
    ///
    /// # Errors
    /// When Postgres or Redis does not answer.
    pub(super) async fn run(
        &mut self,
        mut batches: mpsc::Receiver<Batch>,
        steps: mpsc::Sender<Step>,
    ) -> Result<(), MirrorError> {
        while let Some(batch) = batches.recv().await {
            self.prepare(batch, &steps).await?;
        }
        Ok(())
    }

    async fn prepare(
        &mut self,
        batch: Batch,
        steps: &mpsc::Sender<Step>,
    ) -> Result<(), MirrorError> {
        let Batch {
            mut touched,
            transactions,
            end,
            complete_at_ms,
        } = batch;
        // What one snapshot sees, later ones see too.
        let mut unseen = &*transactions;
        let mut settings = None;
        if touched.settings || !touched.everyone.is_empty() {
            let reading = self.read_when_visible(&[], unseen).await?;
            settings = Some(reading.settings);
            unseen = &[];
        }
        if !touched.everyone.is_empty() {
            // Twice: a fill that began before that snapshot may turn from a lease into a document
            // while the first look goes past both.
            for _ in 0..2 {
                let users = &mut touched.users;
                let found = |user, document| {
                    users
                        .entry(user)
                        .or_default()
                        .extend([document].into_iter().collect())
                };
                self.store.scan(touched.everyone, found).await?;
            }
        }
        let order = self.apart.order(touched.users.into_iter().collect());
        if !order.resting.is_empty() {
            let keys = order.resting;
            steps.send(Step::Apart { end, keys }).await.ok();
        }
        let together = order.together.chunks(USERS_AT_A_TIME);
        let mut portions: VecDeque<_> = together.map(<[_]>::to_vec).collect();
        portions.extend(apart::singles(order.alone));
        while let Some(portion) = portions.pop_front() {
            let reading = match self.read_when_visible(&portion, unseen).await {
                Ok(reading) => reading,
                Err(error) if error.is_caused_by_documents() => {
                    match apart::parts(portion) {
                        Ok(parts) => parts
                            .into_iter()
                            .rev()
                            .for_each(|part| portions.push_front(part)),
                        Err(key) => {
                            tracing::warn!("{error}");
                            self.apart.add(key, ApartReason::Unreadable);
                            let keys = vec![key];
                            steps.send(Step::Apart { end, keys }).await.ok();
                        }
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            unseen = &[];
            let (asked, looks) = split_by_activity(&portion, &reading.active);
            let documents = Documents {
                end,
                asked,
                reading,
                looks,
            };
            // With no receiver the applier has failed: its error ends this too.
            steps.send(Step::Documents(documents)).await.ok();
        }
        let complete = Step::Complete {
            end,
            complete_at_ms,
            settings,
            transactions,
        };
        steps.send(complete).await.ok();
        Ok(())
    }

    /// Reads what was touched of those who are active, from a snapshot in which `transactions` are
    /// over: a commit can arrive here before others can see it.
    async fn read_when_visible(
        &mut self,
        users: &[(Uuid, DocumentSet)],
        transactions: &[Committed],
    ) -> Result<Reading, ReadError> {
        let ids: Vec<Uuid> = users.iter().map(|(user, _)| *user).collect();
        let touched = documents::wanted(apart::keys(users));
        let mut pause = FIRST_PAUSE;
        loop {
            let reading =
                documents::read(&mut self.database, &touched, Subjects::Active(&ids)).await?;
            let over = |transaction: &Committed| reading.snapshot.is_over(transaction.xid);
            if transactions.iter().all(over) {
                return Ok(reading);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What was read of some users, and which keys to look for.
fn split_by_activity(
    users: &[(Uuid, DocumentSet)],
    active: &HashSet<Uuid>,
) -> (Wanted, Vec<(Uuid, Document)>) {
    let is_active = |(user, _): &(Uuid, Document)| active.contains(user);
    let away = apart::keys(users).filter(|key| !is_active(key));
    let arrived = users.iter().filter(|(user, touched)| {
        active.contains(user) && touched.contains(Document::SessionActive)
    });
    let untouched = arrived.flat_map(|(user, touched)| {
        let others = DocumentSet::all().iter();
        others
            .filter(|document| !touched.contains(*document))
            .map(|document| (*user, document))
    });
    (
        documents::wanted(apart::keys(users).filter(is_active)),
        away.chain(untouched).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(documents: &[Document]) -> DocumentSet {
        documents.iter().copied().collect()
    }

    /// What is read at once, and what is looked for, of one user.
    fn sorted(touched: &[Document], active: bool) -> (DocumentSet, DocumentSet) {
        let user = Uuid::from_u128(1);
        let active = active.then_some(user).into_iter().collect();
        let (read, looks) = split_by_activity(&[(user, set(touched))], &active);
        let looks = looks.into_iter().map(|(_, document)| document);
        (read.into_keys().collect(), looks.collect())
    }

    #[test]
    fn of_a_user_who_is_away_redis_is_asked_first() {
        assert_eq!(
            sorted(&[Document::ChatHistory], false),
            (set(&[]), set(&[Document::ChatHistory]))
        );
    }

    #[test]
    fn a_user_with_an_active_session_has_touched_documents_written() {
        assert_eq!(
            sorted(&[Document::ChatHistory], true),
            (set(&[Document::ChatHistory]), set(&[]))
        );
    }

    #[test]
    fn a_session_that_starts_warms_every_document() {
        let (read, looks) = sorted(&[Document::SessionActive], true);
        assert_eq!(read, set(&[Document::SessionActive]));
        let others = Document::ALL[..7].iter().copied().collect();
        assert_eq!(looks, others, "what is there already is left alone");
    }
}
