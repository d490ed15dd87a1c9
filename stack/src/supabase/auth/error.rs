//! Refusals, in the shape that the caller's version of the API has.
//!
//! <https://supabase.com/docs/guides/auth/debugging/error-codes>

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Since this version, errors are `{"code": "…", "message": "…"}`.
const VERSION_HEADER: &str = "x-supabase-api-version";
const VERSION_OF_CODES: &str = "2024-01-01";

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct AuthError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Why a password is weak.
    reasons: Vec<&'static str>,
}

pub(super) type AuthResult<T = Response> = Result<T, AuthError>;

impl AuthError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            reasons: Vec::new(),
        }
    }

    /// 400.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 401.
    pub(super) fn unauthorized(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// 403.
    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404.
    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 422.
    pub(super) fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// A password that is too easy.
    pub(super) fn weak_password(message: impl Into<String>, reason: &'static str) -> Self {
        Self {
            reasons: vec![reason],
            ..Self::unprocessable("weak_password", message)
        }
    }

    fn body(&self, has_codes: bool) -> Value {
        let mut body = if has_codes {
            json!({ "code": self.code, "message": self.message })
        } else {
            json!({ "code": self.status.as_u16(), "error_code": self.code, "msg": self.message })
        };
        if !self.reasons.is_empty() {
            body["weak_password"] = json!({ "reasons": self.reasons });
        }
        body
    }
}

impl From<sqlx::Error> for AuthError {
    fn from(error: sqlx::Error) -> Self {
        eprintln!("auth: {error}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "unexpected_failure",
            "Unexpected failure, please check server logs for more information",
        )
    }
}

impl From<anyhow::Error> for AuthError {
    fn from(error: anyhow::Error) -> Self {
        sqlx::Error::Protocol(error.to_string()).into()
    }
}

impl IntoResponse for AuthError {
    /// Without a body: [`in_callers_version`] knows the shape.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives refusals their body.
pub(super) async fn in_callers_version(request: Request, next: Next) -> Response {
    let has_codes = request
        .headers()
        .get(VERSION_HEADER)
        .and_then(|version| version.to_str().ok())
        .is_some_and(|version| version >= VERSION_OF_CODES);
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<AuthError>() {
        let mut told = (error.status, Json(error.body(has_codes))).into_response();
        told.headers_mut()
            .insert("x-sb-error-code", HeaderValue::from_static(error.code));
        if has_codes {
            told.headers_mut()
                .insert(VERSION_HEADER, HeaderValue::from_static(VERSION_OF_CODES));
        }
        return told;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_shape() {
        let error = AuthError::weak_password("Too short.", "length");
        assert_eq!(
            error.body(true),
            json!({ "code": "weak_password", "message": "Too short.", "weak_password": { "reasons": ["length"] } })
        );
        assert_eq!(
            AuthError::bad_request("invalid_credentials", "No.").body(false),
            json!({ "code": 400, "error_code": "invalid_credentials", "msg": "No." })
        );
    }
}
