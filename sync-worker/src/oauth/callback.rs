//! `GET /oauth/{provider}/callback`: where the provider sends the user's browser.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bondhu_core::retry::Failure;
use serde::Deserialize;
use sqlx::PgPool;
use tower_http::cors::CorsLayer;
use url::Url;

use super::link::link;
use super::pending::{Account, Begun, KeepError, keep, take_state};
use super::{Grant, TokenEndpoint};
use crate::http::jwt::JwtVerifier;
use crate::provider::Provider;
use crate::providers::{Api, ProviderAccess, ProviderError, spend_request, spotify, youtube};
use crate::vault::{Owner, Vault};

/// What the callback needs.
#[derive(Debug)]
pub struct CallbackState {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Seals what is granted.
    pub vault: Arc<Vault>,
    /// Talks with the providers.
    pub http: reqwest::Client,
    /// The providers that are set up.
    pub providers: HashMap<Provider, ProviderAccess>,
    /// Knows who signed in; `None`: nobody can bring a token.
    pub verifier: Option<Arc<JwtVerifier>>,
}

/// A token and its envelope are far smaller.
const LARGEST_LINK: usize = 16 * 1024;

/// The routes of linking; tokens may be brought by pages of these origins.
pub fn router(state: Arc<CallbackState>, origins: Vec<HeaderValue>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    Router::new()
        .route("/link", post(link))
        .layer((cors, DefaultBodyLimit::max(LARGEST_LINK)))
        .route("/oauth/{provider}/callback", get(callback))
        .with_state(state)
}

#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Why a consent came to nothing. The code goes to the frontend, the text to people.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("You did not agree to link the account.")]
    Denied,
    #[error("The provider could not go on: {0}.")]
    Provider(String),
    #[error(
        "The permissions this needs were not granted. Link the account again and leave them ticked."
    )]
    ScopeMissing,
    #[error("The provider did not complete the link ({}). Try again.", .0.failure.code())]
    Exchange(#[from] ProviderError),
    #[error("The link could not be stored just now. Try again.")]
    NotKept(#[from] KeepError),
}

impl Refusal {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Denied => "access_denied",
            Self::Provider(_) => "provider_error",
            Self::ScopeMissing => "scope_missing",
            Self::Exchange(error) => error.failure.code(),
            Self::NotKept(_) => "server_error",
        }
    }
}

async fn callback(
    State(state): State<Arc<CallbackState>>,
    Path(provider): Path<String>,
    Query(answer): Query<Answer>,
) -> Response {
    let Ok(provider) = provider.parse::<Provider>() else {
        return page(
            StatusCode::NOT_FOUND,
            "There is no such provider. Known: spotify, youtube.",
        );
    };
    let Some(config) = state.providers.get(&provider) else {
        return page(
            StatusCode::NOT_FOUND,
            "This provider is not set up on this server. Tell its operator.",
        );
    };
    let begun = match take_state(
        &state.database,
        provider,
        answer.state.as_deref().unwrap_or_default(),
    )
    .await
    {
        Ok(Some(begun)) => begun,
        Ok(None) => {
            return page(
                StatusCode::BAD_REQUEST,
                "This link was used before, has expired, or did not start here. Go back to the app and link the account again.",
            );
        }
        Err(error) => {
            tracing::error!(%provider, %error, "cannot read the OAuth state");
            return page(
                StatusCode::SERVICE_UNAVAILABLE,
                "The account could not be linked just now. Go back to the app and try again.",
            );
        }
    };
    let outcome = complete(&state, config, &begun, answer).await;
    if let Err(refusal) = &outcome {
        tracing::warn!(%provider, user = %begun.owner.user, code = refusal.code(), error = ?refusal, "an account was not linked");
    }
    send_back(&begun, outcome)
}

