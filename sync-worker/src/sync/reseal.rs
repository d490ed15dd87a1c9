//! Rotating the keys that tokens are sealed with: what is stored is sealed anew with the first.

use sqlx::PgPool;
use uuid::Uuid;

use crate::provider::Provider;
use crate::vault::{Owner, TokenKind, Vault};

/// Tokens looked at at a time.
const BATCH: i64 = 500;

/// Where sealed tokens lie: table, whose they are, column, and the SQL of their kind.
const PLACES: [(&str, &str, &str, &str); 4] = [
    ("bondhu.provider_tokens", "user_id", "sealed", "kind"),
    (
        "bondhu.pending_connections",
        "user_id",
        "sealed_access",
        "'access'",
    ),
    (
        "bondhu.pending_connections",
        "user_id",
        "sealed_refresh",
        "'refresh'",
    ),
    ("bondhu.revocations", "sealed_for", "sealed", "'refresh'"),
];

/// What became of the tokens that another key had sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed anew.
    pub resealed: u64,
    /// Sealed with a key that is not here, or damaged: left as they are.
    pub unreadable: u64,
}

#[derive(sqlx::FromRow)]
struct SealedToken {
    user_id: Uuid,
    provider: String,
    kind: String,
    sealed: Vec<u8>,
}

/// Seals every stored token that another key sealed anew with the first one. May run beside
/// workers that have both keys, and be repeated.
///
/// # Errors
/// When the database does not answer; what was sealed anew stays so.
pub async fn reseal(database: &PgPool, vault: &Vault) -> Result<Resealed, sqlx::Error> {
    let mut sum = Resealed::default();
    let current = vault.first_key_prefix();
    for (table, owner, column, kind) in PLACES {
        let others = format!(
            "select {owner} as user_id, provider, {kind} as kind, {column} as sealed from {table}
             where substring({column} from 1 for octet_length($1)) <> $1 and {column} > $2
             order by {column} limit $3"
        );
        // A token that changed meanwhile was sealed by a worker that has the first key.
        let update = format!("update {table} set {column} = $2 where {column} = $1");
        let mut last = Vec::new();
        loop {
            let stored: Vec<SealedToken> = sqlx::query_as(&others)
                .bind(&current)
                .bind(&last)
                .bind(BATCH)
                .fetch_all(database)
                .await?;
            let Some(end) = stored.last() else { break };
            last.clone_from(&end.sealed);
            for token in stored {
                let Some(anew) = sealed_anew(vault, &token) else {
                    tracing::warn!(user = %token.user_id, provider = token.provider, "a token cannot be opened");
                    sum.unreadable += 1;
                    continue;
                };
                let updated = sqlx::query(&update)
                    .bind(&token.sealed)
                    .bind(anew)
                    .execute(database)
                    .await?;
                sum.resealed += updated.rows_affected();
            }
        }
    }
    Ok(sum)
}

fn sealed_anew(vault: &Vault, token: &SealedToken) -> Option<Vec<u8>> {
    let owner = Owner {
        user: token.user_id,
        provider: token.provider.parse::<Provider>().ok()?,
    };
    let kind = TokenKind::of_name(&token.kind)?;
    let open = vault.open(owner, kind, &token.sealed).ok()?;
    vault.seal(owner, kind, &open).ok()
}
