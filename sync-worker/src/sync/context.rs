//! What pulling needs.

use std::sync::Arc;

use sqlx::PgPool;

use super::allowance::Allowance;
use crate::providers::ProviderClients;
use crate::telemetry::Metrics;
use crate::vault::Vault;

/// What pulling needs.
#[derive(Debug)]
pub struct SyncContext {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Opens tokens.
    pub vault: Arc<Vault>,
    /// Talk with the providers that are set up.
    pub clients: ProviderClients,
    /// Connections worked on at once.
    pub concurrency: usize,
    /// Who holds the leases, for operators: host and process.
    pub worker: String,
    /// What to count.
    pub metrics: Arc<Metrics>,
    /// How much one person may use.
    pub allowance: Allowance,
}
