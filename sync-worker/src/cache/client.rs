//! A connection that is made when needed and made again when lost.

use std::time::{Duration, Instant};

use redis::RedisError;
use tokio::sync::Mutex;

use super::{Connection, RedisTarget};

/// After a failure Redis is not asked for so long: its users read Postgres, or do without.
const PAUSE: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RedisClientError {
    /// It failed a moment ago.
    #[error("Redis did not answer a moment ago")]
    Paused,
    /// It fails now.
    #[error(transparent)]
    Redis(#[from] RedisError),
}

#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    not_before: Option<Instant>,
}

/// A Redis that may be away.
pub struct RedisClient {
    target: RedisTarget,
    patience: Duration,
    held: Mutex<Held>,
}

impl RedisClient {
    /// Connects to nothing yet. An answer that takes longer than `patience` counts as none.
    #[must_use]
    pub fn new(target: RedisTarget, patience: Duration) -> Self {
        Self {
            target,
            patience,
            held: Mutex::default(),
        }
    }

    /// Does something with a connection.
    ///
    /// # Errors
    /// When there is no connection, or the error of `work`.
    pub async fn with<T>(
        &self,
        work: impl AsyncFnOnce(Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisClientError> {
        let connection = self.connection().await?;
        let outcome = work(connection).await;
        if let Err(error) = &outcome
            && is_fault_of_server(error)
        {
            self.pause(&mut *self.held.lock().await);
        }
        Ok(outcome?)
    }

    async fn connection(&self) -> Result<Connection, RedisClientError> {
        let mut held = self.held.lock().await;
        if let Some(connection) = &held.connection {
            return Ok(connection.clone());
        }
        if held
            .not_before
            .is_some_and(|instant| Instant::now() < instant)
        {
            return Err(RedisClientError::Paused);
        }
        match self.target.connect(self.patience).await {
            Ok(connection) => Ok(held.connection.insert(connection).clone()),
            Err(error) => {
                self.pause(&mut held);
                Err(error.into())
            }
        }
    }

    fn pause(&self, held: &mut Held) {
        held.connection = None;
        held.not_before = Some(Instant::now() + PAUSE);
    }
}

/// Whether the server is at fault, and not this one command: a full Redis still serves reads.
fn is_fault_of_server(error: &RedisError) -> bool {
    error
        .code()
        .is_none_or(|code| matches!(code, "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN"))
}
