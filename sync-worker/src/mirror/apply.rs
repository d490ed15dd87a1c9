//! From a batch of changes to documents in Redis.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::{Document, NEGATIVE_TTL};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::changes::{Batch, Committed, DocumentSet};
use super::documents::{self, Body};
use super::error::MirrorError;
use super::position::{Lsn, Version};
use super::status::{Phase, Status};
use super::store::{Store, Write};
use super::visibility::{Reading, begin_seeing};
use super::watermark::Watermark;
use crate::cache::{lifetime, render};
use crate::telemetry::Metrics;

/// Users whose documents are re-read and written at a time: some MB of text, a few ms of query.
const USERS_AT_A_TIME: usize = 256;

/// 2000-01-01 in Unix µs, where Postgres' clock of commits begins.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Brings batches to Redis, one after the other.
pub(super) struct Applier {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Where documents go.
    pub store: Store,
    /// How far they are.
    pub watermark: Watermark,
    /// Whom to tell.
    pub status: Arc<Status>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Applier {
    /// Applies what comes through `batches` until their sender is gone, and tells `applied` up to
    /// where Redis holds everything.
    ///
    /// # Errors
    /// The first one; what was not applied will come again.
    pub(super) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        applied: watch::Sender<Lsn>,
    ) -> Result<(), MirrorError> {
        while let Some(batch) = batches.recv().await {
            let end = batch.end;
            let transactions = self.apply(batch).await?;
            self.follows(&transactions);
            applied.send_replace(end);
        }
        Ok(self.watermark.release(&self.store).await?)
    }

    /// Re-reads every document that Redis holds and all those of users with an active session.
    /// What a new epoch begins with: Redis may hold what no stream will ever correct.
    ///
    /// # Errors
    /// When Postgres or Redis does not answer.
    pub(super) async fn rebuild(&mut self) -> Result<(), MirrorError> {
        let start = self.watermark.lsn();
        let mut batch = Batch {
            end: start,
            ..Batch::default()
        };
        batch.touched.everyone = DocumentSet::all();
        self.apply(batch).await?;

        let mut last = Uuid::nil();
        loop {
            let mut connection = self.database.acquire().await?;
            let users =
                documents::active_after(&mut connection, last, USERS_AT_A_TIME as i64).await?;
            drop(connection);
            let Some(greatest) = users.last() else {
                self.follows(&[]);
                return Ok(());
            };
            last = *greatest;
            let mut batch = Batch {
                end: start,
                ..Batch::default()
            };
            batch.touched.users = users
                .into_iter()
                .map(|user| (user, DocumentSet::all()))
                .collect();
            self.apply(batch).await?;
        }
    }

    /// Brings a batch to Redis and moves the watermark; returns the transactions that were in it.
    async fn apply(&mut self, batch: Batch) -> Result<Vec<Committed>, MirrorError> {
        let Batch {
            mut touched,
            transactions,
            end,
            complete_at_ms,
        } = batch;
        let version = self.watermark.version(end);
        if !touched.everyone.is_empty() {
            let users = &mut touched.users;
            let found = |user, document| {
                users
                    .entry(user)
                    .or_default()
                    .extend([document].into_iter().collect())
            };
            self.store.scan(touched.everyone, found).await?;
        }
        let users: Vec<(Uuid, DocumentSet)> = touched.users.into_iter().collect();
        for some in users.chunks(USERS_AT_A_TIME) {
            let xids = transactions.iter().map(|transaction| transaction.xid);
            self.bring(version, some, xids).await?;
        }
        self.watermark
            .advance(&self.store, end, complete_at_ms)
            .await?;
        Ok(transactions)
    }

    /// Says that Redis holds everything up to the watermark, these transactions included.
    fn follows(&self, transactions: &[Committed]) {
        let version = self.watermark.version(self.watermark.lsn());
        let now = Utc::now();
        self.status.set(Phase::Following { version, at: now });
        self.metrics
            .mirror_batch(now.timestamp(), self.watermark.epoch().0);
        for transaction in transactions {
            let committed = transaction.at_micros + POSTGRES_EPOCH_MICROS;
            let lag = now.timestamp_micros().saturating_sub(committed).max(0);
            self.metrics
                .mirror_transaction(Duration::from_micros(lag.unsigned_abs()));
        }
    }

