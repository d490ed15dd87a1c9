//! What PostgREST answers and postrust does not: whoever has said who they are and may not do what they ask for is
//! told 403, not that they should say who they are; and what is wrong with a token that is none.
//!
//! <https://docs.postgrest.org/en/stable/references/errors.html>

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::keys::{ApiRole, Keys};

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// No refusal is longer.
const LONGEST_REFUSAL: usize = 1 << 20;

fn token(headers: &HeaderMap) -> Option<&str> {
    let (_, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    Some(token.trim())
}

/// The refusal of a token that has not three parts.
pub(super) fn to_no_token(headers: &HeaderMap) -> Option<Response> {
    let parts = token(headers)?.split('.').count();
    if parts == 3 {
        return None;
    }
    let message = format!("Expected 3 parts in JWT; got {parts}");
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
    let body = json!({ "code": "PGRST301", "details": null, "hint": null, "message": message });
    let header = [(header::WWW_AUTHENTICATE, challenge)];
    Some((StatusCode::UNAUTHORIZED, header, Json(body)).into_response())
}

/// Whether a request is made by somebody else than `anon`.
pub(super) fn is_signed_in(headers: &HeaderMap, keys: &Keys) -> bool {
    token(headers)
        .and_then(|token| keys.verify(token).ok())
        .and_then(|claims| Some(claims.get("role")?.as_str()? != ApiRole::Anon.name()))
        .unwrap_or(false)
}

/// The answer as somebody gets it who has signed in.
pub(super) async fn for_the_signed_in(answer: Response) -> Response {
    if answer.status() != StatusCode::UNAUTHORIZED {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_REFUSAL).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    // The answer to HEAD has no body; nothing else than a missing privilege refuses a token that is good.
    let is_other = serde_json::from_slice::<Value>(&body)
        .is_ok_and(|refusal| refusal["code"] != INSUFFICIENT_PRIVILEGE);
    if !is_other {
        parts.status = StatusCode::FORBIDDEN;
        parts.headers.remove(header::WWW_AUTHENTICATE);
    }
    Response::from_parts(parts, Body::from(body))
}
