//! `GET /oauth/{provider}/callback`: where the provider sends the user's browser.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use url::Url;

use super::context::{LinkingContext, is_credential, run_to_completion};
use super::keeping::keep_grant;
use super::link_error::LinkError;
use super::pending::{Begun, Consent, hold_revocations, take_state};
use crate::provider::Provider;
use crate::providers::ProviderClient;
use crate::vault::Owner;

#[derive(Deserialize)]
pub(super) struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

const UNKNOWN: &str = "This link was used before, has expired, or did not start here. Go back to the app and link the account again.";
const NOT_NOW: &str =
    "The account could not be linked just now. Wait a moment, then load this page again.";

pub(super) async fn callback(
    State(context): State<Arc<LinkingContext>>,
    provider: Result<Path<String>, PathRejection>,
    answer: Result<Query<CallbackQuery>, QueryRejection>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Response {
    let provider = provider.ok().and_then(|Path(name)| name.parse().ok());
    let Some(provider): Option<Provider> = provider else {
        return page(
            StatusCode::NOT_FOUND,
            "There is no such provider. Known: spotify, youtube.",
        );
    };
    let Some(client) = context.clients.get(provider) else {
        return page(
            StatusCode::NOT_FOUND,
            "This provider is not set up on this server. Tell its operator.",
        );
    };
    let Ok(Query(answer)) = answer else {
        return page(StatusCode::BAD_REQUEST, UNKNOWN);
    };
    // Looked at before the state is taken, which works once.
    if answer
        .code
        .as_deref()
        .is_some_and(|code| !is_credential(code))
    {
        return page(StatusCode::BAD_REQUEST, UNKNOWN);
    }
    let consent = Consent::of(provider, answer.state.as_deref().unwrap_or_default());
    let owner = match admitted(&context, &consent, &headers, &extensions).await {
        Ok(Ok(owner)) => owner,
        Ok(Err(not_taken)) => return not_taken.into_response(),
        Err(error) => return not_now(provider, &error),
    };
    let finished = finish(
        Arc::clone(&context),
        Arc::clone(client),
        consent,
        owner,
        answer,
    );
    run_to_completion(finished).await
}

/// From taking the state, which works once, to what is kept and answered.
async fn finish(
    context: Arc<LinkingContext>,
    client: Arc<ProviderClient>,
    consent: Consent,
    owner: Owner,
    answer: CallbackQuery,
) -> Response {
    let provider = owner.provider;
    let begun = match taken(&context, &consent, owner).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(not_taken)) => return not_taken.into_response(),
        Err(error) => return not_now(provider, &error),
    };
    let outcome = complete(&context, &client, &begun, answer).await;
    if let Err(error) = &outcome {
        tracing::warn!(%provider, user = %begun.owner.user, code = error.code(), ?error, "an account was not linked");
    }
    send_back(&begun, outcome)
}

fn not_now(provider: Provider, error: &sqlx::Error) -> Response {
    tracing::error!(%provider, %error, "cannot read the OAuth state");
    page(StatusCode::SERVICE_UNAVAILABLE, NOT_NOW)
}

/// Why a consent is not taken. Whoever has to wait may load the page again.
enum NotTaken {
    Unknown,
    TooMany(Duration),
    Unlinking,
}

impl IntoResponse for NotTaken {
    fn into_response(self) -> Response {
        let (status, text, wait) = match self {
            Self::Unknown => return page(StatusCode::BAD_REQUEST, UNKNOWN),
            Self::TooMany(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "There were too many attempts to link an account. Wait ten minutes, then load this page again.",
                wait,
            ),
            Self::Unlinking => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The account is being unlinked at this moment. Wait half a minute, then load this page again.",
                Duration::from_secs(30),
            ),
        };
        page_for_later(status, text, wait)
    }
}

/// What a browser is shown that waited too long. The state works once and may be used up by now,
/// so that loading the page again does not help.
pub(super) fn too_slow() -> Response {
    page_for_later(
        StatusCode::SERVICE_UNAVAILABLE,
        "This took too long. Go back to the app and link the account again.",
        Duration::from_secs(5),
    )
}

/// Who began a consent, if they may finish it now.
async fn admitted(
    context: &LinkingContext,
    consent: &Consent,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Result<Owner, NotTaken>, sqlx::Error> {
    let Some(owner) = consent.owner(&context.database).await? else {
        return Ok(Err(NotTaken::Unknown));
    };
    let wait = context.too_many(owner.user, headers, extensions);
    Ok(wait.map_or(Ok(owner), |wait| Err(NotTaken::TooMany(wait))))
}

async fn taken(
    context: &LinkingContext,
    consent: &Consent,
    owner: Owner,
) -> Result<Result<Begun, NotTaken>, sqlx::Error> {
    if !hold_revocations(&context.database, owner).await? {
        return Ok(Err(NotTaken::Unlinking));
    }
    let begun = take_state(&context.database, consent).await?;
    Ok(begun.ok_or(NotTaken::Unknown))
}

async fn complete(
    context: &LinkingContext,
    client: &ProviderClient,
    begun: &Begun,
    answer: CallbackQuery,
) -> Result<String, LinkError> {
    let code = match (answer.code, answer.error.as_deref()) {
        (_, Some(error)) => return Err(LinkError::of_consent_page(error)),
        (None, None) => return Err(LinkError::Provider("it sent no code")),
        (Some(code), None) => code,
    };
    let provider = begun.owner.provider;
    let verifier = begun.code_verifier.clone();
    let exchanged = client.token_endpoint.exchange(code, verifier).await;
    let grant = exchanged.map_err(|error| LinkError::Exchange(provider, error))?;
    let code = keep_grant(context, client, begun.owner, &grant).await?;
    tracing::info!(%provider, user = %begun.owner.user, "consent kept until it is confirmed");
    Ok(code)
}

/// Back to the app. `return_to` was checked against the allow-list when it was stored.
fn send_back(begun: &Begun, outcome: Result<String, LinkError>) -> Response {
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
            Err(error) => query
                .append_pair("error", error.code())
                .append_pair("error_description", &error.to_string()),
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

fn page_for_later(status: StatusCode, text: &'static str, wait: Duration) -> Response {
    let mut response = page(status, text);
    let seconds = HeaderValue::from(wait.as_secs().max(1));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// Codes are in these URLs: they belong into no cache and no Referer. Nor does anybody frame them.
fn private(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
