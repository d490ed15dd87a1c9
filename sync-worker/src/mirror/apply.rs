//! The last part of a batch's way: documents written to Redis, and the watermark moved.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bondhu_core::cache::envelope::{render, render_apart};
use bondhu_core::cache::{Document, NEGATIVE_TTL};
use chrono::{DateTime, Utc};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::apart::{self, Apart, ApartReason, Portion};
use super::changes::{Committed, DocumentSet};
use super::documents::{self, Body, Reading, Subjects, Wanted};
use super::error::MirrorError;
use super::prepare::{Documents, Step};
use super::status::{Phase, Status};
use super::store::{Store, WRITE_GOOD_FOR, Write};
use super::watermark::WatermarkWriter;
use crate::cache::{lifetime, now, timestamp};
use crate::telemetry::Metrics;
use bondhu_core::cache::position::{Lsn, Version};

/// 2000-01-01 in Unix µs, where Postgres' clock of commits begins.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Writes what was prepared to Redis, in order.
pub(super) struct Applier {
    /// As `bondhu_worker`; not the one that prepares.
    pub database: PoolConnection<Postgres>,
    /// Where documents go.
    pub store: Store,
    /// How far Redis follows.
    pub watermark: WatermarkWriter,
    /// Which documents are left to Postgres.
    pub apart: Arc<Apart>,
    /// When the last reading that was to be written began.
    pub begun: Instant,
    /// Where the phase is reported.
    pub status: Arc<Status>,
    /// Counts and delays.
    pub metrics: Arc<Metrics>,
}

impl Applier {
    /// Carries out what comes through `steps` until their sender is gone, and tells `applied`, if there
    /// is one, up to where Redis holds everything.
    ///
    /// # Errors
    /// The first one; what was not applied will come again.
    pub(super) async fn run(
        &mut self,
        mut steps: mpsc::Receiver<Step>,
        applied: Option<&watch::Sender<Lsn>>,
    ) -> Result<(), MirrorError> {
        while let Some(step) = steps.recv().await {
            match step {
                Step::Documents(documents) => self.write(documents).await?,
                Step::Apart { end, keys } => {
                    self.mark_apart(self.watermark.version(end), &keys).await?;
                }
                Step::Complete {
                    end,
                    complete_at_ms,
                    settings,
                    transactions,
                } => {
                    self.watermark
                        .advance(&self.store, end, complete_at_ms, settings)
                        .await?;
                    if let Some(applied) = applied {
                        self.report_following(&transactions);
                        applied.send_replace(end);
                    }
                }
            }
        }
        Ok(())
    }

    /// Says that this mirror has written its last.
    ///
    /// # Errors
    /// When Redis does not answer, or somebody else writes there.
    pub(super) async fn release(&mut self) -> Result<(), MirrorError> {
        Ok(self.watermark.release(&self.store).await?)
    }

