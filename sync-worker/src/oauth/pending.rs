//! A consent between the provider's redirect and `confirm_connect`, in the database.

use sqlx::PgPool;
use uuid::Uuid;

use super::Grant;
use crate::provider::Provider;
use crate::vault::{Owner, TokenKind, Vault, VaultError};

/// Who began a consent, and where they want to be sent back to.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) owner: Owner,
    pub(super) code_verifier: String,
    pub(super) return_to: String,
}

/// What goes wrong on the way into the database.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Takes the consent that `state` began: it can be taken once. `None`: unknown, used or expired.
pub(super) async fn take_state(
    database: &PgPool,
    provider: Provider,
    state: &str,
) -> Result<Option<Begun>, sqlx::Error> {
    let begun: Option<(Uuid, String, String)> = sqlx::query_as(
        "delete from bondhu.oauth_states
         where state_hash = sha256(convert_to($1, 'UTF8')) and provider = $2 and expires_at > now()
         returning user_id, code_verifier, return_to",
    )
    .bind(state)
    .bind(provider.name())
    .fetch_optional(database)
    .await?;
    Ok(begun.map(|(user, code_verifier, return_to)| Begun {
        owner: Owner { user, provider },
        code_verifier,
        return_to,
    }))
}

/// The account that consented.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// What it is known by for good.
    pub(super) id: Option<String>,
    /// What lists name their owner by; it may change.
    pub(super) owner_id: Option<String>,
    pub(super) name: Option<String>,
}

/// Keeps a grant, sealed, until the user confirms it; returns the one-time code.
pub(super) async fn keep(
    database: &PgPool,
    vault: &Vault,
    owner: Owner,
    grant: &Grant,
    scopes: &[String],
    account: &Account,
) -> Result<String, KeepError> {
    let access = vault.seal(owner, TokenKind::Access, &grant.access)?;
    let refresh = grant
        .refresh
        .as_ref()
        .map(|token| vault.seal(owner, TokenKind::Refresh, token))
        .transpose()?;
    // Two version 4 uuids carry 244 random bits.
    let code = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    sqlx::query(
        "insert into bondhu.pending_connections
           (code_hash, user_id, provider, scopes, account_id, account_name,
            sealed_access, access_expires_at, sealed_refresh, owner_id, expires_at)
         select sha256(convert_to($1, 'UTF8')), $2, $3, $4, $5, $6, $7, $8, $9, $10,
                now() + make_interval(mins => oauth_state_ttl_minutes)
         from bondhu.settings",
    )
    .bind(&code)
    .bind(owner.user)
    .bind(owner.provider.name())
    .bind(scopes)
    .bind(&account.id)
    .bind(&account.name)
    .bind(access)
    .bind(grant.access_expires_at)
    .bind(refresh)
    .bind(&account.owner_id)
    .execute(database)
    .await?;
    Ok(code)
}
