//! Passwords, hashed by the database (pgcrypto's bcrypt, which Auth uses, too).

use sqlx::PgConnection;
use uuid::Uuid;

use super::error::{AuthError, AuthResult};

/// bcrypt reads no more bytes.
const LONGEST: usize = 72;
const SHORTEST: usize = 6;

/// Refuses a password that Auth does not take.
pub(super) fn check(password: &str) -> AuthResult<()> {
    if password.len() > LONGEST {
        return Err(AuthError::bad_request(
            "validation_failed",
            format!("Password cannot be longer than {LONGEST} characters"),
        ));
    }
    if password.len() < SHORTEST {
        return Err(AuthError::weak_password(
            format!("Password should be at least {SHORTEST} characters."),
            "length",
        ));
    }
    Ok(())
}

/// Makes it a user's.
pub(super) async fn set(
    connection: &mut PgConnection,
    user: Uuid,
    password: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.users set encrypted_password = extensions.crypt($2, extensions.gen_salt('bf', 10)), \
         updated_at = now() where id = $1",
    )
    .bind(user)
    .bind(password)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether it is the user's.
pub(super) async fn is_right(
    connection: &mut PgConnection,
    user: Uuid,
    password: &str,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select coalesce(encrypted_password = extensions.crypt($2, encrypted_password), false) \
         from auth.users where id = $1",
    )
    .bind(user)
    .bind(password)
    .fetch_one(connection)
    .await
}
