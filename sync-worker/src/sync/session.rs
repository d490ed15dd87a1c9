//! A connection's tokens in use: opened, refreshed when they end, kept.

use bondhu_core::retry::Failure;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sqlx::PgPool;

use super::allowance::Allowance;
use super::context::SyncContext;
use super::lease::Lease;
use super::outcome::{SyncError, Wait};
use super::share::Share;
use crate::providers::{Api, Bearer, ProviderClient, ProviderError, TokenEndpoint, spend_request};
use crate::telemetry::Metrics;
use crate::vault::{TokenKind, Vault};

/// A token is refreshed this long before it ends: clocks differ, and a page takes time.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// Calls on behalf of one connection. Only the lease's holder has one, so that refreshes
/// of a connection never run side by side.
pub(super) struct Session<'a> {
    pub(super) database: &'a PgPool,
    pub(super) vault: &'a Vault,
    pub(super) api: &'a Api,
    token_endpoint: &'a TokenEndpoint,
    pub(super) metrics: &'a Metrics,
    allowance: &'a Allowance,
    pub(super) share: &'a Share,
    pub(super) lease: Lease,
    bearer: Option<Bearer>,
}

#[derive(sqlx::FromRow)]
struct SealedToken {
    sealed: Vec<u8>,
    expires_at: Option<DateTime<Utc>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        context: &'a SyncContext,
        client: &'a ProviderClient,
        share: &'a Share,
        lease: Lease,
    ) -> Self {
        Self {
            database: &context.database,
            vault: &context.vault,
            api: &client.api,
            token_endpoint: &client.token_endpoint,
            metrics: &context.metrics,
            allowance: &context.allowance,
            share,
            lease,
            bearer: None,
        }
    }

    /// The access token: the stored one, or a new one when that ends soon.
    pub(super) async fn bearer(&mut self) -> Result<Bearer, SyncError> {
        if let Some(bearer) = &self.bearer {
            return Ok(bearer.clone());
        }
        let bearer = self.stored_or_refreshed().await?;
        Ok(self.bearer.insert(bearer).clone())
    }

    /// A new access token, after the provider refused the present one.
    pub(super) async fn renewed_bearer(&mut self) -> Result<Bearer, SyncError> {
        let bearer = self.refresh().await?;
        Ok(self.bearer.insert(bearer).clone())
    }

    /// Counts one request against the person's allowance, the connection's share, and in the
    /// provider's ledger, before it is sent.
    ///
    /// # Errors
    /// [`SyncError::EnoughForNow`], [`SyncError::BudgetSpent`]: it must not be sent.
    pub(super) async fn spend(&self) -> Result<(), SyncError> {
        if let Some(left) = self.allowance.take(self.lease.owner).await {
            return Err(SyncError::EnoughForNow(Wait::For(left)));
        }
        if let Some(more_at) = self.share.take() {
            return Err(SyncError::EnoughForNow(Wait::Until(more_at)));
        }
        match spend_request(self.database, self.lease.owner.provider).await? {
            None => Ok(()),
            Some(until) => Err(SyncError::BudgetSpent(until)),
        }
    }

    async fn stored_or_refreshed(&self) -> Result<Bearer, SyncError> {
        match self.stored(TokenKind::Access).await? {
            Some(stored)
                if stored
                    .expires_at
                    .is_none_or(|end| end - MARGIN > Utc::now()) =>
            {
                Ok(self
                    .vault
                    .open(self.lease.owner, TokenKind::Access, &stored.sealed)?)
            }
            _ => self.refresh().await,
        }
    }

    async fn refresh(&self) -> Result<Bearer, SyncError> {
        let refresh = self.stored(TokenKind::Refresh).await?.ok_or_else(|| {
            ProviderError::new(Failure::ConsentEnded, "there is no refresh token")
        })?;
        let refresh = self
            .vault
            .open(self.lease.owner, TokenKind::Refresh, &refresh.sealed)?;
        // A rotated token exists once: the lease must not run out before it is stored.
        self.lease.begin(self.database).await?.commit().await?;
        let grant = self.token_endpoint.refresh(&refresh).await?;
        let mut transaction = self.lease.begin(self.database).await?;
        self.keep(
            &mut transaction,
            TokenKind::Access,
            &grant.access,
            grant.access_expires_at,
        )
        .await?;
        if let Some(rotated) = &grant.refresh {
            self.keep(&mut transaction, TokenKind::Refresh, rotated, None)
                .await?;
        }
        transaction.commit().await?;
        Ok(grant.access)
    }

    async fn stored(&self, kind: TokenKind) -> Result<Option<SealedToken>, sqlx::Error> {
        sqlx::query_as(
            "select sealed, expires_at from bondhu.provider_tokens
             where user_id = $1 and provider = $2 and kind = $3",
        )
        .bind(self.lease.owner.user)
        .bind(self.lease.owner.provider.name())
        .bind(kind.name())
        .fetch_optional(self.database)
        .await
    }

    async fn keep(
        &self,
        transaction: &mut sqlx::PgTransaction<'static>,
        kind: TokenKind,
        token: &SecretString,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<(), SyncError> {
        sqlx::query(
            "insert into bondhu.provider_tokens (user_id, provider, kind, sealed, expires_at)
             values ($1, $2, $3, $4, $5)
             on conflict (user_id, provider, kind)
             do update set sealed = excluded.sealed, expires_at = excluded.expires_at",
        )
        .bind(self.lease.owner.user)
        .bind(self.lease.owner.provider.name())
        .bind(kind.name())
        .bind(self.vault.seal(self.lease.owner, kind, token)?)
        .bind(expires_at)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}
