//! The routes below `/auth/v1`.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::account::{self, Account};
use super::error::{AuthError, AuthResult, in_callers_version};
use super::session::{self, Method};
use super::{Auth, password};
use crate::supabase::keys::{ApiRole, Claims, TokenError};

/// Everything that this Auth answers.
pub(in crate::supabase) fn router(auth: Auth) -> Router {
    Router::new()
        .route("/signup", post(sign_up))
        .route("/token", post(token))
        .route("/user", get(user).put(update_user))
        .route("/logout", post(log_out))
        .route("/admin/users", get(list_users).post(create_user))
        .route("/admin/users/{id}", get(find_user).delete(delete_user))
        .route("/settings", get(settings))
        .route("/health", get(health))
        .route("/.well-known/jwks.json", get(key_set))
        .layer(middleware::from_fn(in_callers_version))
        .with_state(auth)
}

/// A person signed in: the account and the session of an access token.
struct Person {
    account: Account,
    session: Option<Uuid>,
}

/// Whoever holds the secret key.
struct Admin;

fn claims_of(parts: &Parts, auth: &Auth) -> AuthResult<Claims> {
    let token = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| {
            AuthError::unauthorized(
                "no_authorization",
                "This endpoint requires a valid Bearer token",
            )
        })?;
    auth.keys.verify(token).map_err(|error| {
        let why = match error {
            TokenError::Malformed => "token is malformed",
            TokenError::Signature => "token signature is invalid",
            TokenError::Expired => "token has invalid claims: token is expired",
        };
        AuthError::forbidden(
            "bad_jwt",
            format!("invalid JWT: unable to parse or verify signature, {why}"),
        )
    })
}

fn id_claim(claims: &Claims, name: &str) -> Option<Uuid> {
    claims.get(name)?.as_str()?.parse().ok()
}

impl FromRequestParts<Auth> for Person {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> AuthResult<Self> {
        let claims = claims_of(parts, auth)?;
        let user = id_claim(&claims, "sub")
            .ok_or_else(|| AuthError::forbidden("bad_jwt", "invalid claim: missing sub claim"))?;
        let mut connection = auth.database.acquire().await?;
        let account = Account::find(&mut connection, user).await?.ok_or_else(|| {
            AuthError::forbidden(
                "user_not_found",
                "User from sub claim in JWT does not exist",
            )
        })?;
        let session = id_claim(&claims, "session_id");
        if let Some(session) = session {
            let lasts: bool =
                sqlx::query_scalar("select exists (select from auth.sessions where id = $1)")
                    .bind(session)
                    .fetch_one(&mut *connection)
                    .await?;
            if !lasts {
                return Err(AuthError::forbidden(
                    "session_not_found",
                    "Session from session_id claim in JWT does not exist",
                ));
            }
        }
        Ok(Self { account, session })
    }
}

impl FromRequestParts<Auth> for Admin {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> AuthResult<Self> {
        let claims = claims_of(parts, auth)?;
        if claims.get("role").and_then(Value::as_str) == Some(ApiRole::ServiceRole.name()) {
            Ok(Self)
        } else {
            Err(AuthError::forbidden("not_admin", "User not allowed"))
        }
    }
}

/// The body as JSON; no body is an empty object, as Auth has it.
fn read<T: DeserializeOwned>(body: &Bytes) -> AuthResult<T> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        AuthError::bad_request(
            "bad_json",
            format!("Could not parse request body as JSON: {error}"),
        )
    })
}

fn object(given: Option<Map<String, Value>>) -> Value {
    Value::Object(given.unwrap_or_default())
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    data: Option<Map<String, Value>>,
}

