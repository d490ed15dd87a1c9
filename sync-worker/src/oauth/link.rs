//! `POST /link`: a refresh token that the app already has, as Supabase Auth hands out after a
//! sign-in with the provider.
//!
//! A provider renews a token only for the client that it was given to. So the worker's client
//! credentials have to be those that Supabase Auth uses for this provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bondhu_core::retry::Policy;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::callback::{CallbackState, Refusal, keep_grant, make_room};
use super::{Grant, TokenEndpoint};
use crate::http::jwt::JwtError;
use crate::provider::Provider;
use crate::vault::Owner;

/// What is posted.
#[derive(Deserialize)]
pub(super) struct Link {
    provider: String,
    refresh_token: SecretString,
}

/// Why it came to nothing.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("this server accepts no sign-in: its operator has to set SUPABASE_URL")]
    NoSignIn,
    #[error(transparent)]
    Token(#[from] JwtError),
    #[error("there is no such provider; known: spotify, youtube")]
    UnknownProvider,
    #[error("this provider is not set up on this server; its operator has to do that")]
    NotSetUp,
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl LinkError {
    const fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSignIn => (StatusCode::SERVICE_UNAVAILABLE, "not_set_up"),
            Self::Token(JwtError::KeysUnavailable) => {
                (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable")
            }
            Self::Token(_) => (StatusCode::UNAUTHORIZED, "not_signed_in"),
            Self::UnknownProvider => (StatusCode::NOT_FOUND, "unknown_provider"),
            Self::NotSetUp => (StatusCode::NOT_FOUND, "not_set_up"),
            Self::Refused(refusal) => match refusal {
                Refusal::NotKept(_) => (StatusCode::SERVICE_UNAVAILABLE, refusal.code()),
                // Later it may do; the token is as good as before.
                Refusal::Exchange(error) if matches!(error.failure.policy(), Policy::Retry) => {
                    (StatusCode::SERVICE_UNAVAILABLE, refusal.code())
                }
                _ => (StatusCode::UNPROCESSABLE_ENTITY, refusal.code()),
            },
        }
    }
}

/// Answers `{"provider", "code"}`: `confirm_connect(code)` under the same user then links the
/// account, as after a consent.
pub(super) async fn link(
    State(state): State<Arc<CallbackState>>,
    headers: HeaderMap,
    Json(link): Json<Link>,
) -> Response {
    let (status, body) = match linked(&state, &headers, link).await {
        Ok((provider, code)) => (
            StatusCode::OK,
            json!({ "provider": provider.name(), "code": code }),
        ),
        Err(error) => {
            let (status, code) = error.status_and_code();
            tracing::warn!(code, ?error, "an account was not linked");
            (
                status,
                json!({ "code": code, "message": error.to_string() }),
            )
        }
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn linked(
    state: &CallbackState,
    headers: &HeaderMap,
    link: Link,
) -> Result<(Provider, String), LinkError> {
    let verifier = state.verifier.as_ref().ok_or(LinkError::NoSignIn)?;
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let user = verifier.verify_header(authorization).await?.user;
    let provider: Provider = link
        .provider
        .parse()
        .map_err(|_| LinkError::UnknownProvider)?;
    let config = state.providers.get(&provider).ok_or(LinkError::NotSetUp)?;

    make_room(&state.database, provider).await?;
    let endpoint = TokenEndpoint::new(provider, config, state.http.clone());
    let renewed = endpoint
        .refresh(&link.refresh_token)
        .await
        .map_err(Refusal::from)?;
    let grant = Grant {
        refresh: renewed.refresh.or(Some(link.refresh_token)),
        ..renewed
    };
    let code = keep_grant(state, config, Owner { user, provider }, &grant).await?;
    tracing::info!(%provider, %user, "a token was brought and kept until it is confirmed");
    Ok((provider, code))
}