    /// Re-reads and writes what is wanted of some users' documents.
    async fn bring(
        &self,
        version: Version,
        users: &[(Uuid, DocumentSet)],
        xids: impl Iterator<Item = u32> + Clone,
    ) -> Result<(), MirrorError> {
        // First the snapshot, then the look at Redis: who takes a lease after that look reads
        // after this snapshot, and what is read then holds these transactions.
        let Reading {
            mut transaction,
            as_of,
            begun,
        } = begin_seeing(&self.database, xids).await?;
        let candidates = candidates(users);
        let wanted_there = self.store.wanted(&candidates).await?;
        let held: HashSet<(Uuid, Document)> = candidates
            .into_iter()
            .zip(wanted_there)
            .filter_map(|(key, wanted)| wanted.then_some(key))
            .collect();

        let ids: Vec<Uuid> = users.iter().map(|(user, _)| *user).collect();
        let active = documents::active_among(&mut transaction, &ids).await?;
        let mut writes = Vec::new();
        for (document, users) in wanted(users, &held, &active) {
            let bodies = documents::read(&mut transaction, document, &users, as_of).await?;
            let mut missing: HashSet<Uuid> = users.into_iter().collect();
            for body in bodies {
                missing.remove(&body.user);
                writes.push(write(version, document, as_of, body)?);
            }
            // Users who are gone.
            for user in missing {
                let nothing = Body {
                    user,
                    data: None,
                    until: None,
                };
                writes.push(write(version, document, as_of, nothing)?);
            }
        }
        transaction.rollback().await?;
        let written = self.store.write(version, begun, &writes).await?;
        self.metrics.mirror_documents(written);
        Ok(())
    }
}

/// The documents whose existence in Redis matters. A change of sessions asks for all of a user's:
/// one who is here shall find everything warm.
fn candidates(users: &[(Uuid, DocumentSet)]) -> Vec<(Uuid, Document)> {
    users
        .iter()
        .flat_map(|(user, touched)| {
            let all = touched.contains(Document::SessionActive);
            let documents = if all { DocumentSet::all() } else { *touched };
            documents.iter().map(|document| (*user, document))
        })
        .collect()
}

/// Which documents to re-read, for whom: touched ones that Redis holds or whose user has an active
/// session; and for an active user whose sessions changed, also those that Redis lacks.
fn wanted(
    users: &[(Uuid, DocumentSet)],
    existing: &HashSet<(Uuid, Document)>,
    active: &HashSet<Uuid>,
) -> HashMap<Document, Vec<Uuid>> {
    let mut wanted: HashMap<Document, Vec<Uuid>> = HashMap::new();
    for (user, touched) in users {
        let here = active.contains(user);
        let arrived = here && touched.contains(Document::SessionActive);
        for document in Document::ALL {
            let held = existing.contains(&(*user, document));
            if touched.contains(document) && (held || here) || arrived && !held {
                wanted.entry(document).or_default().push(*user);
            }
        }
    }
    wanted
}

/// A document that is gone is written too, as `null`: a key that is not there remembers nothing.
fn write(
    version: Version,
    document: Document,
    as_of: DateTime<Utc>,
    body: Body,
) -> Result<Write, MirrorError> {
    let lasting = lifetime(document, body.data.is_some(), as_of, body.until);
    let (data, until, ttl) = match lasting {
        Some(ttl) => (body.data, body.until, ttl),
        None => (None, None, NEGATIVE_TTL),
    };
    Ok(Write {
        document,
        user: body.user,
        value: render(version, as_of, until, data.as_deref())?,
        ttl,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(documents: &[Document]) -> DocumentSet {
        documents.iter().copied().collect()
    }

    fn wanted_of_one(touched: &[Document], held: &[Document], active: bool) -> DocumentSet {
        let user = Uuid::from_u128(1);
        let existing = held.iter().map(|document| (user, *document)).collect();
        let active = active.then_some(user).into_iter().collect();
        wanted(&[(user, set(touched))], &existing, &active)
            .into_keys()
            .collect()
    }

    #[test]
    fn a_document_nobody_asked_for_is_not_built_for_a_user_who_is_away() {
        assert!(wanted_of_one(&[Document::ChatHistory], &[], false).is_empty());
    }

    #[test]
    fn a_document_that_redis_holds_is_rewritten() {
        let held = [Document::ChatHistory, Document::MusicProfile];
        assert_eq!(
            wanted_of_one(&[Document::ChatHistory], &held, false),
            set(&[Document::ChatHistory])
        );
    }

    #[test]
    fn a_user_with_an_active_session_has_touched_documents_written() {
        assert_eq!(
            wanted_of_one(&[Document::ChatHistory], &[], true),
            set(&[Document::ChatHistory])
        );
    }

    #[test]
    fn a_session_that_starts_warms_every_document() {
        assert_eq!(
            wanted_of_one(&[Document::SessionActive], &[], true),
            DocumentSet::all()
        );
        assert_eq!(
            wanted_of_one(&[Document::SessionActive], &Document::ALL, true),
            set(&[Document::SessionActive]),
            "what is there already is left alone"
        );
    }
}