async fn sign_up(State(auth): State<Auth>, body: Bytes) -> AuthResult {
    let given: Credentials = read(&body)?;
    let is_anonymous = given.email.is_empty() && given.password.is_empty();
    if !is_anonymous {
        if given.password.is_empty() {
            return Err(AuthError::bad_request(
                "validation_failed",
                "Signup requires a valid password",
            ));
        }
        password::check(&given.password)?;
        account::check_email(&given.email)?;
    }
    let mut transaction = auth.database.begin().await?;
    let data = object(given.data);
    let answer = if is_anonymous {
        let account = Account::create(&mut transaction, None, false, &json!({}), &data).await?;
        auth.begin_session(&mut transaction, account.id, Method::Anonymous)
            .await?
    } else {
        if Account::of_email(&mut transaction, &given.email)
            .await?
            .is_some()
        {
            return Err(AuthError::unprocessable(
                "user_already_exists",
                "User already registered",
            ));
        }
        let account = Account::create(
            &mut transaction,
            Some(&given.email),
            true,
            &json!({}),
            &data,
        )
        .await?;
        password::set(&mut transaction, account.id, &given.password).await?;
        auth.begin_session(&mut transaction, account.id, Method::Password)
            .await?
    };
    transaction.commit().await?;
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
struct Grant {
    #[serde(default)]
    grant_type: String,
}

#[derive(Deserialize)]
struct Renewal {
    #[serde(default)]
    refresh_token: String,
}

async fn token(State(auth): State<Auth>, Query(grant): Query<Grant>, body: Bytes) -> AuthResult {
    match grant.grant_type.as_str() {
        "password" => sign_in(&auth, read(&body)?).await,
        "refresh_token" => {
            let given: Renewal = read(&body)?;
            session::check_refresh_token(&given.refresh_token)?;
            Ok(Json(auth.renew_session(&given.refresh_token).await?).into_response())
        }
        _ => Err(AuthError::bad_request(
            "invalid_credentials",
            "unsupported_grant_type",
        )),
    }
}

async fn sign_in(auth: &Auth, given: Credentials) -> AuthResult {
    if given.email.is_empty() {
        return Err(AuthError::bad_request(
            "validation_failed",
            "missing email or phone",
        ));
    }
    // The same answer whether there is no such account or another password.
    let refused = || AuthError::bad_request("invalid_credentials", "Invalid login credentials");
    let mut transaction = auth.database.begin().await?;
    let account = Account::of_email(&mut transaction, &given.email)
        .await?
        .ok_or_else(refused)?;
    if !password::is_right(&mut transaction, account.id, &given.password).await? {
        return Err(refused());
    }
    if account.email_confirmed_at.is_none() {
        return Err(AuthError::bad_request(
            "email_not_confirmed",
            "Email not confirmed",
        ));
    }
    let answer = auth
        .begin_session(&mut transaction, account.id, Method::Password)
        .await?;
    transaction.commit().await?;
    Ok(Json(answer).into_response())
}

async fn user(person: Person) -> Json<Account> {
    Json(person.account)
}

#[derive(Deserialize)]
struct Update {
    email: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
}

async fn update_user(State(auth): State<Auth>, person: Person, body: Bytes) -> AuthResult {
    let given: Update = read(&body)?;
    let id = person.account.id;
    let mut transaction = auth.database.begin().await?;
    if let Some(email) = given.email.filter(|email| !email.is_empty()) {
        account::check_email(&email)?;
        match Account::of_email(&mut transaction, &email).await? {
            Some(other) if other.id != id => {
                return Err(AuthError::unprocessable(
                    "email_exists",
                    "A user with this email address has already been registered",
                ));
            }
            Some(_) => {}
            None => Account::set_email(&mut transaction, id, &email, true).await?,
        }
    } else if person.account.is_anonymous && given.password.is_some() {
        return Err(AuthError::unprocessable(
            "validation_failed",
            "Updating password of an anonymous user without an email or phone is not allowed",
        ));
    }
    if let Some(new) = given.password {
        password::check(&new)?;
        if password::is_right(&mut transaction, id, &new).await? {
            return Err(AuthError::unprocessable(
                "same_password",
                "New password should be different from the old password.",
            ));
        }
        password::set(&mut transaction, id, &new).await?;
    }
    if let Some(data) = given.data {
        Account::add_metadata(&mut transaction, id, &Value::Object(data)).await?;
    }
    let account = Account::reload(&mut transaction, id).await?;
    transaction.commit().await?;
    Ok(Json(account).into_response())
}

#[derive(Deserialize)]
struct LogOut {
    scope: Option<String>,
}

async fn log_out(
    State(auth): State<Auth>,
    person: Person,
    Query(query): Query<LogOut>,
) -> AuthResult {
    // A token without a session ends them all.
    let which = match query.scope.as_deref() {
        None | Some("" | "global") => "$2::uuid is null or true",
        Some("local") => "id = coalesce($2, id)",
        Some("others") => "id is distinct from $2",
        Some(scope) => {
            return Err(AuthError::bad_request(
                "validation_failed",
                format!("Unsupported logout scope {scope:?}"),
            ));
        }
    };
    sqlx::query(&format!(
        "delete from auth.sessions where user_id = $1 and ({which})"
    ))
    .bind(person.account.id)
    .bind(person.session)
    .execute(&auth.database)
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
struct NewUser {
    email: Option<String>,
    #[serde(default)]
    email_confirm: bool,
    password: Option<String>,
    app_metadata: Option<Map<String, Value>>,
    user_metadata: Option<Map<String, Value>>,
}

async fn create_user(State(auth): State<Auth>, _: Admin, body: Bytes) -> AuthResult {
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
struct Pages {
    page: Option<i64>,
    per_page: Option<i64>,
}

async fn list_users(State(auth): State<Auth>, _: Admin, Query(pages): Query<Pages>) -> AuthResult {
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

async fn find_user(State(auth): State<Auth>, _: Admin, Path(id): Path<String>) -> AuthResult {
    let mut connection = auth.database.acquire().await?;
    let account = Account::reload(&mut connection, account_id(&id)?).await?;
    Ok(Json(account).into_response())
}

async fn delete_user(State(auth): State<Auth>, _: Admin, Path(id): Path<String>) -> AuthResult {
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

async fn settings() -> Json<Value> {
    Json(json!({
        "external": { "email": true, "phone": false, "anonymous_users": true },
        "disable_signup": false, "mailer_autoconfirm": true, "phone_autoconfirm": false,
        "sms_provider": "", "saml_enabled": false,
    }))
}

async fn health() -> Json<Value> {
    Json(
        json!({ "name": "GoTrue", "description": "Stand-in for Supabase Auth", "version": "stand-in" }),
    )
}

async fn key_set(State(auth): State<Auth>) -> Response {
    let cached = [(header::CACHE_CONTROL, "public, max-age=600")];
    (cached, Json(auth.keys.key_set())).into_response()
}
