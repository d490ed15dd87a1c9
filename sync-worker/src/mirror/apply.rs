//! The second half of a batch's way: documents written to Redis, and the watermark moved.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::{Document, NEGATIVE_TTL};
use chrono::{DateTime, Utc};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::changes::{Batch, Committed};
use super::documents::{self, Body, Reading, Wanted, Whose};
use super::error::MirrorError;
use super::position::{Lsn, Version};
use super::prepare::{Documents, Preparer, Step};
use super::rebuild;
use super::status::{Phase, Status};
use super::store::{Store, Write};
use super::watermark::Watermark;
use crate::cache::{lifetime, render};
use crate::telemetry::Metrics;

/// 2000-01-01 in Unix µs, where Postgres' clock of commits begins.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Brings batches to Redis, one after the other.
pub(super) struct Applier {
    /// As `bondhu_worker`; not the one that prepares.
    pub database: PoolConnection<Postgres>,
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
        &mut self,
        preparer: &mut Preparer,
        batches: mpsc::Receiver<Batch>,
        applied: watch::Sender<Lsn>,
    ) -> Result<(), MirrorError> {
        self.bring(preparer, batches, |applier, end, transactions| {
            applier.follows(transactions);
            applied.send_replace(end);
        })
        .await?;
        Ok(self.watermark.release(&self.store).await?)
    }

    /// Brings to Redis what a new epoch begins with, and says that it follows from there.
    ///
    /// # Errors
    /// When Postgres or Redis does not answer.
    pub(super) async fn rebuild(
        &mut self,
        preparer: &mut Preparer,
        database: &PgPool,
    ) -> Result<(), MirrorError> {
        let (sender, batches) = mpsc::channel(1);
        let everything = rebuild::everything(database, self.watermark.lsn(), sender);
        let brought = self.bring(preparer, batches, |_, _, _| {});
        tokio::try_join!(everything, brought)?;
        self.follows(&[]);
        Ok(())
    }

    /// Prepares and applies `batches`; says when each is complete.
    async fn bring(
        &mut self,
        preparer: &mut Preparer,
        batches: mpsc::Receiver<Batch>,
        mut complete: impl FnMut(&Self, Lsn, &[Committed]),
    ) -> Result<(), MirrorError> {
        let (sender, mut steps) = mpsc::channel(1);
        let preparing = preparer.run(batches, sender);
        let applying = async {
            while let Some(step) = steps.recv().await {
                match step {
                    Step::Documents(documents) => self.write(documents).await?,
                    Step::Complete {
                        end,
                        complete_at_ms,
                        transactions,
                    } => {
                        self.watermark
                            .advance(&self.store, end, complete_at_ms)
                            .await?;
                        complete(self, end, &transactions);
                    }
                }
            }
            Ok(())
        };
        tokio::try_join!(preparing, applying).map(|_| ())
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

    /// Writes what was read of those who are active, and of the others what Redis turns out to hold.
    ///
    /// It is looked for after the snapshot that was read from. So who takes a lease after that look
    /// reads after that snapshot, and what is read then holds what this batch brings.
    async fn write(&mut self, documents: Documents) -> Result<(), MirrorError> {
        let Documents {
            end,
            asked,
            reading,
            looks,
        } = documents;
        let version = self.watermark.version(end);
        let active = reading.active.clone();
        let held = self.put(version, &asked, reading, &looks).await?;
        // Of those who are away what is there, of those who are here what is not.
        let also = looks.into_iter().zip(held).filter(|((user, _), held)| {
            let here = active.contains(user);
            *held != here
        });
        let also = documents::wanted(also.map(|(key, _)| key));
        if !also.is_empty() {
            let reading = documents::read(&mut self.database, &also, Whose::Anybodys).await?;
            self.put(version, &also, reading, &[]).await?;
        }
        Ok(())
    }

    /// Writes what a reading of what was `asked` for came to; returns for each of `looks` whether
    /// it is there. Users who are gone came back without a body.
    async fn put(
        &self,
        version: Version,
        asked: &Wanted,
        reading: Reading,
        looks: &[(Uuid, Document)],
    ) -> Result<Vec<bool>, MirrorError> {
        let Reading {
            as_of,
            begun,
            bodies,
            ..
        } = reading;
        let mut gone: HashSet<(Uuid, Document)> = asked
            .iter()
            .flat_map(|(document, users)| users.iter().map(|user| (*user, *document)))
            .collect();
        let mut writes = Vec::with_capacity(gone.len());
        for body in bodies {
            gone.remove(&(body.user, body.document));
            writes.push(write(version, as_of, body)?);
        }
        for (user, document) in gone {
            writes.push(write(version, as_of, Body::none(document, user))?);
        }
        let (written, held) = self.store.write(version, begun, &writes, looks).await?;
        self.metrics.mirror_documents(written);
        Ok(held)
    }
}

/// A document that is gone is written too, as `null`: a key that is not there remembers nothing.
fn write(version: Version, as_of: DateTime<Utc>, body: Body) -> Result<Write, MirrorError> {
    let lasting = lifetime(body.document, body.data.is_some(), as_of, body.until);
    let (data, until, ttl) = match lasting {
        Some(ttl) => (body.data, body.until, ttl),
        None => (None, None, NEGATIVE_TTL),
    };
    Ok(Write {
        document: body.document,
        user: body.user,
        value: render(version, as_of, until, data.as_deref())?,
        ttl,
    })
}