async fn complete(
    state: &CallbackState,
    config: &ProviderAccess,
    begun: &Begun,
    answer: Answer,
) -> Result<String, Refusal> {
    let code = match (answer.code, answer.error.as_deref()) {
        (_, Some("access_denied")) => return Err(Refusal::Denied),
        (_, Some(error)) => return Err(Refusal::Provider(error.chars().take(80).collect())),
        (None, None) => return Err(Refusal::Provider("it sent no code".to_owned())),
        (Some(code), None) => code,
    };
    make_room(&state.database, begun.owner.provider).await?;
    let endpoint = TokenEndpoint::new(begun.owner.provider, config, state.http.clone());
    let grant = endpoint.exchange(code, begun.code_verifier.clone()).await?;
    let code = keep_grant(state, config, begun.owner, &grant).await?;
    tracing::info!(provider = %begun.owner.provider, user = %begun.owner.user, "consent kept until it is confirmed");
    Ok(code)
}

/// Enters the request that asks for the account in the ledger. Before the token endpoint is asked:
/// a code is used up by that, and a refresh token may be.
pub(super) async fn make_room(database: &PgPool, provider: Provider) -> Result<(), Refusal> {
    let spent = spend_request(database, provider)
        .await
        .map_err(KeepError::from)?;
    match spent {
        None => Ok(()),
        Some(_) => {
            let full = "our own ledger says that the provider's budget is used up";
            Err(ProviderError::new(Failure::RateLimited, full).into())
        }
    }
}

/// Keeps a grant until its user confirms it; returns the one-time code for that.
pub(super) async fn keep_grant(
    state: &CallbackState,
    config: &ProviderAccess,
    owner: Owner,
    grant: &Grant,
) -> Result<String, Refusal> {
    let asked = asked_scopes(&state.database, owner.provider)
        .await
        .map_err(KeepError::from)?;
    // Consent is granular: what was asked for need not be what was granted.
    let granted = grant.scopes.clone().unwrap_or_else(|| asked.clone());
    if !asked.iter().any(|scope| granted.contains(scope)) {
        return Err(Refusal::ScopeMissing);
    }
    let account = account(state, config, owner.provider, grant).await?;
    Ok(keep(
        &state.database,
        &state.vault,
        owner,
        grant,
        &granted,
        &account,
    )
    .await?)
}

async fn asked_scopes(database: &PgPool, provider: Provider) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("select scopes from bondhu.provider_settings where provider = $1")
        .bind(provider.name())
        .fetch_one(database)
        .await
}

async fn account(
    state: &CallbackState,
    config: &ProviderAccess,
    provider: Provider,
    grant: &Grant,
) -> Result<Account, Refusal> {
    let api = Api::new(provider, state.http.clone(), config.api_url.clone());
    let account = match provider {
        Provider::Spotify => spotify::me(&api, &grant.access).await.map(|me| Account {
            id: me.account_id,
            owner_id: me.id,
            name: me.display_name,
        }),
        // A Google account need not have a channel.
        Provider::YouTube => youtube::own_channel(&api, &grant.access)
            .await
            .map(|channel| {
                channel.map_or_else(Account::default, |channel| Account {
                    owner_id: channel.id.clone(),
                    id: channel.id,
                    name: channel.title,
                })
            }),
    };
    Ok(account?)
}

/// Back to the app. `return_to` was checked against the allow-list when it was stored.
fn send_back(begun: &Begun, outcome: Result<String, Refusal>) -> Response {
    let Ok(mut url) = Url::parse(&begun.return_to) else {
        return page(
            StatusCode::BAD_REQUEST,
            "The app's address cannot be read. Go back to the app.",
        );
    };
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("provider", begun.owner.provider.name());
        match outcome {
            Ok(code) => query.append_pair("code", &code),
            Err(refusal) => query
                .append_pair("error", refusal.code())
                .append_pair("error_description", &refusal.to_string()),
        };
    }
    let mut response = Redirect::to(url.as_str()).into_response();
    private(&mut response);
    response
}

fn page(status: StatusCode, text: &'static str) -> Response {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Bondhu</title><p>{text}</p></html>"
    );
    let mut response = (status, Html(html)).into_response();
    private(&mut response);
    response
}

/// Codes are in these URLs: they belong into no cache and no Referer.
fn private(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
}
