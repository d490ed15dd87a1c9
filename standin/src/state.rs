//! What the stand-in's handlers share.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::catalogue::{Account, World};
use super::faults::FaultPlan;
use super::grants::Grants;
use super::requests::{RecordedRequest, Traffic};
use super::wire::Refusals;
use super::{Client, Consent, Provider, StandinConfig};

/// State of one running stand-in.
#[derive(Debug)]
pub(super) struct Shared {
    /// `http://127.0.0.1:port`, for links that answers carry.
    pub(super) base_url: String,
    pub(super) refusals: Refusals,
    pub(super) world: World,
    pub(super) oddities: bool,
    pub(super) spotify_extended: bool,
    pub(super) keep_answers: bool,
    /// The catalogue's present.
    pub(super) now: DateTime<Utc>,
    pub(super) clients: Mutex<BTreeMap<Provider, Client>>,
    pub(super) browser: Mutex<Browser>,
    pub(super) grants: Mutex<Grants>,
    accounts: Mutex<BTreeMap<u64, Account>>,
    pub(super) youtube_quota: Mutex<Quota>,
    pub(super) faults: Mutex<FaultPlan>,
    pub(super) requests: Mutex<Vec<RecordedRequest>>,
    pub(super) traffic: Traffic,
    /// What every call of an API takes at least.
    pub(super) latency: Mutex<Duration>,
}

/// Who sits at the consent page, and what they tick.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    pub(super) account: u64,
    pub(super) consent: Consent,
}

/// Units of the YouTube project's day.
#[derive(Debug)]
pub(super) struct Quota {
    pub(super) allowed: u32,
    pub(super) used: u32,
}

impl Shared {
    pub(super) fn new(base_url: String, config: StandinConfig) -> anyhow::Result<Self> {
        let now = config.now.unwrap_or_else(Utc::now);
        Ok(Self {
            base_url,
            refusals: Refusals::load()?,
            world: World::new(now),
            oddities: config.oddities,
            spotify_extended: config.spotify_extended,
            keep_answers: config.keep_answers,
            now,
            clients: Mutex::new(BTreeMap::from([
                (Provider::Spotify, config.spotify),
                (Provider::YouTube, config.google),
            ])),
            browser: Mutex::new(Browser {
                account: config.account,
                consent: Consent::Grant,
            }),
            grants: Mutex::new(Grants::new(
                config.access_token_lifetime,
                config.spotify_refresh,
            )),
            accounts: Mutex::default(),
            youtube_quota: Mutex::new(Quota {
                allowed: config.youtube_daily_units,
                used: 0,
            }),
            faults: Mutex::new(FaultPlan::new(config.faults)),
            requests: Mutex::default(),
            traffic: Traffic::default(),
            latency: Mutex::default(),
        })
    }

    /// Runs `read` on the account's catalogue, made on first use.
    pub(super) fn with_account<T>(&self, account: u64, read: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = lock(&self.accounts);
        let account = accounts
            .entry(account)
            .or_insert_with(|| Account::new(account, &self.world, self.now, self.oddities));
        read(account)
    }
}

/// Locks; a panic of another test's closure must not hide the first failure.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
