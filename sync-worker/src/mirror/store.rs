//! Redis as the mirror uses it: guarded writes, never a plain one.

use std::time::Duration;

use bondhu_core::cache::{Document, STATE_KEY};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, RedisError, Script};
use uuid::Uuid;

use super::changes::DocumentSet;
use super::position::Version;

/// A round trip that takes longer counts as Redis being away.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys that one SCAN step looks at.
const SCAN_STEP: usize = 1000;

/// One change of one key.
#[derive(Debug)]
pub(super) enum Write {
    /// Hold this value for so long, unless there is one as new.
    Set {
        /// Which key.
        key: String,
        /// The whole value, version included.
        value: String,
        /// After which it goes by itself.
        ttl: Duration,
    },
    /// Hold nothing, unless there is something newer.
    Delete {
        /// Which key.
        key: String,
    },
}

/// One connection, for the life of one stream: what is lost with it is found out by starting anew.
#[derive(Clone)]
pub(super) struct Store {
    connection: MultiplexedConnection,
    scripts: Scripts,
}

#[derive(Clone)]
struct Scripts {
    set_newer: String,
    delete_older: String,
    advance_state: String,
}

impl Store {
    /// Connects and loads the scripts.
    ///
    /// # Errors
    /// When Redis cannot be reached or refuses.
    pub(super) async fn connect(client: &Client) -> Result<Self, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RESPONSE_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let mut load = async |text| {
            Script::new(text)
                .prepare_invoke()
                .load_async(&mut connection)
                .await
        };
        let scripts = Scripts {
            set_newer: load(include_str!("lua/set_newer.lua")).await?,
            delete_older: load(include_str!("lua/delete_older.lua")).await?,
            advance_state: load(include_str!("lua/advance_state.lua")).await?,
        };
        Ok(Self {
            connection,
            scripts,
        })
    }

    /// For each pair, whether its key exists.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn existing(
        &self,
        keys: &[(Uuid, Document)],
    ) -> Result<Vec<bool>, RedisError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(keys.len());
        for (user, document) in keys {
            pipeline.exists(document.key(user));
        }
        pipeline.query_async(&mut self.connection.clone()).await
    }

    /// Does all of `writes`, each under its guard; returns how many changed something.
    ///
    /// # Errors
    /// When Redis does not answer or has no room. Any part of the writes may have been done.
    pub(super) async fn write(
        &self,
        version: Version,
        writes: &[Write],
    ) -> Result<u64, RedisError> {
        if writes.is_empty() {
            return Ok(0);
        }
        let version = version.to_string();
        let mut pipeline = Pipeline::with_capacity(writes.len());
        for write in writes {
            match write {
                Write::Set { key, value, ttl } => pipeline
                    .cmd("EVALSHA")
                    .arg(&self.scripts.set_newer)
                    .arg(1)
                    .arg(key)
                    .arg(&version)
                    .arg(value)
                    .arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
                Write::Delete { key } => pipeline
                    .cmd("EVALSHA")
                    .arg(&self.scripts.delete_older)
                    .arg(1)
                    .arg(key)
                    .arg(&version),
            };
        }
        let changed: Vec<u64> = pipeline.query_async(&mut self.connection.clone()).await?;
        Ok(changed.into_iter().sum())
    }

    /// The watermark's text; empty when there is none.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn state(&self) -> Result<String, RedisError> {
        let held: Option<String> = redis::cmd("GET")
            .arg(STATE_KEY)
            .query_async(&mut self.connection.clone())
            .await?;
        Ok(held.unwrap_or_default())
    }

    /// Replaces the watermark if it still is `expected`; returns whether it was.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn advance_state(
        &self,
        expected: &str,
        next: &str,
    ) -> Result<bool, RedisError> {
        redis::cmd("EVALSHA")
            .arg(&self.scripts.advance_state)
            .arg(1)
            .arg(STATE_KEY)
            .arg(expected)
            .arg(next)
            .query_async(&mut self.connection.clone())
            .await
    }

    /// Calls `found` for every key of one of `documents`.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn scan(
        &self,
        documents: DocumentSet,
        mut found: impl FnMut(Uuid, Document),
    ) -> Result<(), RedisError> {
        for document in documents.iter() {
            let mut cursor = 0_u64;
            loop {
                let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                    .arg(cursor)
                    .arg("MATCH")
                    .arg(document.key('*'))
                    .arg("COUNT")
                    .arg(SCAN_STEP)
                    .query_async(&mut self.connection.clone())
                    .await?;
                for key in keys {
                    if let Some((document, user)) = Document::of_key(&key)
                        && let Ok(user) = Uuid::parse_str(user)
                    {
                        found(user, document);
                    }
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}
