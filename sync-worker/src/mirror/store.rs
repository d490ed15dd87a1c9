//! Redis as the mirror uses it: guarded writes, never a plain one, and one command for all that is of one
//! user: commands are what Redis is billed by, and one user's keys are on one node.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bondhu_core::cache::watermark::{Parts, STATE_MOST_BYTES};
use bondhu_core::cache::{Document, STATE_KEY};
use redis::{AsyncCommands as _, Cmd, RedisError};
use uuid::Uuid;

use super::changes::DocumentSet;
use crate::cache::{ADVANCE_STATE, Connection, HELD, RedisTarget, SET_NEWER};
use bondhu_core::cache::position::Version;

/// A round trip that takes longer counts as Redis being away.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Redis refuses a write that was read from Postgres longer ago. Shorter than what is gone is
/// remembered as gone, and than a takeover may take.
pub(super) const WRITE_GOOD_FOR: Duration = Duration::from_secs(2);

/// Keys that one SCAN step looks at.
const SCAN_STEP: usize = 1000;

/// One key and what it shall hold.
#[derive(Debug)]
pub(super) struct Write {
    /// Which document.
    pub document: Document,
    /// Whose.
    pub user: Uuid,
    /// The whole value, version included.
    pub value: String,
    /// After which it goes by itself.
    pub ttl: Duration,
}

/// One connection, for the life of one stream: what is lost with it is found out by starting anew.
#[derive(Clone)]
pub(super) struct Store {
    connection: Connection,
    clock: Clock,
}

/// The server's clock. That of a cluster's first node, whose nodes' clocks are taken to agree.
#[derive(Clone, Copy)]
struct Clock {
    unix_ms: u64,
    /// A moment after the server's clock said that.
    at: Instant,
}

impl Clock {
    async fn read(connection: &mut Connection) -> Result<Self, RedisError> {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
        Ok(Self {
            unix_ms: seconds * 1000 + micros / 1000,
            at: Instant::now(),
        })
    }

    /// What it showed at an instant, in Unix ms; rather too early than too late.
    fn at(self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.at).as_millis();
        self.unix_ms + u64::try_from(since).unwrap_or(u64::MAX / 2)
    }
}

/// Positions of `all` by user, each user's together and all in their order.
fn by_user<T>(all: &[T], user: impl Fn(&T) -> Uuid) -> Vec<Vec<usize>> {
    let mut users: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (index, one) in all.iter().enumerate() {
        users.entry(user(one)).or_default().push(index);
    }
    users.into_values().collect()
}

/// A script over documents of one user, each with its lease.
fn of_one_user(script: &str, keys: impl Iterator<Item = (Uuid, Document)>) -> Cmd {
    let keys: Vec<_> = keys
        .flat_map(|(user, document)| [document.key(user), document.lease_key(user)])
        .collect();
    let mut command = redis::cmd("EVALSHA");
    command.arg(script).arg(keys.len()).arg(keys);
    command
}

impl Store {
    /// Connects and loads the scripts.
    ///
    /// # Errors
    /// When Redis cannot be reached or refuses.
    pub(super) async fn connect(target: &RedisTarget) -> Result<Self, RedisError> {
        let mut connection = target.connect(RESPONSE_TIMEOUT).await?;
        for script in [&*SET_NEWER, &*HELD, &*ADVANCE_STATE] {
            script.prepare_invoke().load_async(&mut connection).await?;
        }
        let clock = Clock::read(&mut connection).await?;
        Ok(Self { connection, clock })
    }

    /// Does all of `writes`, each under its guard, and then looks for `keys`: whether there is a
    /// value or somebody is about to fill one. Returns how many writes changed something, and what
    /// was found. The writes were read from Postgres no earlier than `begun`.
    ///
    /// # Errors
    /// When Redis does not answer, has no room, or finds that the writes come too late. Any part of
    /// them may have been done.
    pub(super) async fn write(
        &self,
        version: Version,
        begun: Instant,
        writes: &[Write],
        keys: &[(Uuid, Document)],
    ) -> Result<(u64, Vec<bool>), RedisError> {
        let version = version.to_string();
        let good_until = self.clock.at(begun + WRITE_GOOD_FOR);
        let written = by_user(writes, |write| write.user);
        let set = |indices: &Vec<usize>| -> Cmd {
            let writes = || indices.iter().filter_map(|index| writes.get(*index));
            let keys = writes().map(|write| (write.user, write.document));
            let mut set = of_one_user(SET_NEWER.get_hash(), keys);
            set.arg(&version).arg(good_until);
            for write in writes() {
                set.arg(&write.value)
                    .arg(u64::try_from(write.ttl.as_millis()).unwrap_or(u64::MAX));
            }
            set
        };
        let looked = by_user(keys, |(user, _)| *user);
        let held = |indices: &Vec<usize>| {
            let keys = indices.iter().filter_map(|index| keys.get(*index));
            of_one_user(HELD.get_hash(), keys.copied())
        };
        let commands = written.iter().map(set).chain(looked.iter().map(held));
        let answers: Vec<Vec<u64>> = self.connection.all(commands.collect()).await?;
        let (changed, there) = answers.split_at(written.len().min(answers.len()));
        let mut found = vec![false; keys.len()];
        for (index, there) in looked.iter().flatten().zip(there.iter().flatten()) {
            if let Some(found) = found.get_mut(*index) {
                *found = *there > 0;
            }
        }
        Ok((changed.iter().flatten().sum(), found))
    }

    /// The watermark's text; empty when there is none. No watermark is longer than what is looked at.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn state(&self) -> Result<Vec<u8>, RedisError> {
        let mut connection = self.connection.clone();
        let held = connection.getrange(STATE_KEY, 0, STATE_MOST_BYTES as isize - 1);
        match held.await {
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(Vec::new()),
            held => held,
        }
    }

    /// Replaces the watermark if it still is `expected`; returns the instant that was written, which
    /// is never ahead of the server's clock, or `None` if it was not.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn advance_state(
        &self,
        expected: &[u8],
        next: &Parts,
    ) -> Result<Option<i64>, RedisError> {
        ADVANCE_STATE
            .key(STATE_KEY)
            .arg(expected)
            .arg(&next.before)
            .arg(next.complete_at_ms)
            .arg(&next.after)
            .invoke_async(&mut self.connection.clone())
            .await
    }

    /// Whether Redis answers at all.
    pub(super) async fn answers(&self) -> bool {
        Clock::read(&mut self.connection.clone()).await.is_ok()
    }

    /// What the server's clock shows, in Unix ms; rather too early than too late.
    pub(super) fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.at(Instant::now())).unwrap_or(i64::MAX)
    }

    /// Calls `found` for every key of one of `documents`, and for every lease to fill one.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn scan(
        &self,
        documents: DocumentSet,
        mut found: impl FnMut(Uuid, Document),
    ) -> Result<(), RedisError> {
        let mut notice = |key: &str| {
            let key = key.strip_suffix(":lease").unwrap_or(key);
            if let Some((document, user)) = Document::of_key(key)
                && let Ok(user) = Uuid::parse_str(user)
            {
                found(user, document);
            }
        };
        for document in documents.iter() {
            self.connection
                .scan(&format!("{}*", document.key('*')), SCAN_STEP, &mut notice)
                .await?;
        }
        Ok(())
    }
}
