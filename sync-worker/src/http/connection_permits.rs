//! How many connections one address has, so that none has all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::attempts::Caller;
use super::client_address::TrustedProxies;

/// One address has at most this part of all connections.
const PART: u32 = 4;

/// Counts the connections of each address.
#[derive(Debug)]
pub(super) struct ConnectionPermits {
    most: u32,
    proxies: TrustedProxies,
    taken: Mutex<HashMap<Caller, u32>>,
}

impl ConnectionPermits {
    pub(super) fn new(connections: u32, proxies: TrustedProxies) -> Arc<Self> {
        Arc::new(Self {
            most: (connections / PART).max(1),
            proxies,
            taken: Mutex::default(),
        })
    }

    /// A permit for a connection of `address`; `None` when it has its part already. Behind a
    /// trusted proxy are many, so that it may have all.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let caller = Caller::at(address);
        let most = if self.proxies.trusts(address.to_canonical()) {
            u32::MAX
        } else {
            self.most
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let held = taken.entry(caller).or_default();
        if *held >= most {
            return None;
        }
        *held += 1;
        Some(ConnectionPermit {
            permits: Arc::clone(self),
            caller,
        })
    }
}

/// Given back when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    permits: Arc<ConnectionPermits>,
    caller: Caller,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let taken = &self.permits.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.caller).map_or(0, |held| held - 1);
        // Addresses that are gone take no memory.
        if left == 0 {
            taken.remove(&self.caller);
        } else {
            taken.insert(self.caller, left);
        }
    }
}
