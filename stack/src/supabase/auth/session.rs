//! Sessions: an access token for an hour, and refresh tokens of which each is good for one renewal.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::account::Account;
use super::error::{AuthError, AuthResult};
use super::{AUTHENTICATED, Auth};

/// How long an access token is good for.
const ACCESS_TOKEN_SECONDS: i64 = 3600;

/// How long a refresh token may be used again, so that two tabs that renew at once both get one.
const REUSE_INTERVAL: TimeDelta = TimeDelta::seconds(10);

const REFRESH_TOKEN_LENGTH: usize = 12;
/// What they are made of: base32 in small letters. Any letter or digit passes the check of their shape.
const REFRESH_TOKEN_LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How somebody signed in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Password,
    Anonymous,
    Refresh,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Anonymous => "anonymous",
            Self::Refresh => "token_refresh",
        }
    }
}

/// What signing in answers.
#[derive(Debug, Serialize)]
pub(super) struct SignedIn {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    expires_at: i64,
    refresh_token: String,
    user: Account,
}

#[derive(FromRow)]
struct RefreshToken {
    revoked: bool,
    updated_at: DateTime<Utc>,
    session_id: Uuid,
    user_id: Uuid,
}

/// Refuses what has not the shape of a refresh token.
pub(super) fn check_refresh_token(token: &str) -> AuthResult<()> {
    let is_one = token.len() == REFRESH_TOKEN_LENGTH
        && token
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if is_one {
        Ok(())
    } else {
        Err(AuthError::bad_request(
            "validation_failed",
            "Refresh token is not valid",
        ))
    }
}

impl Auth {
    /// Begins a session of a user.
    pub(super) async fn begin_session(
        &self,
        connection: &mut PgConnection,
        user: Uuid,
        method: Method,
    ) -> AuthResult<SignedIn> {
        sqlx::query(
            "update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1",
        )
        .bind(user)
        .execute(&mut *connection)
        .await?;
        let session = Uuid::new_v4();
        sqlx::query("insert into auth.sessions (id, user_id) values ($1, $2)")
            .bind(session)
            .bind(user)
            .execute(&mut *connection)
            .await?;
        let refresh_token = add_refresh_token(connection, user, session, None).await?;
        self.signed_in(connection, user, session, refresh_token, method)
            .await
    }

    /// Renews a session, and gives its next refresh token. A token that was used before ends the session, unless
    /// its successor has not been used either (an answer was lost) or it was used just now.
    pub(super) async fn renew_session(&self, token: &str) -> AuthResult<SignedIn> {
        let mut transaction = self.database.begin().await?;
        // The session first, so that two renewals of it come one after the other.
        sqlx::query(
            "select from auth.sessions where id = (select session_id from auth.refresh_tokens where token = $1) for update",
        )
        .bind(token)
        .execute(&mut *transaction)
        .await?;
        let found: Option<RefreshToken> = sqlx::query_as(
            "select revoked, updated_at, session_id, user_id::uuid from auth.refresh_tokens where token = $1",
        )
        .bind(token)
        .fetch_optional(&mut *transaction)
        .await?;
        let found = found.ok_or_else(|| {
            AuthError::bad_request(
                "refresh_token_not_found",
                "Invalid Refresh Token: Refresh Token Not Found",
            )
        })?;
        let session = found.session_id;
        let next = match unused_successor(&mut transaction, session, token, &found).await? {
            Some(next) => next,
            None if found.revoked && Utc::now() > found.updated_at + REUSE_INTERVAL => {
                revoke_all(&mut transaction, session).await?;
                transaction.commit().await?;
                return Err(AuthError::bad_request(
                    "refresh_token_already_used",
                    "Invalid Refresh Token: Already Used",
                ));
            }
            None => {
                sqlx::query("update auth.refresh_tokens set revoked = true, updated_at = now() where token = $1")
                    .bind(token)
                    .execute(&mut *transaction)
                    .await?;
                add_refresh_token(&mut transaction, found.user_id, session, Some(token)).await?
            }
        };
        let answer = self
            .signed_in(
                &mut transaction,
                found.user_id,
                session,
                next,
                Method::Refresh,
            )
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn signed_in(
        &self,
        connection: &mut PgConnection,
        user: Uuid,
        session: Uuid,
        refresh_token: String,
        method: Method,
    ) -> AuthResult<SignedIn> {
        let user = Account::reload(connection, user).await?;
        let now = Utc::now().timestamp();
        let expires_at = now + ACCESS_TOKEN_SECONDS;
        let access_token = self.keys.sign(&json!({
            "iss": self.issuer, "sub": user.id, "aud": AUTHENTICATED, "exp": expires_at, "iat": now,
            "email": user.email, "phone": "",
            "app_metadata": user.app_metadata, "user_metadata": user.user_metadata,
            "role": user.role, "aal": "aal1", "amr": [{ "method": method.name(), "timestamp": now }],
            "session_id": session, "is_anonymous": user.is_anonymous,
        }))?;
        Ok(SignedIn {
            access_token,
            token_type: "bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            expires_at,
            refresh_token,
            user,
        })
    }
}

/// The token that took a revoked one's place and has not been used.
async fn unused_successor(
    connection: &mut PgConnection,
    session: Uuid,
    token: &str,
    found: &RefreshToken,
) -> sqlx::Result<Option<String>> {
    if !found.revoked {
        return Ok(None);
    }
    sqlx::query_scalar(
        "select token from auth.refresh_tokens where session_id = $1 and not revoked and parent = $2",
    )
    .bind(session)
    .bind(token)
    .fetch_optional(connection)
    .await
}

async fn add_refresh_token(
    connection: &mut PgConnection,
    user: Uuid,
    session: Uuid,
    parent: Option<&str>,
) -> sqlx::Result<String> {
    let token: String = rand::random::<[u8; REFRESH_TOKEN_LENGTH]>()
        .into_iter()
        .map(|byte| char::from(REFRESH_TOKEN_LETTERS[usize::from(byte % 32)]))
        .collect();
    sqlx::query(
        "insert into auth.refresh_tokens (token, user_id, parent, session_id) values ($1, $2::text, $3, $4)",
    )
    .bind(&token)
    .bind(user)
    .bind(parent)
    .bind(session)
    .execute(&mut *connection)
    .await?;
    sqlx::query("update auth.sessions set updated_at = now() where id = $1")
        .bind(session)
        .execute(connection)
        .await?;
    Ok(token)
}

async fn revoke_all(connection: &mut PgConnection, session: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = $1 and not revoked",
    )
    .bind(session)
    .execute(connection)
    .await?;
    Ok(())
}
