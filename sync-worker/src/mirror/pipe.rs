//! The way of a batch, joined: intake, prepare, apply.
//!
//! Each part hands on to the next through a channel of one place, so that none gets further ahead than
//! that, and knows nothing of the others. When the intake ends the next part finishes what has come and
//! ends too. What fails in any part ends all of them.

use bondhu_core::cache::position::Lsn;
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};

use super::apply::Applier;
use super::changes::Batch;
use super::error::MirrorError;
use super::prepare::Preparer;
use super::rebuild;

/// What a part has handed on and the next one has not taken.
const WAITING: usize = 1;

/// The parts after an intake.
pub(super) struct Pipe {
    /// Re-reads what batches made stale.
    pub preparer: Preparer,
    /// Writes that to Redis.
    pub applier: Applier,
}

impl Pipe {
    /// Brings to Redis what a new epoch begins with, and says that it follows from there.
    ///
    /// # Errors
    /// When Postgres or Redis does not answer.
    pub(super) async fn rebuild(&mut self, database: &PgPool) -> Result<(), MirrorError> {
        let start = self.applier.watermark.lsn();
        self.flow(|batches| rebuild::read(database, start, batches), None)
            .await?;
        self.applier.report_following(&[]);
        Ok(())
    }

    /// Brings to Redis what `intake` hands on until it ends, and tells `applied` up to where Redis holds
    /// everything.
    ///
    /// # Errors
    /// The first one of any part; what was not applied will come again.
    pub(super) async fn follow<I>(
        &mut self,
        intake: impl FnOnce(mpsc::Sender<Batch>) -> I,
        applied: watch::Sender<Lsn>,
    ) -> Result<(), MirrorError>
    where
        I: Future<Output = Result<(), MirrorError>>,
    {
        self.flow(intake, Some(&applied)).await?;
        self.applier.release().await
    }

    async fn flow<I>(
        &mut self,
        intake: impl FnOnce(mpsc::Sender<Batch>) -> I,
        applied: Option<&watch::Sender<Lsn>>,
    ) -> Result<(), MirrorError>
    where
        I: Future<Output = Result<(), MirrorError>>,
    {
        let (batches, to_prepare) = mpsc::channel(WAITING);
        let (steps, to_apply) = mpsc::channel(WAITING);
        tokio::try_join!(
            intake(batches),
            self.preparer.run(to_prepare, steps),
            self.applier.run(to_apply, applied),
        )?;
        Ok(())
    }
}
