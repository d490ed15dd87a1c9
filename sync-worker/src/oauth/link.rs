//! `POST /link`: a refresh token that the app already has, as Supabase Auth hands out after a
//! sign-in with the provider.
//!
//! A provider renews a token only for the client that it was given to. So the worker's client
//! credentials have to be those that Supabase Auth uses for this provider.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use sqlx::PgPool;

use super::context::{LinkingContext, is_credential, run_to_completion};
use super::keeping::keep_grant;
use super::link_error::LinkError;
use super::pending::{KeepError, hold_revocations};
use crate::jwt::JwtError;
use crate::provider::Provider;
use crate::providers::{Grant, ProviderClient};
use crate::vault::Owner;

/// What is posted.
#[derive(Deserialize)]
struct LinkRequest {
    provider: String,
    refresh_token: SecretString,
}

impl LinkRequest {
    /// Reads a body; nothing of it is repeated to anybody, for a secret is in it.
    fn read(body: &[u8]) -> Result<Self, LinkRequestError> {
        // An array would be read too, by places.
        let object = body.trim_ascii_start().starts_with(b"{");
        let link: Option<Self> = serde_json::from_slice(body).ok();
        link.filter(|link| object && is_credential(link.refresh_token.expose_secret()))
            .ok_or(LinkRequestError::Body)
    }
}

/// Why it came to nothing.
#[derive(Debug, thiserror::Error)]
enum LinkRequestError {
    #[error("this server accepts no sign-in: its operator has to set SUPABASE_URL")]
    NoSignIn,
    #[error(transparent)]
    Token(#[from] JwtError),
    #[error(
        "this account is anonymous and may not link others here; sign in with an address or an identity first"
    )]
    Anonymous,
    #[error("the body is larger than any token")]
    TooLarge,
    #[error(r#"send {{"provider": "spotify" or "youtube", "refresh_token": "…"}} as JSON"#)]
    Body,
    #[error("there is no such provider; known: spotify, youtube")]
    UnknownProvider,
    #[error("this provider is not set up on this server; its operator has to do that")]
    NotSetUp,
    #[error(transparent)]
    Refused(#[from] LinkError),
}

impl LinkRequestError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSignIn => (StatusCode::SERVICE_UNAVAILABLE, "not_set_up"),
            Self::Token(JwtError::KeysUnavailable) => {
                (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable")
            }
            Self::Token(_) => (StatusCode::UNAUTHORIZED, "not_signed_in"),
            Self::Anonymous => (StatusCode::FORBIDDEN, "anonymous_account"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Body => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::UnknownProvider => (StatusCode::NOT_FOUND, "unknown_provider"),
            Self::NotSetUp => (StatusCode::NOT_FOUND, "not_set_up"),
            Self::Refused(error) => {
                let status = match error {
                    LinkError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
                    // Later it may do; the token is as good as before.
                    _ if error.wait().is_some() => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                (status, error.code())
            }
        }
    }
}

impl IntoResponse for LinkRequestError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let body = json!({ "code": code, "message": self.to_string() });
        let mut response = (status, NOT_STORED, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::Refused(error) = &self
            && let Some(wait) = error.wait()
        {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
        response
    }
}

const NOT_STORED: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Answers `{"provider", "code"}`: `confirm_connect(code)` under the same user then links the
/// account, as after a consent.
pub(super) async fn link(
    State(context): State<Arc<LinkingContext>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match linked(&context, &headers, &extensions, body).await {
        Ok((provider, code)) => {
            let body = json!({ "provider": provider.name(), "code": code });
            (NOT_STORED, Json(body)).into_response()
        }
        Err(error) => {
            tracing::warn!(
                code = error.status_and_code().1,
                ?error,
                "an account was not linked"
            );
            error.into_response()
        }
    }
}

async fn linked(
    context: &Arc<LinkingContext>,
    headers: &HeaderMap,
    extensions: &Extensions,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Provider, String), LinkRequestError> {
    let verifier = context
        .verifier
        .as_ref()
        .ok_or(LinkRequestError::NoSignIn)?;
    let signed_in = verifier.verify_headers(headers).await?;
    let user = signed_in.user;
    if signed_in.anonymous
        && !anonymous_may_link(&context.database)
            .await
            .map_err(not_kept)?
    {
        return Err(LinkRequestError::Anonymous);
    }
    let link = match body {
        Ok(body) => LinkRequest::read(&body)?,
        Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Err(LinkRequestError::TooLarge);
        }
        Err(_) => return Err(LinkRequestError::Body),
    };
    let provider: Provider = link
        .provider
        .parse()
        .map_err(|_| LinkRequestError::UnknownProvider)?;
    let client = context
        .clients
        .get(provider)
        .ok_or(LinkRequestError::NotSetUp)?;
    if let Some(wait) = context.too_many(user, headers, extensions) {
        return Err(LinkError::TooMany(wait).into());
    }
    let owner = Owner { user, provider };
    if !hold_revocations(&context.database, owner)
        .await
        .map_err(not_kept)?
    {
        return Err(LinkError::Unlinking.into());
    }

    let kept = renew_and_keep(
        Arc::clone(context),
        Arc::clone(client),
        owner,
        link.refresh_token,
    );
    let code = run_to_completion(kept).await?;
    tracing::info!(%provider, %user, "a token was brought and kept until it is confirmed");
    Ok((provider, code))
}

/// Renews the token, which may use it up, and keeps what came; the one-time code.
async fn renew_and_keep(
    context: Arc<LinkingContext>,
    client: Arc<ProviderClient>,
    owner: Owner,
    refresh_token: SecretString,
) -> Result<String, LinkError> {
    let provider = owner.provider;
    let renewed = client.token_endpoint.refresh(&refresh_token).await;
    let renewed = renewed.map_err(|error| LinkError::Exchange(provider, error))?;
    let grant = Grant {
        refresh: renewed.refresh.or(Some(refresh_token)),
        ..renewed
    };
    keep_grant(&context, &client, owner, &grant).await
}

fn not_kept(error: sqlx::Error) -> LinkRequestError {
    LinkError::from(KeepError::from(error)).into()
}

/// What `bondhu.settings` says that anonymous accounts may do.
async fn anonymous_may_link(database: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((to_jsonb(s) ->> 'anonymous_may_link')::boolean, false) from bondhu.settings s",
    )
    .fetch_one(database)
    .await
}
