//! What pulling needs.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgPool;

use super::allowance::Allowance;
use crate::provider::Provider;
use crate::providers::ProviderAccess;
use crate::telemetry::Metrics;
use crate::vault::Vault;

/// What pulling needs.
#[derive(Debug)]
pub struct SyncContext {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Opens tokens.
    pub vault: Arc<Vault>,
    /// Talks with the providers.
    pub http: reqwest::Client,
    /// The providers that are set up.
    pub providers: HashMap<Provider, ProviderAccess>,
    /// Connections worked on at once.
    pub concurrency: usize,
    /// Who holds the leases, for operators: host and process.
    pub worker: String,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// How much one person may use.
    pub allowance: Allowance,
}
