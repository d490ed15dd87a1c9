//! Whose account was linked, where the provider could not be asked while it was.

use bondhu_core::retry::RetryPolicy;

use super::outcome::SyncError;
use super::session::Session;
use crate::oauth::Account;

/// Asks for the account if nobody knows it yet, and settles what its connection holds: rows that
/// another account brought go before this one's come.
///
/// # Errors
/// [`SyncError`]; the next pull asks again.
pub(super) async fn settle(session: &mut Session<'_>) -> Result<(), SyncError> {
    let lease = session.lease;
    let (user, provider) = (lease.owner.user, lease.owner.provider);
    let unknown: Option<bool> = sqlx::query_scalar(
        "select account_unknown from bondhu.sync_jobs
         where user_id = $1 and provider = $2 and lease_token = $3",
    )
    .bind(user)
    .bind(provider.name())
    .bind(lease.token)
    .fetch_optional(session.database)
    .await?;
    if unknown != Some(true) {
        return Ok(());
    }
    let bearer = session.bearer().await?;
    session.spend().await?;
    let account = match Account::ask(provider, session.api, &bearer).await {
        Err(error) if error.failure.policy() == RetryPolicy::Refresh => {
            let bearer = session.renewed_bearer().await?;
            session.spend().await?;
            Account::ask(provider, session.api, &bearer).await?
        }
        answer => answer?,
    };
    let settled: bool = sqlx::query_scalar("select bondhu.settle_account($1, $2, $3, $4, $5, $6)")
        .bind(user)
        .bind(provider.name())
        .bind(lease.token)
        .bind(account.id)
        .bind(account.owner_id)
        .bind(account.name)
        .fetch_one(session.database)
        .await?;
    if settled {
        Ok(())
    } else {
        Err(SyncError::LeaseLost)
    }
}