    /// Reports that Redis holds everything up to the watermark, these transactions included.
    pub(super) fn report_following(&self, transactions: &[Committed]) {
        let version = self.watermark.version(self.watermark.lsn());
        let now = Utc::now();
        self.status.set(Phase::Following { version, at: now });
        self.metrics
            .mirror
            .batch(now.timestamp(), self.watermark.epoch().0);
        self.metrics.mirror.apart(self.apart.count());
        for transaction in transactions {
            let committed = transaction.at_micros + POSTGRES_EPOCH_MICROS;
            let lag = now.timestamp_micros().saturating_sub(committed).max(0);
            self.metrics
                .mirror
                .transaction(Duration::from_micros(lag.unsigned_abs()));
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
        let held = match self.write_reading(version, &asked, reading, &looks).await {
            Ok(held) => held,
            Err(error) => {
                self.cause_in_documents(error).await?;
                let asked = asked
                    .iter()
                    .flat_map(|(document, users)| users.iter().map(|user| (*user, *document)));
                self.write_in_parts(version, by_user(asked)).await?;
                let nothing = self.store.write(version, Instant::now(), &[], &looks);
                nothing.await?.1
            }
        };
        // Of users who are away the keys that exist, of active ones those that do not.
        let also = looks
            .into_iter()
            .zip(held)
            .filter(|((user, _), held)| *held != active.contains(user));
        let order = self.apart.order(by_user(also.map(|(key, _)| key)));
        self.mark_apart(version, &order.resting).await?;
        let alone = apart::singles(order.alone);
        for portion in [order.together].into_iter().chain(alone) {
            self.write_in_parts(version, portion).await?;
        }
        Ok(())
    }

    /// Reads and writes documents, in ever smaller parts while that fails because of them.
    async fn write_in_parts(
        &mut self,
        version: Version,
        whole: Portion,
    ) -> Result<(), MirrorError> {
        let mut portions = VecDeque::from([whole]);
        while let Some(some) = portions.pop_front() {
            if some.is_empty() {
                continue;
            }
            let asked = documents::wanted(apart::keys(&some));
            let read = documents::read(&mut self.database, &asked, Subjects::Everyone).await;
            let outcome = match read {
                Ok(reading) => self.write_reading(version, &asked, reading, &[]).await,
                Err(error) => Err(error.into()),
            };
            let Err(error) = outcome else { continue };
            let why = self.cause_in_documents(error).await?;
            match apart::parts(some) {
                Ok(parts) => parts
                    .into_iter()
                    .rev()
                    .for_each(|part| portions.push_front(part)),
                Err(key) => {
                    self.apart.add(key, why);
                    self.mark_apart(version, &[key]).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes that Redis does not keep these documents, so that nothing older is served.
    async fn mark_apart(
        &self,
        version: Version,
        keys: &[(Uuid, Document)],
    ) -> Result<(), MirrorError> {
        let value = render_apart(version, now())?;
        let write = |(user, document): &(Uuid, Document)| Write {
            document: *document,
            user: *user,
            value: value.clone(),
            ttl: NEGATIVE_TTL,
        };
        let writes: Vec<Write> = keys.iter().map(write).collect();
        self.store
            .write(version, Instant::now(), &writes, &[])
            .await?;
        Ok(())
    }

    /// Why an error is caused by the documents that were read or written, so that smaller parts of them
    /// may succeed; any other error is returned.
    async fn cause_in_documents(&self, error: MirrorError) -> Result<ApartReason, MirrorError> {
        let why = match &error {
            MirrorError::Reading(error) if error.is_caused_by_documents() => {
                Some(ApartReason::Unreadable)
            }
            MirrorError::Document(_) => Some(ApartReason::Unreadable),
            // A write that took but a moment is late because a clock was set.
            MirrorError::Redis(redis) if redis.code() == Some("LATE") => {
                (self.begun.elapsed() * 2 > WRITE_GOOD_FOR).then_some(ApartReason::Late)
            }
            MirrorError::Redis(redis) if redis.is_timeout() => {
                self.store.answers().await.then_some(ApartReason::Late)
            }
            MirrorError::Redis(redis) if redis.code() == Some("ERR") => Some(ApartReason::Refused),
            _ => None,
        };
        match why {
            Some(why) => {
                tracing::debug!("in parts: {error}");
                Ok(why)
            }
            None => Err(error),
        }
    }

    /// Writes what a reading of what was `asked` for came to; returns for each of `looks` whether
    /// it is there. Users who are gone came back without a body.
    async fn write_reading(
        &mut self,
        version: Version,
        asked: &Wanted,
        reading: Reading,
        looks: &[(Uuid, Document)],
    ) -> Result<Vec<bool>, MirrorError> {
        let Reading {
            as_of,
            begun,
            settings,
            bodies,
            ..
        } = reading;
        self.begun = begun;
        let mut gone: HashSet<(Uuid, Document)> = asked
            .iter()
            .flat_map(|(document, users)| users.iter().map(|user| (*user, *document)))
            .collect();
        let mut writes = Vec::with_capacity(gone.len());
        for body in bodies {
            let key = (body.user, body.document);
            gone.remove(&key);
            if body.large {
                self.apart.add(key, ApartReason::Large);
            } else {
                self.apart.remove(key);
            }
            writes.push(write(version, as_of, settings, body)?);
        }
        for (user, document) in gone {
            self.apart.remove((user, document));
            let none = Body::none(document, user);
            writes.push(write(version, as_of, settings, none)?);
        }
        let (written, held) = self.store.write(version, begun, &writes, looks).await?;
        self.metrics.mirror.documents(written);
        Ok(held)
    }
}

/// A document that is gone is written too, as `null`: without a key no version would be kept.
fn write(
    version: Version,
    as_of: DateTime<Utc>,
    settings: i64,
    body: Body,
) -> Result<Write, MirrorError> {
    if body.large {
        return Ok(Write {
            document: body.document,
            user: body.user,
            value: render_apart(version, timestamp(as_of))?,
            ttl: NEGATIVE_TTL,
        });
    }
    let lasting = lifetime(body.document, body.data.is_some(), as_of, body.until);
    let (data, until, ttl) = match lasting {
        Some(ttl) => (body.data, body.until, ttl),
        None => (None, None, NEGATIVE_TTL),
    };
    Ok(Write {
        document: body.document,
        user: body.user,
        value: render(
            version,
            timestamp(as_of),
            until.map(timestamp),
            settings,
            data.as_deref(),
        )?,
        ttl,
    })
}

/// Keys as a portion.
fn by_user(keys: impl Iterator<Item = (Uuid, Document)>) -> Portion {
    let mut users: BTreeMap<Uuid, DocumentSet> = BTreeMap::new();
    for (user, document) in keys {
        let documents = users.entry(user).or_default();
        documents.extend([document].into_iter().collect());
    }
    users.into_iter().collect()
}
