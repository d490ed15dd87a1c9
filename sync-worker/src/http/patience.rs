//! How long a request may take, and what is answered then.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::time::timeout;

/// No request takes longer.
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// Routes whose requests end in time. CORS belongs around it: pages read this answer too.
pub fn bounded(routes: Router) -> Router {
    bounded_with(LONGEST_REQUEST, routes, too_slow)
}

/// Routes whose requests end within `longest`, with another answer than JSON for those that do not.
pub(crate) fn bounded_with(
    longest: Duration,
    routes: Router,
    too_slow: fn() -> Response,
) -> Router {
    routes.layer(from_fn(move |request: Request, next: Next| async move {
        timeout(longest, next.run(request))
            .await
            .unwrap_or_else(|_| too_slow())
    }))
}

/// What programs are answered that waited too long.
pub(crate) fn too_slow() -> Response {
    let headers = [
        (header::CACHE_CONTROL, "private, no-store"),
        (header::RETRY_AFTER, "5"),
    ];
    let body = json!({
        "code": "too_slow",
        "message": "this took too long and was given up; wait a moment, then try again",
    });
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn who_waited_too_long_is_told_so_and_when_to_come_again() {
        let routes = Router::new().route("/", get(std::future::pending::<()>));
        let answer = bounded_with(Duration::from_millis(10), routes, too_slow)
            .oneshot(Request::new(Body::empty()))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "5");
        let body = to_bytes(answer.into_body(), 1000).await.unwrap();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["code"], "too_slow");
    }
}
