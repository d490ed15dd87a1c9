//! The authorise page, the token endpoints and Google's revocation.
//!
//! RFC 6749 (authorization code, refresh), RFC 7636 (PKCE, S256 only here);
//! <https://developer.spotify.com/documentation/web-api/tutorials/code-flow>,
//! <https://developers.google.com/identity/protocols/oauth2/web-server>.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::Url;

use super::config::{Client, Consent};
use super::grants::{Authorization, InvalidGrant, Issued, granted};
use super::params::Params;
use super::provider::Provider;
use super::shared::{Shared, lock};
use super::wire::{Reply, oauth_error};

pub(super) async fn authorize_spotify(shared: State<Arc<Shared>>, query: RawQuery) -> Response {
    authorize(&shared, Provider::Spotify, query)
}

pub(super) async fn authorize_google(shared: State<Arc<Shared>>, query: RawQuery) -> Response {
    authorize(&shared, Provider::YouTube, query)
}

pub(super) async fn token_spotify(
    shared: State<Arc<Shared>>,
    headers: HeaderMap,
    body: String,
) -> Reply {
    token(&shared, Provider::Spotify, &headers, &body)
}

pub(super) async fn token_google(
    shared: State<Arc<Shared>>,
    headers: HeaderMap,
    body: String,
) -> Reply {
    token(&shared, Provider::YouTube, &headers, &body)
}

/// <https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke>
pub(super) async fn revoke_google(
    shared: State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    body: String,
) -> Reply {
    let query = Params::parse(&query.unwrap_or_default());
    let form = Params::parse(&body);
    let token = form
        .get("token")
        .or_else(|| query.get("token"))
        .unwrap_or_default();
    if lock(&shared.grants).revoke(Provider::YouTube, token) {
        Reply::new(200, json!({}))
    } else {
        oauth_error(400, "invalid_token", "Token expired or revoked")
    }
}

/// Consents at once for the account that is signed in at the browser, and redirects back with a code.
///
/// A client or redirect URI that is not registered gets an error page and no redirect
/// (RFC 6749 section 4.1.2.1); every other error is sent to the client.
fn authorize(shared: &Shared, provider: Provider, RawQuery(query): RawQuery) -> Response {
    let query = Params::parse(&query.unwrap_or_default());
    let Some(client) = lock(&shared.clients).get(&provider).cloned() else {
        return error_page("INVALID_CLIENT: no client is registered");
    };
    if query.get("client_id") != Some(client.id.as_str()) {
        return error_page("INVALID_CLIENT: Invalid client");
    }
    let redirect_uri = query.get("redirect_uri").unwrap_or_default();
    let registered = client.redirect_uris.iter().any(|uri| uri == redirect_uri);
    let Some(mut back) = registered.then(|| Url::parse(redirect_uri).ok()).flatten() else {
        return error_page("INVALID_CLIENT: Invalid redirect URI");
    };

    let browser = lock(&shared.browser).clone();
    let answer = match request_error(&query) {
        Some(error) => Err(error),
        None => match &browser.consent {
            Consent::Deny => Err("access_denied"),
            Consent::Grant => Ok(granted(query.get("scope").unwrap_or_default(), None)),
            Consent::GrantOnly(ticked) => Ok(granted(
                query.get("scope").unwrap_or_default(),
                Some(ticked),
            )),
        },
    };
    match answer {
        Err(error) => {
            back.query_pairs_mut().append_pair("error", error);
        }
        Ok(scopes) => {
            let mut grants = lock(&shared.grants);
            let offline = match provider {
                Provider::Spotify => true,
                // Google repeats the refresh token only for a consent that was asked for anew.
                Provider::YouTube => {
                    query.get("access_type") == Some("offline")
                        && (query
                            .list("prompt")
                            .any(|prompt| prompt.split(' ').any(|word| word == "consent"))
                            || !grants.has_consented(provider, browser.account))
                }
            };
            if provider == Provider::YouTube {
                back.query_pairs_mut()
                    .append_pair("scope", &scopes.join(" "));
            }
            let code = grants.issue_code(Authorization {
                provider,
                account: browser.account,
                redirect_uri: redirect_uri.to_owned(),
                code_challenge: query.get("code_challenge").unwrap_or_default().to_owned(),
                scopes,
                offline,
            });
            back.query_pairs_mut().append_pair("code", &code);
        }
    }
    if let Some(state) = query.get("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

/// What is wrong with an authorisation request of a known client. `state` and PKCE are
/// recommended by the providers; the stand-in insists, so that their absence is noticed.
fn request_error(query: &Params) -> Option<&'static str> {
    let present = |name: &str| query.get(name).is_some_and(|value| !value.is_empty());
    if query.get("response_type") != Some("code") {
        return Some("unsupported_response_type");
    }
    // 43 characters: BASE64URL of a SHA-256, without padding.
    let challenge_fits = query
        .get("code_challenge")
        .is_some_and(|challenge| challenge.len() == 43);
    if !present("state") || query.get("code_challenge_method") != Some("S256") || !challenge_fits {
        return Some("invalid_request");
    }
    if !present("scope") {
        return Some("invalid_scope");
    }
    None
}

fn error_page(text: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, text).into_response()
}

