//! Linked accounts: tokens that the app kept in clear are sealed with the worker's keys, in this process and not in the
//! database.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::AdoptError;
use super::import::Batch;
use super::judged;
use super::shapes::Shapes;
use crate::provider::Provider;
use crate::vault::{Owner, TokenKind, Vault};

/// A linked account of the app's.
#[derive(sqlx::FromRow)]
struct Link {
    user_id: Uuid,
    provider: String,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    scopes: Option<Vec<String>>,
    owner_id: Option<String>,
    connected_at: Option<DateTime<Utc>>,
    is_left: bool,
}

/// Imports the next accounts; `after` is the key of the last one. One that was linked anew meanwhile stays as it is.
pub(super) async fn import(
    database: &mut PgConnection,
    shapes: &Shapes,
    vault: &Vault,
    after: Option<&Value>,
    rows: i64,
) -> Result<Batch, AdoptError> {
    let links: Vec<Link> = sqlx::query_as(&format!(
        "select s.user_id, s.provider, s.access_token, s.refresh_token, s.expires_at, s.scopes, s.owner_id, s.connected_at,
           s.left_because is not null or exists (select from public.erasures e where e.user_id = s.user_id) as is_left
         from ({}) s
         where s.user_id is not null and s.provider is not null
           and ($1::jsonb is null or (s.user_id, s.provider) > (($1 ->> 0)::uuid, $1 ->> 1))
         order by s.user_id, s.provider
         limit $2",
        judged::links(shapes)
    ))
    .bind(after)
    .bind(rows)
    .fetch_all(&mut *database)
    .await?;
    let mut batch = Batch {
        read: i64::try_from(links.len()).unwrap_or(i64::MAX),
        taken: 0,
        after: links
            .last()
            .map(|link| json!([link.user_id, link.provider])),
    };
    for link in links.iter().filter(|link| !link.is_left) {
        batch.taken += i64::from(store(database, vault, link).await?);
    }
    Ok(batch)
}

/// Whether it was stored; not where the account is linked already.
async fn store(
    database: &mut PgConnection,
    vault: &Vault,
    link: &Link,
) -> Result<bool, AdoptError> {
    let Some(provider) = link.provider.parse::<Provider>().ok() else {
        return Ok(false);
    };
    let owner = Owner {
        user: link.user_id,
        provider,
    };
    // Which account it is, the first pull asks; the app may know by what its lists name their owner.
    let linked = sqlx::query(include_str!("sql/link.sql"))
        .bind(link.user_id)
        .bind(&link.provider)
        .bind(link.scopes.as_deref().unwrap_or_default())
        .bind(link.connected_at)
        .bind(link.owner_id.as_deref().filter(|id| !id.is_empty()))
        .execute(&mut *database)
        .await?
        .rows_affected()
        > 0;
    if !linked {
        return Ok(false);
    }
    let tokens = [
        (TokenKind::Access, &link.access_token, link.expires_at),
        (TokenKind::Refresh, &link.refresh_token, None),
    ];
    for (kind, token, expires_at) in tokens {
        let Some(token) = token.as_ref().filter(|token| !token.is_empty()) else {
            continue;
        };
        // Of an access token that says nothing of its end the end is now: it is renewed before it is used.
        let expires_at = expires_at.or((kind == TokenKind::Access).then(Utc::now));
        let sealed = vault.seal(owner, kind, &SecretString::from(token.as_str()))?;
        sqlx::query(
            "insert into bondhu.provider_tokens (user_id, provider, kind, sealed, expires_at) values ($1, $2, $3, $4, $5)
             on conflict (user_id, provider, kind) do nothing",
        )
        .bind(link.user_id)
        .bind(&link.provider)
        .bind(kind.name())
        .bind(sealed)
        .bind(expires_at)
        .execute(&mut *database)
        .await?;
    }
    Ok(true)
}
