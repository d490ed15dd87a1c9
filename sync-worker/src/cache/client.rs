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
struct ClientState {
    connection: Option<Connection>,
    not_before: Option<Instant>,
}

/// A Redis that may be away.
pub struct RedisClient {
    target: RedisTarget,
    patience: Duration,
    state: Mutex<ClientState>,
}

impl RedisClient {
    /// Connects to nothing yet. An answer that takes longer than `patience` counts as none.
    #[must_use]
    pub fn new(target: RedisTarget, patience: Duration) -> Self {
        Self {
            target,
            patience,
            state: Mutex::default(),
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
            self.pause(&mut *self.state.lock().await);
        }
        Ok(outcome?)
    }

    async fn connection(&self) -> Result<Connection, RedisClientError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        if state
            .not_before
            .is_some_and(|instant| Instant::now() < instant)
        {
            return Err(RedisClientError::Paused);
        }
        match self.target.connect(self.patience).await {
            Ok(connection) => Ok(state.connection.insert(connection).clone()),
            Err(error) => {
                self.pause(&mut state);
                Err(error.into())
            }
        }
    }

    fn pause(&self, state: &mut ClientState) {
        state.connection = None;
        state.not_before = Some(Instant::now() + PAUSE);
    }
}

/// Whether the server is at fault, and not this one command: a full Redis still serves reads.
fn is_fault_of_server(error: &RedisError) -> bool {
    error
        .code()
        .is_none_or(|code| matches!(code, "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN"))
}
