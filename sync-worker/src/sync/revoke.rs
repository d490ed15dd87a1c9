//! Revoking the consents of accounts that were unlinked, or whose user is gone.

use bondhu_core::retry::Failure;
use uuid::Uuid;

use super::context::SyncContext;
use crate::provider::Provider;
use crate::providers::ProviderError;
use crate::vault::{Owner, TokenKind};

/// Consents revoked in a minute. One is claimed at a time: a claim says that the provider may be
/// asked at this moment.
const A_MINUTE: usize = 20;

/// What `bondhu.claim_revocations` gives.
#[derive(sqlx::FromRow)]
struct Due {
    id: i64,
    sealed_for: Uuid,
    provider: String,
    sealed: Vec<u8>,
}

/// Revokes what is due. What fails comes again, later each time, for a week.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn revoke_due(context: &SyncContext) -> Result<(), sqlx::Error> {
    for _ in 0..A_MINUTE {
        let due: Option<Due> = sqlx::query_as("select * from bondhu.claim_revocations(1)")
            .fetch_optional(&context.database)
            .await?;
        let Some(due) = due else { break };
        let after = match revoke(context, &due).await {
            Ok(()) => "delete from bondhu.revocations where id = $1",
            Err(error) => {
                tracing::warn!(user = %due.sealed_for, provider = due.provider, %error, "a consent is not revoked yet");
                "update bondhu.revocations set in_flight_until = null where id = $1"
            }
        };
        sqlx::query(after)
            .bind(due.id)
            .execute(&context.database)
            .await?;
    }
    Ok(())
}

async fn revoke(context: &SyncContext, due: &Due) -> Result<(), ProviderError> {
    let provider = due.provider.parse::<Provider>();
    let provider =
        provider.map_err(|error| ProviderError::new(Failure::NotOffered, error.to_string()))?;
    let owner = Owner {
        user: due.sealed_for,
        provider,
    };
    let client = context
        .clients
        .get(provider)
        .ok_or_else(|| ProviderError::new(Failure::NotOffered, "not set up on this worker"))?;
    let token = context
        .vault
        .open(owner, TokenKind::Refresh, &due.sealed)
        .map_err(|error| ProviderError::new(Failure::Refused, error.to_string()))?;
    client.token_endpoint.revoke(&token).await
}
