//! Accounts: rows of `auth.users` with their identities.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::AUTHENTICATED;
use super::error::{AuthError, AuthResult};

/// An account, as answers show it.
#[derive(Clone, Debug, FromRow, Serialize)]
pub(super) struct Account {
    pub(super) id: Uuid,
    aud: String,
    pub(super) role: String,
    #[sqlx(default)]
    pub(super) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email_confirmed_at: Option<DateTime<Utc>>,
    phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sign_in_at: Option<DateTime<Utc>>,
    pub(super) app_metadata: Value,
    pub(super) user_metadata: Value,
    identities: Json<Vec<Value>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    pub(super) is_anonymous: bool,
}

const SELECT: &str = "select u.id, coalesce(u.aud, '') as aud, coalesce(u.role, '') as role, \
    coalesce(u.email, '') as email, u.email_confirmed_at, coalesce(u.phone, '') as phone, \
    least(u.email_confirmed_at, u.phone_confirmed_at) as confirmed_at, u.last_sign_in_at, \
    coalesce(u.raw_app_meta_data, '{}') as app_metadata, coalesce(u.raw_user_meta_data, '{}') as user_metadata, \
    (select coalesce(jsonb_agg(jsonb_build_object('identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, \
       'identity_data', i.identity_data, 'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at, \
       'created_at', i.created_at, 'updated_at', i.updated_at, 'email', i.email) order by i.created_at), '[]') \
     from auth.identities i where i.user_id = u.id) as identities, \
    u.created_at, coalesce(u.updated_at, u.created_at) as updated_at, u.is_anonymous \
    from auth.users u where u.deleted_at is null";

impl Account {
    /// The account of an id.
    pub(super) async fn find(
        connection: &mut PgConnection,
        id: Uuid,
    ) -> sqlx::Result<Option<Self>> {
        sqlx::query_as(&format!("{SELECT} and u.id = $1"))
            .bind(id)
            .fetch_optional(connection)
            .await
    }

    /// The account of an address.
    pub(super) async fn of_email(
        connection: &mut PgConnection,
        email: &str,
    ) -> sqlx::Result<Option<Self>> {
        sqlx::query_as(&format!("{SELECT} and u.email = lower($1)"))
            .bind(email)
            .fetch_optional(connection)
            .await
    }

    /// A page of all accounts, the newest first.
    pub(super) async fn page(
        connection: &mut PgConnection,
        page: i64,
        per_page: i64,
    ) -> sqlx::Result<Vec<Self>> {
        sqlx::query_as(&format!(
            "{SELECT} order by u.created_at desc, u.id limit $1 offset $2"
        ))
        .bind(per_page)
        .bind((page - 1) * per_page)
        .fetch_all(connection)
        .await
    }

    /// Makes an account; without an address it is an anonymous one. `confirmed`: the address is its owner's.
    pub(super) async fn create(
        connection: &mut PgConnection,
        email: Option<&str>,
        confirmed: bool,
        app_metadata: &Value,
        user_metadata: &Value,
    ) -> AuthResult<Self> {
        let id = Uuid::new_v4();
        sqlx::query(
            "insert into auth.users (instance_id, id, aud, role, raw_app_meta_data, raw_user_meta_data, \
             created_at, updated_at, is_anonymous) \
             values ('00000000-0000-0000-0000-000000000000', $1, $2, $2, $3, $4, now(), now(), $5)",
        )
        .bind(id)
        .bind(AUTHENTICATED)
        .bind(app_metadata)
        .bind(user_metadata)
        .bind(email.is_none())
        .execute(&mut *connection)
        .await?;
        if let Some(email) = email {
            Self::set_email(connection, id, email, confirmed).await?;
        }
        Self::reload(connection, id).await
    }

    /// Gives an account an address, which ends its being anonymous.
    pub(super) async fn set_email(
        connection: &mut PgConnection,
        id: Uuid,
        email: &str,
        confirmed: bool,
    ) -> sqlx::Result<()> {
        let provider = json!({ "provider": "email", "providers": ["email"] });
        let identity = json!({
            "sub": id, "email": email.to_lowercase(), "email_verified": false, "phone_verified": false,
        });
        let said = if confirmed {
            json!({ "email_verified": true })
        } else {
            json!({})
        };
        sqlx::query(
            "update auth.users set email = lower($2), is_anonymous = false, updated_at = now(), \
             email_confirmed_at = case when $5 then now() end, \
             raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || $3, \
             raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || $4 where id = $1",
        )
        .bind(id)
        .bind(email)
        .bind(provider)
        .bind(said)
        .bind(confirmed)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at) \
             values ($1::text, $1, $2, 'email', now()) \
             on conflict (provider_id, provider) do update set identity_data = excluded.identity_data, updated_at = now()",
        )
        .bind(id)
        .bind(identity)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Lays what a person says of themselves over what is there.
    pub(super) async fn add_metadata(
        connection: &mut PgConnection,
        id: Uuid,
        user_metadata: &Value,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "update auth.users set updated_at = now(), \
             raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || $2 where id = $1",
        )
        .bind(id)
        .bind(user_metadata)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The account as it is now.
    pub(super) async fn reload(connection: &mut PgConnection, id: Uuid) -> AuthResult<Self> {
        Self::find(connection, id)
            .await?
            .ok_or_else(|| AuthError::not_found("user_not_found", "User not found"))
    }
}

/// Refuses what is no address.
pub(super) fn check_email(email: &str) -> AuthResult<()> {
    let valid = email.len() <= 255
        && email.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && domain.contains('.') && !domain.contains('@')
        })
        && !email.contains(char::is_whitespace);
    if valid {
        Ok(())
    } else {
        Err(AuthError::bad_request(
            "validation_failed",
            "Unable to validate email address: invalid format",
        ))
    }
}