fn token(shared: &Shared, provider: Provider, headers: &HeaderMap, body: &str) -> Reply {
    let form_encoded = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if !form_encoded {
        return oauth_error(
            415,
            "invalid_request",
            "The body has to be application/x-www-form-urlencoded",
        );
    }
    let form = Params::parse(body);
    let client = lock(&shared.clients).get(&provider).cloned();
    if !client.is_some_and(|client| authenticates(&client, headers, &form)) {
        return match provider {
            Provider::Spotify => shared.recorded.spotify_invalid_client.clone(),
            Provider::YouTube => {
                oauth_error(401, "invalid_client", "The OAuth client was not found.")
            }
        };
    }

    let mut grants = lock(&shared.grants);
    let issued = match form.get("grant_type") {
        Some("authorization_code") => {
            match (
                form.get("code"),
                form.get("redirect_uri"),
                form.get("code_verifier"),
            ) {
                (Some(code), Some(redirect_uri), Some(verifier)) => {
                    grants.exchange(provider, code, redirect_uri, verifier)
                }
                _ => {
                    return oauth_error(
                        400,
                        "invalid_request",
                        "code, redirect_uri and code_verifier must be supplied",
                    );
                }
            }
        }
        Some("refresh_token") => match form.get("refresh_token") {
            Some(refresh_token) => grants.refresh(provider, refresh_token),
            None => return oauth_error(400, "invalid_request", "refresh_token must be supplied"),
        },
        _ => return oauth_error(400, "unsupported_grant_type", "grant_type is not supported"),
    };
    match issued {
        Ok(issued) => tokens(&issued),
        Err(reason) => invalid_grant(shared, provider, reason),
    }
}

/// Client authentication by HTTP Basic or in the body, RFC 6749 section 2.3.1.
fn authenticates(client: &Client, headers: &HeaderMap, form: &Params) -> bool {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    match basic.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((id, secret)) => id == client.id && secret == client.secret,
        None => {
            form.get("client_id") == Some(client.id.as_str())
                && form.get("client_secret") == Some(client.secret.as_str())
        }
    }
}

fn tokens(issued: &Issued) -> Reply {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
        "scope": issued.scopes.join(" "),
    });
    if let Some(refresh_token) = &issued.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    Reply::new(200, body).header(header::CACHE_CONTROL.as_str(), "no-store")
}

fn invalid_grant(shared: &Shared, provider: Provider, reason: InvalidGrant) -> Reply {
    let description = match (provider, reason) {
        (Provider::Spotify, InvalidGrant::Revoked) => {
            return shared.recorded.spotify_refresh_revoked.clone();
        }
        (Provider::Spotify, InvalidGrant::Expired) => {
            return shared.recorded.spotify_refresh_expired.clone();
        }
        (
            Provider::YouTube,
            InvalidGrant::Revoked | InvalidGrant::Expired | InvalidGrant::UnknownRefreshToken,
        ) => {
            return shared.recorded.google_invalid_grant.clone();
        }
        (_, InvalidGrant::UnknownCode) => "Invalid authorization code",
        (_, InvalidGrant::RedirectUriDiffers) => "Invalid redirect URI",
        (_, InvalidGrant::WrongVerifier) => "code_verifier was incorrect",
        (Provider::Spotify, InvalidGrant::UnknownRefreshToken) => "Invalid refresh token",
    };
    oauth_error(400, "invalid_grant", description)
}
