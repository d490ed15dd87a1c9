//! How often one person and one address may try what costs a provider's attention: in front of
//! everything that all share. Counted by each worker for itself, in bounded memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// Attempts are counted over so long.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// Attempts of one person in a window: linking both providers, with mistakes, takes a few.
const OF_ONE_PERSON: u32 = 10;

/// Attempts from one address in a window: whole schools come from one.
const FROM_ONE_ADDRESS: u32 = 60;

/// People and addresses that are counted apart; beyond that newcomers share one count.
const MOST: usize = 20_000;

/// Who tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A signed-in user.
    Person(Uuid),
    /// A client, by its address (IPv6: its network of 64 bits, which one subscriber has whole).
    Address(IpAddr),
    /// All that there is no room to count apart.
    Crowd,
}

impl Caller {
    /// Whoever is at `address`.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(network.into())
            }
            address @ IpAddr::V4(_) => address,
        })
    }

    const fn limit(self) -> u32 {
        match self {
            Self::Person(_) => OF_ONE_PERSON,
            Self::Address(_) | Self::Crowd => FROM_ONE_ADDRESS,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    attempts: u32,
}

/// The counts.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Caller, Window>>);

impl Attempts {
    /// Counts one attempt. `Some`: there were too many, and it has to wait so long.
    pub fn take(&self, caller: Caller) -> Option<Duration> {
        self.take_at(caller, Instant::now())
    }

    fn take_at(&self, caller: Caller, now: Instant) -> Option<Duration> {
        let mut windows = match self.0.lock() {
            Ok(windows) => windows,
            Err(poisoned) => poisoned.into_inner(),
        };
        let left = |window: &Window| WINDOW.checked_sub(now.duration_since(window.began));
        if windows.len() >= MOST && !windows.contains_key(&caller) {
            windows.retain(|_, window| left(window).is_some());
        }
        let caller = if windows.len() >= MOST && !windows.contains_key(&caller) {
            Caller::Crowd
        } else {
            caller
        };
        let window = windows.entry(caller).or_insert(Window {
            began: now,
            attempts: 0,
        });
        let Some(left) = left(window) else {
            *window = Window {
                began: now,
                attempts: 1,
            };
            return None;
        };
        window.attempts = window.attempts.saturating_add(1);
        (window.attempts > caller.limit()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempts, Caller, FROM_ONE_ADDRESS, Instant, MOST, OF_ONE_PERSON, WINDOW};
    use std::time::Duration;
    use uuid::Uuid;

    #[test]
    fn too_many_wait_for_the_end_of_their_window_and_others_do_not() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let person = Caller::Person(Uuid::from_u128(1));
        for _ in 0..OF_ONE_PERSON {
            assert_eq!(attempts.take_at(person, now), None);
        }
        let later = now + Duration::from_secs(60);
        let wait = attempts.take_at(person, later);
        assert_eq!(wait, Some(WINDOW - Duration::from_secs(60)));
        assert_eq!(
            attempts.take_at(Caller::Person(Uuid::from_u128(2)), later),
            None
        );
        assert_eq!(
            attempts.take_at(person, now + WINDOW + Duration::from_secs(1)),
            None
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_ipv4_is_itself() {
        let at = |address: &str| Caller::at(address.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8:0:1::1"), at("2001:db8::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[test]
    fn a_crowd_is_counted_as_one_and_room_comes_back() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let person = |n: usize| Caller::Person(Uuid::from_u128(n as u128));
        for n in 0..MOST {
            assert_eq!(attempts.take_at(person(n), now), None);
        }
        let refused = (0..FROM_ONE_ADDRESS as usize + 5)
            .filter(|n| attempts.take_at(person(MOST + n), now).is_some());
        assert_eq!(refused.count(), 5);
        assert!(attempts.0.lock().unwrap().len() <= MOST + 1);
        let later = now + WINDOW + Duration::from_secs(1);
        assert_eq!(attempts.take_at(person(2 * MOST), later), None);
        assert_eq!(attempts.0.lock().unwrap().len(), 1);
    }
}
