//! The routes of linking an account.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::routing::{get, post};
use tower_http::cors::CorsLayer;

use super::callback::callback;
use super::link::link;
use super::linking::LinkingState;
use crate::http::bounded;

/// A token and its envelope are far smaller.
const LARGEST_LINK: usize = 16 * 1024;

/// The routes of linking; tokens may be brought by pages of these origins.
pub fn router(state: Arc<LinkingState>, origins: Vec<HeaderValue>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER]);
    let linking = Router::new()
        .route("/link", post(link))
        .layer(DefaultBodyLimit::max(LARGEST_LINK))
        .with_state(Arc::clone(&state));
    let callback = Router::new()
        .route("/oauth/{provider}/callback", get(callback))
        .with_state(state);
    bounded(linking).layer(cors).merge(bounded(callback))
}
