//! The routes of linking an account.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::routing::{get, post};
use tower_http::cors::CorsLayer;

use super::callback::{self, callback};
use super::context::LinkingContext;
use super::link::link;
use crate::http::{LONGEST_REQUEST, bounded_with, too_slow};

/// A token and its envelope are far smaller.
const LARGEST_LINK: usize = 16 * 1024;

/// The routes of linking; tokens may be brought by pages of these origins.
pub fn router(context: Arc<LinkingContext>, origins: Vec<HeaderValue>) -> Router {
    router_within(LONGEST_REQUEST, context, origins)
}

fn router_within(
    longest: Duration,
    context: Arc<LinkingContext>,
    origins: Vec<HeaderValue>,
) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER]);
    let linking = Router::new()
        .route("/link", post(link))
        .layer(DefaultBodyLimit::max(LARGEST_LINK))
        .with_state(Arc::clone(&context));
    let callback = Router::new()
        .route("/oauth/{provider}/callback", get(callback))
        .with_state(context);
    // Programs bring tokens, people come back from the provider.
    bounded_with(longest, linking, too_slow)
        .layer(cors)
        .merge(bounded_with(longest, callback, callback::too_slow))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::TcpListener;

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use axum::response::Response;
    use secrecy::SecretString;
    use sqlx::postgres::PgPoolOptions;
    use tower::ServiceExt as _;
    use url::Url;

    use super::*;
    use crate::config::TokenKey;
    use crate::http::attempts::Attempts;
    use crate::http::client_address::TrustedProxies;
    use crate::provider::Provider;
    use crate::providers::{ProviderAccess, ProviderClients, http_client};
    use crate::vault::Vault;

    const APP: &str = "https://app.example";

    /// With a database that never answers.
    async fn answer(request: Request<Body>) -> Response {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let nowhere: Url = "http://127.0.0.1:9".parse().unwrap();
        let access = ProviderAccess {
            client_id: "id".into(),
            client_secret: SecretString::from("secret"),
            token_url: nowhere.clone(),
            revoke_url: None,
            redirect_uri: nowhere.clone(),
            api_url: nowhere,
        };
        let context = LinkingContext {
            database: PgPoolOptions::new()
                .connect_lazy(&format!("postgres://nobody@{address}/none"))
                .unwrap(),
            vault: Arc::new(Vault::new(&[TokenKey::generate("k1")])),
            clients: ProviderClients::new(
                &HashMap::from([(Provider::Spotify, access)]),
                &http_client().unwrap(),
            ),
            verifier: None,
            proxies: TrustedProxies::default(),
            attempts: Attempts::default(),
        };
        let origins = vec![HeaderValue::from_static(APP)];
        router_within(Duration::from_millis(10), Arc::new(context), origins)
            .oneshot(request)
            .await
            .unwrap()
    }

    async fn text(answer: Response) -> String {
        let body = to_bytes(answer.into_body(), 1000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_browser_that_waited_too_long_is_shown_a_page_that_leads_back_to_the_app() {
        let request = Request::get("/oauth/spotify/callback?code=c&state=s")
            .body(Body::empty())
            .unwrap();
        let answer = answer(request).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let headers = answer.headers();
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::RETRY_AFTER], "5");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(text(answer).await.contains("Go back to the app"));
    }

    #[tokio::test]
    async fn a_page_of_the_app_may_read_that_its_token_took_too_long() {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let request = Request::post("/link")
            .header(header::ORIGIN, APP)
            .body(Body::from_stream(never))
            .unwrap();
        let answer = answer(request).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let headers = answer.headers();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], APP);
        assert_eq!(
            headers[header::ACCESS_CONTROL_EXPOSE_HEADERS],
            "retry-after"
        );
        assert!(text(answer).await.contains("too_slow"));
    }
}
