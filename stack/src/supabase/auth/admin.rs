//! The routes below `/auth/v1/admin`, for the secret key.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::account::{self, Account};
use super::caller::Admin;
use super::error::{AuthError, AuthResult};
use super::routes::{object, read};
use super::{Auth, password};

#[derive(Deserialize)]
pub(super) struct NewUser {
    email: Option<String>,
    #[serde(default)]
    email_confirm: bool,
    password: Option<String>,
    app_metadata: Option<Map<String, Value>>,
    user_metadata: Option<Map<String, Value>>,
}

pub(super) async fn create_user(State(auth): State<Auth>, _: Admin, body: Bytes) -> AuthResult {
    let given: NewUser = read(&body)?;
    let email = given
        .email
        .filter(|email| !email.is_empty())
        .ok_or_else(|| {
            AuthError::bad_request(
                "validation_failed",
                "Cannot create a user without either an email or phone",
            )
        })?;
    account::check_email(&email)?;
    let mut transaction = auth.database.begin().await?;
    if Account::of_email(&mut transaction, &email).await?.is_some() {
        return Err(AuthError::unprocessable(
            "email_exists",
            "A user with this email address has already been registered",
        ));
    }
    let account = Account::create(
        &mut transaction,
        Some(&email),
        given.email_confirm,
        &object(given.app_metadata),
        &object(given.user_metadata),
    )
    .await?;
    if let Some(new) = given.password {
        password::check(&new)?;
        password::set(&mut transaction, account.id, &new).await?;
    }
    transaction.commit().await?;
    Ok(Json(account).into_response())
}

#[derive(Deserialize)]
pub(super) struct Pages {
    page: Option<i64>,
    per_page: Option<i64>,
}

pub(super) async fn list_users(
    State(auth): State<Auth>,
    _: Admin,
    Query(pages): Query<Pages>,
) -> AuthResult {
    let mut connection = auth.database.acquire().await?;
    let (page, per_page) = (pages.page.unwrap_or(1), pages.per_page.unwrap_or(50));
    if page < 1 || !(1..=1000).contains(&per_page) {
        return Err(AuthError::bad_request(
            "validation_failed",
            "Bad Pagination Parameters",
        ));
    }
    let users = Account::page(&mut connection, page, per_page).await?;
    Ok(Json(json!({ "users": users, "aud": super::AUTHENTICATED })).into_response())
}

fn account_id(text: &str) -> AuthResult<Uuid> {
    text.parse()
        .map_err(|_| AuthError::not_found("validation_failed", "user_id must be an UUID"))
}

pub(super) async fn find_user(
    State(auth): State<Auth>,
    _: Admin,
    Path(id): Path<String>,
) -> AuthResult {
    let mut connection = auth.database.acquire().await?;
    let account = Account::reload(&mut connection, account_id(&id)?).await?;
    Ok(Json(account).into_response())
}

pub(super) async fn delete_user(
    State(auth): State<Auth>,
    _: Admin,
    Path(id): Path<String>,
) -> AuthResult {
    let id = account_id(&id)?;
    let mut transaction = auth.database.begin().await?;
    Account::reload(&mut transaction, id).await?;
    sqlx::query("delete from auth.users where id = $1")
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Json(json!({})).into_response())
}
