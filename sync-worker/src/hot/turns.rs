//! Turns at Postgres, shared fairly: however much one user asks for, others get theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use uuid::Uuid;

use super::HotError;

/// Turns that one user has at a time; their other readers wait for these, not for everybody's.
const OF_ONE_USER: usize = 2;

/// One user's readers who have a turn or wait for one; the next is sent away at once.
const WAITING_OF_ONE_USER: usize = 64;

/// From so many users on, those who are gone are forgotten.
const REMEMBERED: usize = 1024;

pub(super) struct Turns {
    all: Semaphore,
    users: Mutex<HashMap<Uuid, Weak<Semaphore>>>,
}

/// The right to ask once.
pub(super) struct Turn<'a> {
    _own: OwnedSemaphorePermit,
    _all: SemaphorePermit<'a>,
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            all: Semaphore::new(at_once),
            users: Mutex::default(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`HotError::Busy`] when there is none within `patience`, or too many of this user wait.
    pub(super) async fn take(&self, user: Uuid, patience: Duration) -> Result<Turn<'_>, HotError> {
        let own = self.of(user);
        if Arc::strong_count(&own) > WAITING_OF_ONE_USER {
            return Err(HotError::Busy);
        }
        let both = async {
            let own = own.acquire_owned().await.ok()?;
            Some((own, self.all.acquire().await.ok()?))
        };
        let taken = timeout(patience, both).await.ok().flatten();
        let (own, all) = taken.ok_or(HotError::Busy)?;
        Ok(Turn {
            _own: own,
            _all: all,
        })
    }

    fn of(&self, user: Uuid) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= REMEMBERED {
            users.retain(|_, own| own.strong_count() > 0);
        }
        if let Some(own) = users.get(&user).and_then(Weak::upgrade) {
            return own;
        }
        let own = Arc::new(Semaphore::new(OF_ONE_USER));
        users.insert(user, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_user_who_asks_for_everything_leaves_turns_to_others() {
        let turns = Turns::new(8);
        let [greedy, other] = [1, 2].map(Uuid::from_u128);
        let mut held = Vec::new();
        let mut waiting = Vec::new();
        for _ in 0..60 {
            let mut turn = Box::pin(turns.take(greedy, LONG));
            match turn.as_mut().now_or_never() {
                Some(turn) => held.push(turn.unwrap()),
                None => waiting.push(turn),
            }
        }
        assert_eq!((held.len(), waiting.len()), (OF_ONE_USER, 58));
        let mut others = Vec::new();
        for _ in 0..OF_ONE_USER {
            others.push(turns.take(other, LONG).now_or_never().unwrap().unwrap());
        }
        held.clear();
        assert!(waiting.remove(0).await.is_ok(), "their own readers follow");
    }

    #[tokio::test]
    async fn of_one_user_only_so_many_wait() {
        let turns = Turns::new(1);
        let user = Uuid::from_u128(1);
        let mut waiting = Vec::new();
        loop {
            let mut turn = Box::pin(turns.take(user, LONG));
            match turn.as_mut().now_or_never() {
                Some(Err(HotError::Busy)) => break,
                taken => waiting.push((taken, turn)),
            }
            assert!(waiting.len() <= WAITING_OF_ONE_USER);
        }
        assert_eq!(waiting.len(), WAITING_OF_ONE_USER);
    }

    #[tokio::test]
    async fn users_who_are_gone_are_forgotten() {
        let turns = Turns::new(8);
        for number in 0..10 * REMEMBERED as u128 {
            turns.take(Uuid::from_u128(number), LONG).await.unwrap();
        }
        assert!(turns.users.lock().unwrap().len() <= REMEMBERED);
    }
}
