//! Documents that are kept apart: too large for Redis, or not to be read or written in time. Only
//! these are read from Postgres; all others are still written to Redis.
//!
//! What fails together is tried again in ever smaller parts, until it is one document. In its place
//! Redis then holds a value whose `until` is past, so that nothing older is served and every reader
//! takes it for a miss.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bondhu_core::cache::Document;
use uuid::Uuid;

use super::changes::DocumentSet;

/// A document that was kept apart is not tried again for so long: trying it delays all others.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// More are not remembered; each is then tried whenever it changes.
const MOST: usize = 10_000;

/// What failed is tried in so many parts: few rounds, and only one part of them as slow as before.
const PARTS: usize = 16;

/// Users and which of their documents.
pub(super) type Portion = Vec<(Uuid, DocumentSet)>;

/// Why a document is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApartReason {
    /// It has more bytes than a document may have.
    Large,
    /// Postgres cannot build it.
    Unreadable,
    /// It takes longer than a write may be under way.
    Late,
    /// Redis does not take it.
    Refused,
}

impl ApartReason {
    const fn name(self) -> &'static str {
        match self {
            Self::Large => "too large",
            Self::Unreadable => "not to be read",
            Self::Late => "too slow",
            Self::Refused => "refused by Redis",
        }
    }
}

/// Which documents are apart, and when each was tried last.
#[derive(Debug, Default)]
pub(super) struct Apart(Mutex<HashMap<(Uuid, Document), Instant>>);

/// Documents in the order in which they are to be brought.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Together.
    pub together: Portion,
    /// Each by itself, after the others.
    pub alone: Vec<(Uuid, Document)>,
    /// Not now.
    pub resting: Vec<(Uuid, Document)>,
}

impl Apart {
    fn documents(&self) -> std::sync::MutexGuard<'_, HashMap<(Uuid, Document), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers one.
    pub(super) fn add(&self, key: (Uuid, Document), why: ApartReason) {
        let mut documents = self.documents();
        let known = documents.contains_key(&key);
        if known || documents.len() < MOST {
            documents.insert(key, Instant::now());
        }
        if !known {
            let (user, document) = (key.0, key.1.name());
            tracing::warn!(%user, document, "a document is left to Postgres: it is {}", why.name());
        }
    }

    /// Forgets one that has been written.
    pub(super) fn remove(&self, key: (Uuid, Document)) {
        self.documents().remove(&key);
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.documents().len() as u64
    }

    /// Puts those that were apart behind all others.
    pub(super) fn order(&self, portion: Portion) -> Order {
        let documents = self.documents();
        if documents.is_empty() {
            return Order {
                together: portion,
                ..Order::default()
            };
        }
        let mut order = Order::default();
        for (user, set) in portion {
            let mut together = DocumentSet::default();
            for document in set.iter() {
                match documents.get(&(user, document)) {
                    None => together.extend([document].into_iter().collect()),
                    Some(tried) if tried.elapsed() < TRIED_AGAIN_AFTER => {
                        order.resting.push((user, document));
                    }
                    Some(_) => order.alone.push((user, document)),
                }
            }
            if !together.is_empty() {
                order.together.push((user, together));
            }
        }
        order
    }
}

/// Portions of one document each.
pub(super) fn singles(keys: Vec<(Uuid, Document)>) -> impl Iterator<Item = Portion> {
    let single = |(user, document)| vec![(user, [document].into_iter().collect())];
    keys.into_iter().map(single)
}

/// A portion as keys.
pub(super) fn keys(portion: &[(Uuid, DocumentSet)]) -> impl Iterator<Item = (Uuid, Document)> {
    portion
        .iter()
        .flat_map(|(user, documents)| documents.iter().map(|document| (*user, document)))
}

/// A portion in parts; or the one document that it consists of.
pub(super) fn parts(portion: Portion) -> Result<Vec<Portion>, (Uuid, Document)> {
    if portion.len() > 1 {
        let size = portion.len().div_ceil(PARTS);
        return Ok(portion.chunks(size).map(<[_]>::to_vec).collect());
    }
    let keys: Vec<_> = keys(&portion).collect();
    match keys.as_slice() {
        [key] => Err(*key),
        _ => Ok(singles(keys).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_fails_comes_down_to_single_documents_and_none_is_lost() {
        let whole: Portion = (0..300)
            .map(|number| (Uuid::from_u128(number), DocumentSet::all()))
            .collect();
        let mut left = vec![whole.clone()];
        let mut found = Vec::new();
        let mut rounds = 0;
        while !left.is_empty() {
            rounds += 1;
            let mut smaller = Vec::new();
            for portion in left {
                match parts(portion) {
                    Ok(parts) => smaller.extend(parts),
                    Err(key) => found.push(key),
                }
            }
            left = smaller;
        }
        assert!(rounds <= 5, "{rounds}");
        found.sort_unstable();
        assert!(found == keys(&whole).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_apart_stands_behind_all_others_and_rests() {
        let apart = Apart::default();
        let user = Uuid::from_u128(1);
        let portion = || vec![(user, DocumentSet::all())];
        assert_eq!(apart.order(portion()).together, portion());
        apart.add((user, Document::ChatHistory), ApartReason::Large);
        let order = apart.order(portion());
        assert_eq!(order.resting, [(user, Document::ChatHistory)]);
        assert!(order.alone.is_empty());
        let [(_, together)] = order.together.as_slice() else {
            unreachable!("one user");
        };
        assert!(!together.contains(Document::ChatHistory));
        assert_eq!(together.iter().count(), Document::ALL.len() - 1);
        apart.remove((user, Document::ChatHistory));
        assert_eq!(apart.count(), 0);
    }
}
