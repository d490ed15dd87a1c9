//! One URL for all services: API keys, cross-origin requests, routes.
//!
//! <https://supabase.com/docs/guides/api/api-keys>

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use url::form_urlencoded;

use super::keys::{ApiRole, Keys};

/// What needs no API key: whoever checks tokens has none, and functions check for themselves.
const OPEN: [&str; 2] = ["/auth/v1/.well-known/jwks.json", "/functions/v1/"];

/// Puts API keys and cross-origin requests in front of the services.
pub(super) fn router(keys: Arc<Keys>, services: Router) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any);
    services
        .fallback(no_route)
        .layer(middleware::from_fn_with_state(keys, check_api_key))
        .layer(cors)
}

async fn no_route() -> Response {
    let message = json!({ "message": "no Route matched with those values" });
    (StatusCode::NOT_FOUND, Json(message)).into_response()
}

fn refusal(message: &str, hint: &str) -> Response {
    let body = json!({ "message": message, "hint": hint });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

async fn check_api_key(
    State(keys): State<Arc<Keys>>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = api_key(&request);
    let role = given.as_deref().and_then(|key| keys.role_of(key));
    let is_open = OPEN
        .iter()
        .any(|open| request.uri().path().starts_with(open));
    match (given.as_deref(), role) {
        (Some(key), Some(role)) => stand_in_for_key(&keys, &mut request, key, role),
        _ if is_open => {}
        (None, _) => {
            return refusal(
                "No API key found in request",
                "No `apikey` request header or url param was found.",
            );
        }
        (Some(_), None) => {
            return refusal(
                "Invalid API key",
                "Double check your Supabase `anon` or `service_role` API key.",
            );
        }
    }
    next.run(request).await
}

/// From the header, or from the query, as websockets have it.
fn api_key(request: &Request) -> Option<String> {
    if let Some(value) = request.headers().get("apikey") {
        return value.to_str().ok().map(str::to_owned);
    }
    let query = request.uri().query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "apikey")
        .map(|(_, value)| value.into_owned())
}

/// Where nobody has signed in, the key's own role acts: services know tokens, not the new keys.
/// Functions see what was sent.
fn stand_in_for_key(keys: &Keys, request: &mut Request, key: &str, role: ApiRole) {
    if request.uri().path().starts_with("/functions/v1/") {
        return;
    }
    let signed_in = request
        .headers()
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() != format!("Bearer {key}").as_bytes());
    if !signed_in {
        let token = match role {
            ApiRole::Anon => keys.anon(),
            ApiRole::ServiceRole => keys.service_role(),
        };
        if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
    }
}
