//! A consent between the provider's redirect and `confirm_connect`, in the database.

use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

use super::account::Account;
use crate::provider::Provider;
use crate::providers::Grant;
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

/// A consent by its state, of which the database knows the hash alone.
#[derive(Debug)]
pub(super) struct Consent {
    provider: Provider,
    state_hash: [u8; 32],
}

impl Consent {
    /// Of whatever somebody sent as `state`.
    pub(super) fn of(provider: Provider, state: &str) -> Self {
        Self {
            provider,
            state_hash: Sha256::digest(state).into(),
        }
    }

    /// Who began it and may still finish it; `None`: unknown, used or expired.
    pub(super) async fn owner(&self, database: &PgPool) -> Result<Option<Owner>, sqlx::Error> {
        let user = sqlx::query_scalar(
            "select user_id from bondhu.oauth_states
             where state_hash = $1 and provider = $2 and expires_at > now() and not taken",
        )
        .bind(self.state_hash)
        .bind(self.provider.name())
        .fetch_optional(database)
        .await?;
        Ok(user.map(|user| Owner {
            user,
            provider: self.provider,
        }))
    }
}

/// Takes a consent that was begun: it can be taken once. `None`: unknown, used or expired.
pub(super) async fn take_state(
    database: &PgPool,
    consent: &Consent,
) -> Result<Option<Begun>, sqlx::Error> {
    let begun: Option<(Uuid, String, String)> = sqlx::query_as(
        "update bondhu.oauth_states set taken = true
         where state_hash = $1 and provider = $2 and expires_at > now() and not taken
         returning user_id, code_verifier, return_to",
    )
    .bind(consent.state_hash)
    .bind(consent.provider.name())
    .fetch_optional(database)
    .await?;
    let provider = consent.provider;
    Ok(begun.map(|(user, code_verifier, return_to)| Begun {
        owner: Owner { user, provider },
        code_verifier,
        return_to,
    }))
}

/// Keeps the person's former consent from being revoked while a new one is under way. False: it
/// is being revoked at this moment, and what was granted now would end with it.
pub(super) async fn hold_revocations(database: &PgPool, owner: Owner) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select bondhu.hold_revocations($1, $2)")
        .bind(owner.user)
        .bind(owner.provider.name())
        .fetch_one(database)
        .await
}

/// Keeps a grant, sealed, until the user confirms it; returns the one-time code. Without an
/// account the first pull asks for it.
pub(super) async fn keep(
    database: &PgPool,
    vault: &Vault,
    owner: Owner,
    grant: &Grant,
    scopes: &[String],
    account: Option<&Account>,
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
           (code_hash, user_id, provider, scopes, account_id, owner_id, account_name, account_known,
            sealed_access, access_expires_at, sealed_refresh, expires_at)
         select sha256(convert_to($1, 'UTF8')), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                now() + make_interval(mins => oauth_state_ttl_minutes)
         from bondhu.settings",
    )
    .bind(&code)
    .bind(owner.user)
    .bind(owner.provider.name())
    .bind(scopes)
    .bind(account.and_then(|account| account.id.as_deref()))
    .bind(account.and_then(|account| account.owner_id.as_deref()))
    .bind(account.and_then(|account| account.name.as_deref()))
    .bind(account.is_some())
    .bind(access)
    .bind(grant.access_expires_at)
    .bind(refresh)
    .execute(database)
    .await?;
    Ok(code)
}
