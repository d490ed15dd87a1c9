//! Who is in which room, and who hears what is sent there. The private and the public channel of one name
//! are two rooms.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};

use super::frame::UserBroadcast;

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomName {
    pub(super) private: bool,
    pub(super) topic: String,
}

/// One channel of one connection.
pub(super) type MemberId = u64;

/// What members hear.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A broadcast that was sent as JSON, with the envelope that its sender made.
    Broadcast(Value),
    /// A broadcast whose body travels as bytes.
    User(UserBroadcast),
    /// Who has come and who has gone.
    PresenceDiff(Value),
}

/// What a connection finds in its outbox: which of its channels hears what.
pub(super) type Addressed = (MemberId, Arc<Delivery>);

/// Where a connection gets what its channels hear.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    pub(super) queue: mpsc::Sender<Addressed>,
    /// Told when the queue is full: better no connection than one that has missed something.
    pub(super) overrun: Arc<Notify>,
}

/// What a member may hear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hearing {
    pub(super) broadcasts: bool,
    pub(super) presence: bool,
}

#[derive(Debug)]
struct Member {
    outbox: Outbox,
    hearing: Hearing,
}

#[derive(Debug)]
struct Presence {
    key: String,
    meta: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Room {
    members: BTreeMap<MemberId, Member>,
    presences: BTreeMap<MemberId, Presence>,
}

#[derive(Debug, Default)]
struct Rooms {
    by_name: HashMap<RoomName, Room>,
    last_id: u64,
}

/// All rooms.
#[derive(Debug, Default)]
pub(super) struct Hub {
    rooms: Mutex<Rooms>,
}

impl Hub {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        // Each change is complete before anything could panic.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a room; returns who is present there.
    pub(super) fn enter(
        &self,
        name: &RoomName,
        outbox: Outbox,
        hearing: Hearing,
    ) -> (MemberId, Value) {
        let mut rooms = self.rooms();
        rooms.last_id += 1;
        let id = rooms.last_id;
        let room = rooms.by_name.entry(name.clone()).or_default();
        room.members.insert(id, Member { outbox, hearing });
        (id, grouped(room.presences.values()))
    }

    /// Leaves it.
    pub(super) fn leave(&self, name: &RoomName, id: MemberId) {
        let mut rooms = self.rooms();
        let Some(room) = rooms.by_name.get_mut(name) else {
            return;
        };
        room.members.remove(&id);
        if let Some(gone) = room.presences.remove(&id) {
            room.tell_presence(&[], &[&gone]);
        }
        if room.members.is_empty() {
            rooms.by_name.remove(name);
        }
    }

    /// Changes what a member may hear.
    pub(super) fn let_hear(&self, name: &RoomName, id: MemberId, hearing: Hearing) {
        if let Some(member) =
            (self.rooms().by_name.get_mut(name)).and_then(|room| room.members.get_mut(&id))
        {
            member.hearing = hearing;
        }
    }

    /// Sends to all in a room, but `except`.
    pub(super) fn send(&self, name: &RoomName, except: Option<MemberId>, delivery: Delivery) {
        if let Some(room) = self.rooms().by_name.get(name) {
            room.tell(except, delivery, |hearing| hearing.broadcasts);
        }
    }

    /// Makes a member present, or what is said of it another.
    pub(super) fn track(&self, name: &RoomName, id: MemberId, key: &str, said: Map<String, Value>) {
        let mut rooms = self.rooms();
        rooms.last_id += 1;
        let reference = format!("F{:x}", rooms.last_id);
        let Some(room) = rooms.by_name.get_mut(name) else {
            return;
        };
        let before = room.presences.remove(&id);
        let mut meta = said;
        if let Some(before) = &before {
            meta.insert("phx_ref_prev".to_owned(), before.meta["phx_ref"].clone());
        }
        meta.insert("phx_ref".to_owned(), json!(reference));
        let present = Presence {
            key: key.to_owned(),
            meta,
        };
        room.tell_presence(&[&present], before.as_ref().as_slice());
        room.presences.insert(id, present);
    }

    /// Makes a member absent.
    pub(super) fn untrack(&self, name: &RoomName, id: MemberId) {
        if let Some(room) = self.rooms().by_name.get_mut(name)
            && let Some(gone) = room.presences.remove(&id)
        {
            room.tell_presence(&[], &[&gone]);
        }
    }
}

impl Room {
    fn tell_presence(&self, joins: &[&Presence], leaves: &[&Presence]) {
        let diff = json!({
            "joins": grouped(joins.iter().copied()), "leaves": grouped(leaves.iter().copied()),
        });
        self.tell(None, Delivery::PresenceDiff(diff), |hearing| {
            hearing.presence
        });
    }

    fn tell(&self, except: Option<MemberId>, delivery: Delivery, hears: fn(Hearing) -> bool) {
        let delivery = Arc::new(delivery);
        for (id, member) in &self.members {
            if Some(*id) == except || !hears(member.hearing) {
                continue;
            }
            let addressed = (*id, Arc::clone(&delivery));
            if let Err(mpsc::error::TrySendError::Full(_)) = member.outbox.queue.try_send(addressed)
            {
                member.outbox.overrun.notify_one();
            }
        }
    }
}

/// As clients read it: what is said of each, by key.
fn grouped<'a>(presences: impl Iterator<Item = &'a Presence>) -> Value {
    let mut by_key: BTreeMap<&str, Vec<&Map<String, Value>>> = BTreeMap::new();
    for presence in presences {
        by_key
            .entry(&presence.key)
            .or_default()
            .push(&presence.meta);
    }
    let entries = by_key
        .into_iter()
        .map(|(key, metas)| (key.to_owned(), json!({ "metas": metas })));
    Value::Object(entries.collect())
}
