//! From a grant to a consent that waits to be confirmed.

use std::time::Duration;

use bondhu_core::retry::{Failure, RetryPolicy};
use sqlx::PgPool;
use tokio::time::timeout;

use super::account::Account;
use super::context::LinkingContext;
use super::link_error::LinkError;
use super::pending::{KeepError, keep};
use crate::http::LONGEST_REQUEST;
use crate::provider::Provider;
use crate::providers::{
    CALL_TIMEOUT, Grant, ProviderClient, ProviderError, spend_request, stop_provider,
};
use crate::vault::Owner;

/// A grant waits for the name of its account so long, then is kept without it. Together with the
/// call that brought the grant, and with what the database takes, it ends before the request does.
const ASK_PATIENCE: Duration = Duration::from_secs(5);
const _: () = assert!(
    CALL_TIMEOUT.as_secs() + ASK_PATIENCE.as_secs() < LONGEST_REQUEST.as_secs(),
    "a slow provider costs the consent"
);

/// Scopes that a provider may name, and how long each may be: far more than there are.
const MOST_SCOPES: usize = 100;
const LONGEST_SCOPE: usize = 200;

/// Keeps a grant until its user confirms it; returns the one-time code for that.
///
/// What was granted exists once, for a code is used up by asking for it. So the grant is kept
/// also when the provider cannot be asked whose it is: the first pull asks then.
pub(super) async fn keep_grant(
    context: &LinkingContext,
    client: &ProviderClient,
    owner: Owner,
    grant: &Grant,
) -> Result<String, LinkError> {
    let asked = asked_scopes(&context.database, owner.provider)
        .await
        .map_err(KeepError::from)?;
    // Consent is granular: what was asked for need not be what was granted.
    let granted = match &grant.scopes {
        Some(granted) => storable(granted),
        None => asked.clone(),
    };
    if !asked.iter().any(|scope| granted.contains(scope)) {
        return Err(LinkError::ScopeMissing);
    }
    let account = account(context, client, owner.provider, grant).await?;
    let kept = keep(
        &context.database,
        &context.vault,
        owner,
        grant,
        &granted,
        account.as_ref(),
    );
    Ok(kept.await?)
}

async fn asked_scopes(database: &PgPool, provider: Provider) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("select scopes from bondhu.provider_settings where provider = $1")
        .bind(provider.name())
        .fetch_one(database)
        .await
}

fn storable(scopes: &[String]) -> Vec<String> {
    let fits = |scope: &&String| {
        (1..=LONGEST_SCOPE).contains(&scope.len()) && scope.bytes().all(|b| b.is_ascii_graphic())
    };
    scopes
        .iter()
        .filter(fits)
        .take(MOST_SCOPES)
        .cloned()
        .collect()
}

/// Whose account it is; `None` when that cannot be asked now.
async fn account(
    context: &LinkingContext,
    client: &ProviderClient,
    provider: Provider,
    grant: &Grant,
) -> Result<Option<Account>, LinkError> {
    if !may_ask(&context.database, provider)
        .await
        .map_err(KeepError::from)?
    {
        tracing::info!(%provider, "kept without its account: the budget is used up, or the provider stopped");
        return Ok(None);
    }
    let asked = timeout(
        ASK_PATIENCE,
        Account::ask(provider, &client.api, &grant.access),
    );
    let error = match asked.await {
        Ok(Ok(account)) => return Ok(Some(account)),
        Ok(Err(error)) => error,
        Err(_) => {
            tracing::warn!(%provider, "kept without its account: the provider is slow");
            return Ok(None);
        }
    };
    if error.failure.policy() == RetryPolicy::StopProvider {
        stop_provider(&context.database, provider, &error).await;
    }
    if passes(&error) {
        tracing::warn!(%provider, %error, "kept without its account");
        return Ok(None);
    }
    Err(LinkError::Exchange(provider, error))
}

/// Whether the next pull may find it otherwise, so that the consent is worth keeping.
const fn passes(error: &ProviderError) -> bool {
    match error.failure.policy() {
        RetryPolicy::Retry | RetryPolicy::Refresh => true,
        RetryPolicy::StopProvider => matches!(error.failure, Failure::QuotaExceeded),
        RetryPolicy::NeedsReauth | RetryPolicy::RestartList | RetryPolicy::SkipResource => false,
    }
}

/// Whether a request may be sent now. If so it is in the ledger.
async fn may_ask(database: &PgPool, provider: Provider) -> Result<bool, sqlx::Error> {
    let stopped: bool = sqlx::query_scalar(
        "select coalesce(blocked_until > now(), false) from bondhu.provider_settings where provider = $1",
    )
    .bind(provider.name())
    .fetch_one(database)
    .await?;
    Ok(!stopped && spend_request(database, provider).await?.is_none())
}
