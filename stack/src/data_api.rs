//! Requests as the Data API makes them: one transaction each, with the caller's role and claims set
//! for that transaction only.

use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// A request of a signed-in user. The pool signs in as `authenticator`.
///
/// # Errors
/// The database does not answer.
pub async fn as_user(pool: &PgPool, user: Uuid) -> sqlx::Result<Transaction<'static, Postgres>> {
    request(pool, "authenticated", Some(user)).await
}

/// A request with the service key.
///
/// # Errors
/// The database does not answer.
pub async fn as_service(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    request(pool, "service_role", None).await
}

/// A request without signing in.
///
/// # Errors
/// The database does not answer.
pub async fn as_anon(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    request(pool, "anon", None).await
}

async fn request(
    pool: &PgPool,
    role: &str,
    user: Option<Uuid>,
) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut transaction = pool.begin().await?;
    assume(&mut transaction, role, user).await?;
    Ok(transaction)
}

/// Takes a role and a user's claims for the transaction under way.
///
/// # Errors
/// The connection may not take the role.
pub async fn assume(
    connection: &mut PgConnection,
    role: &str,
    user: Option<Uuid>,
) -> sqlx::Result<()> {
    let claims = match user {
        Some(user) => serde_json::json!({ "sub": user, "role": role, "aud": "authenticated" }),
        None => serde_json::json!({ "role": role }),
    };
    sqlx::query("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)")
        .bind(role)
        .bind(claims.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
