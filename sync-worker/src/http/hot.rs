//! `GET /v1/hot/{document}`: a signed-in user's own document. `GET /v1/hot/trending/{region}`: the chart of a region.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bondhu_core::cache::Document;
use chrono::SecondsFormat;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tower_http::cors::CorsLayer;

use super::patience::bounded;
use crate::hot::{HotError, HotReader, Region, RegionError, Served};
use crate::jwt::{JwtError, JwtVerifier};
use bondhu_core::cache::position::{Lsn, PositionError};

/// When the document was exact.
const AS_OF: HeaderName = HeaderName::from_static("bondhu-as-of");

/// Where it came from: `redis` or `postgres`.
const SOURCE: HeaderName = HeaderName::from_static("bondhu-source");

/// What the route needs.
#[derive(Clone)]
pub struct HotState {
    /// Reads documents.
    pub reader: Arc<HotReader>,
    /// Says whose.
    pub auth: Arc<JwtVerifier>,
}

/// The route, open to pages of these origins.
pub fn router(state: HotState, origins: Vec<HeaderValue>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET])
        .allow_headers([header::AUTHORIZATION, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::RETRY_AFTER, AS_OF, SOURCE])
        .vary([header::AUTHORIZATION, header::ORIGIN]);
    let routes = Router::new()
        .route("/v1/hot/{document}", get(hot))
        .route("/v1/hot/trending/{region}", get(trending))
        .with_state(state);
    bounded(routes).layer(cors)
}

/// Why there is no document, as the caller reads it.
#[derive(Debug, thiserror::Error)]
enum HotResponseError {
    #[error(transparent)]
    Unauthorized(#[from] JwtError),
    #[error("there is no document {0:?}; there are: {known}", known = names())]
    Unknown(String),
    #[error(transparent)]
    Region(#[from] RegionError),
    #[error("min_lsn is {0}")]
    MinLsn(#[from] PositionError),
    #[error("the parameters cannot be read; there is one, min_lsn, to be given once")]
    Parameters(#[from] QueryRejection),
    #[error("{0}")]
    Ahead(HotError),
    #[error("the document cannot be read just now; try again")]
    Unavailable(HotError),
}

impl From<HotError> for HotResponseError {
    fn from(error: HotError) -> Self {
        match error {
            HotError::Ahead(_) => Self::Ahead(error),
            HotError::Busy | HotError::Postgres(_) => Self::Unavailable(error),
        }
    }
}

/// As much of a wrong name as is worth showing.
const SHOWN: usize = 40;

fn names() -> String {
    Document::ALL.map(Document::name).join(", ")
}

impl IntoResponse for HotResponseError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Unauthorized(JwtError::KeysUnavailable) | Self::Unavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Region(_) | Self::MinLsn(_) | Self::Parameters(_) | Self::Ahead(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        if let Self::Unavailable(error) = &self {
            tracing::warn!(%error, "a document cannot be read");
        }
        let message = Json(json!({"message": self.to_string()}));
        let mut response = (status, NOT_STORED, message).into_response();
        let (name, value) = match status {
            StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Bearer"),
            StatusCode::SERVICE_UNAVAILABLE => (header::RETRY_AFTER, "1"),
            _ => return response,
        };
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        response
    }
}

const NOT_STORED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "private, no-store")];

#[derive(Deserialize)]
struct HotQuery {
    min_lsn: Option<String>,
}

async fn hot(
    State(state): State<HotState>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<HotQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, HotResponseError> {
    let user = state.auth.verify_headers(&headers).await?.user;
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let Query(query) = query?;
    let document = Document::ALL
        .into_iter()
        .find(|document| document.name() == name)
        .ok_or_else(|| HotResponseError::Unknown(name.chars().take(SHOWN).collect()))?;
    let min_lsn: Option<Lsn> = query.min_lsn.map(|text| text.parse()).transpose()?;
    let served = state.reader.read(user, document, min_lsn).await?;
    Ok(respond(served, headers.get(header::IF_NONE_MATCH)))
}

async fn trending(
    State(state): State<HotState>,
    region: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, HotResponseError> {
    let user = state.auth.verify_headers(&headers).await?.user;
    let region: Region = region
        .map_or_else(|_| String::new(), |Path(region)| region)
        .parse()?;
    let served = state.reader.trending(user, &region).await?;
    Ok(respond(served, headers.get(header::IF_NONE_MATCH)))
}

fn respond(served: Served, known: Option<&HeaderValue>) -> Response {
    let tag = format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(Sha256::digest(&served.data))
    );
    let as_of = served.as_of.to_rfc3339_opts(SecondsFormat::Micros, true);
    let headers = [
        (header::ETAG, tag.clone()),
        (AS_OF, as_of),
        (SOURCE, served.source.name().to_owned()),
    ];
    if known.is_some_and(|known| matches_tag(known, &tag)) {
        return (StatusCode::NOT_MODIFIED, NOT_STORED, headers).into_response();
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    (NOT_STORED, headers, json, served.data).into_response()
}

/// Whether `If-None-Match` lists the tag; its comparison is the weak one.
fn matches_tag(known: &HeaderValue, tag: &str) -> bool {
    known.to_str().is_ok_and(|known| {
        known.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
        })
    })
}
