//! The state that all handlers share.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::catalogue::{Account, World};
use super::config::{Client, Consent, StandinConfig};
use super::faults::FaultPlan;
use super::grants::Grants;
use super::models::Models;
use super::provider::Provider;
use super::traffic::{RecordedRequest, Traffic};
use super::wire::RecordedReplies;

/// All state of one running stand-in.
#[derive(Debug)]
pub(super) struct Shared {
    /// `http://127.0.0.1:port`, for links that answers carry.
    pub(super) base_url: String,
    pub(super) recorded: RecordedReplies,
    pub(super) world: World,
    pub(super) oddities: bool,
    pub(super) spotify_extended: bool,
    pub(super) keep_answers: bool,
    /// Current time of the catalogue.
    pub(super) now: DateTime<Utc>,
    pub(super) clients: Mutex<BTreeMap<Provider, Client>>,
    pub(super) browser: Mutex<Browser>,
    pub(super) grants: Mutex<Grants>,
    accounts: Mutex<BTreeMap<u64, Account>>,
    pub(super) youtube_quota: Mutex<Quota>,
    pub(super) faults: Mutex<FaultPlan>,
    pub(super) requests: Mutex<Vec<RecordedRequest>>,
    pub(super) traffic: Traffic,
    pub(super) models: Models,
    /// Added to every call of an API.
    pub(super) latency: Mutex<Duration>,
}

/// The account that is signed in at the consent page, and what its user answers there.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    pub(super) account: u64,
    pub(super) consent: Consent,
}

/// Daily quota of the YouTube project, in units.
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
            recorded: RecordedReplies::load()?,
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
            models: Models::new(config.model_key, config.model_pace)?,
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

/// Locks, also after a panic in another thread: the first failure is the one to report.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
