//! Revoking the consents of accounts that were disconnected.

use bondhu_core::retry::Failure;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::run::SyncContext;
use crate::provider::Provider;
use crate::providers::{ProviderError, bounded_body};
use crate::vault::{Owner, TokenKind};

/// Consents revoked at a time.
const BATCH: i32 = 20;

/// Revokes what is due. What fails comes again, later each time, for a week.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn revoke_due(context: &SyncContext) -> Result<(), sqlx::Error> {
    let due: Vec<(Uuid, String, Vec<u8>)> =
        sqlx::query_as("select user_id, provider, sealed from bondhu.claim_revocations($1)")
            .bind(BATCH)
            .fetch_all(&context.database)
            .await?;
    for (user, provider, sealed) in due {
        let Ok(provider) = provider.parse::<Provider>() else {
            continue;
        };
        let owner = Owner { user, provider };
        match revoke(context, owner, &sealed).await {
            Ok(()) => {
                sqlx::query(
                    "delete from bondhu.revocations where user_id = $1 and provider = $2 and sealed = $3",
                )
                .bind(user)
                .bind(provider.name())
                .bind(&sealed)
                .execute(&context.database)
                .await?;
            }
            Err(error) => tracing::warn!(%user, %provider, %error, "a consent is not revoked yet"),
        }
    }
    Ok(())
}

async fn revoke(context: &SyncContext, owner: Owner, sealed: &[u8]) -> Result<(), ProviderError> {
    let url = context
        .providers
        .get(&owner.provider)
        .and_then(|access| access.revoke_url.clone())
        .ok_or_else(|| ProviderError::new(Failure::NotOffered, "not set up on this worker"))?;
    let token = context
        .vault
        .open(owner, TokenKind::Refresh, sealed)
        .map_err(|error| ProviderError::new(Failure::Refused, error.to_string()))?;
    // RFC 7009, section 2.1
    let form = [("token", token.expose_secret())];
    let answer = context.http.post(url).form(&form).send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = bounded_body(answer).await?;
    // 400: it was no longer good, which is as good.
    if status.is_success() || status == StatusCode::BAD_REQUEST {
        return Ok(());
    }
    Err(ProviderError::refused(
        owner.provider,
        status,
        &headers,
        &body,
    ))
}
