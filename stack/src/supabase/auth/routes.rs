//! The routes below `/auth/v1`.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::account::{self, Account};
use super::caller::Person;
use super::error::{AuthError, AuthResult, in_callers_version};
use super::session::{self, Method};
use super::{Auth, admin, password};

/// Everything that this Auth answers.
pub(in crate::supabase) fn router(auth: Auth) -> Router {
    Router::new()
        .route("/signup", post(sign_up))
        .route("/token", post(token))
        .route("/user", get(user).put(update_user))
        .route("/logout", post(log_out))
        .route(
            "/admin/users",
            get(admin::list_users).post(admin::create_user),
        )
        .route(
            "/admin/users/{id}",
            get(admin::find_user).delete(admin::delete_user),
        )
        .route("/settings", get(settings))
        .route("/health", get(health))
        .route("/.well-known/jwks.json", get(key_set))
        .layer(middleware::from_fn(in_callers_version))
        .with_state(auth)
}

/// The body as JSON; no body is an empty object, as Auth has it.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> AuthResult<T> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        AuthError::bad_request(
            "bad_json",
            format!("Could not parse request body as JSON: {error}"),
        )
    })
}

pub(super) fn object(given: Option<Map<String, Value>>) -> Value {
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
