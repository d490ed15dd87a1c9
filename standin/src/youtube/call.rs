//! A call of a `list` method: who may make it, what it asks for, and how it is answered.

use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::etag::etag_of;
use super::page::Page;
use crate::catalogue::Account;
use crate::grants::Access;
use crate::params::Params;
use crate::provider::Provider;
use crate::shared::{Shared, lock};
use crate::traffic::bearer;
use crate::wire::{Reply, google_error};

const SCOPE: &str = "https://www.googleapis.com/auth/youtube.readonly";
const DEFAULT_RESULTS: usize = 5;
const MOST_RESULTS: usize = 50;

/// What all methods have in common: authentication, the quota, `part`, and the ETag.
pub(super) fn list(
    shared: &Shared,
    headers: &HeaderMap,
    RawQuery(query): RawQuery,
    kind: &str,
    answer: impl FnOnce(&Call<'_>) -> Result<Value, Reply>,
) -> Response {
    let body =
        Call::admit(shared, headers, &query.unwrap_or_default()).and_then(|call| answer(&call));
    let mut body = match body {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    body["kind"] = json!(format!("youtube#{kind}"));
    let etag = etag_of(&body);
    let quoted = format!("\"{etag}\"");
    let unchanged = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == quoted);
    if unchanged {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, quoted)]).into_response();
    }
    body["etag"] = json!(etag);
    ([(header::ETAG, quoted)], axum::Json(body)).into_response()
}

pub(super) fn invalid_parameter(message: &str) -> Reply {
    google_error(400, "youtube.parameter", "invalidParameter", message)
}

/// An admitted request.
pub(super) struct Call<'a> {
    shared: &'a Shared,
    access: Access,
    pub(super) query: Params,
    pub(super) parts: Vec<String>,
}

impl<'a> Call<'a> {
    fn admit(shared: &'a Shared, headers: &HeaderMap, query: &str) -> Result<Self, Reply> {
        let recorded = &shared.recorded;
        let access = bearer(headers)
            .and_then(|token| lock(&shared.grants).access(Provider::YouTube, token))
            .ok_or_else(|| recorded.youtube_unauthorized.clone())?;
        {
            let mut quota = lock(&shared.youtube_quota);
            if quota.used >= quota.allowed {
                return Err(recorded.youtube_quota.clone());
            }
            quota.used += 1;
        }
        if !access.scopes.iter().any(|scope| scope == SCOPE) {
            return Err(recorded.youtube_scope.clone());
        }
        let query = Params::parse(query);
        let parts: Vec<String> = query.list("part").map(str::to_owned).collect();
        if parts.is_empty() {
            let message = "Required parameter: part";
            return Err(google_error(400, "global", "required", message));
        }
        Ok(Self {
            shared,
            access,
            query,
            parts,
        })
    }

    pub(super) fn account<T>(&self, read: impl FnOnce(&Account) -> T) -> T {
        self.shared
            .with_account(self.access.account, |account| read(account))
    }

    /// The one filter that the request has of those the method knows.
    pub(super) fn one_filter_of(&self, known: &[&'static str]) -> Result<&'static str, Reply> {
        let mut given = known
            .iter()
            .filter(|name| match (**name, self.query.get(name)) {
                ("mine", value) => value == Some("true"),
                (_, value) => value.is_some_and(|value| !value.is_empty()),
            });
        match (given.next(), given.next()) {
            (Some(filter), None) => Ok(filter),
            (None, _) => Err(google_error(
                400,
                "youtube.parameter",
                "missingRequiredParameter",
                &format!("No filter selected. Expected one of: {}", known.join(", ")),
            )),
            (Some(_), Some(_)) => Err(google_error(
                400,
                "youtube.parameter",
                "incompatibleParameters",
                &format!(
                    "Incompatible parameters specified in the request: {}",
                    known.join(", ")
                ),
            )),
        }
    }

    pub(super) fn ids(&self) -> Result<Vec<&str>, Reply> {
        let ids: Vec<&str> = self.query.list("id").collect();
        if ids.len() > MOST_RESULTS {
            return Err(google_error(
                400,
                "youtube.parameter",
                "invalidFilters",
                "The request specifies an invalid filter parameter: at most 50 ids.",
            ));
        }
        Ok(ids)
    }

    /// The asked page of `collection`; a token of another collection is invalid.
    pub(super) fn page(&self, collection: &str, fewest: usize) -> Result<Page, Reply> {
        let results = match self.query.get("maxResults") {
            None => DEFAULT_RESULTS,
            Some(value) => {
                value.parse().ok().filter(|results| (fewest..=MOST_RESULTS).contains(results)).ok_or_else(|| {
                    invalid_parameter(&format!(
                        "Invalid value '{value}'. Values must be within the range: [{fewest}, {MOST_RESULTS}]"
                    ))
                })?
            }
        };
        let offset = match self.query.get("pageToken") {
            None => 0,
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|decoded| String::from_utf8(decoded).ok())
                .and_then(|decoded| {
                    decoded
                        .strip_prefix(&format!("{collection}/"))?
                        .parse()
                        .ok()
                })
                .ok_or_else(|| self.shared.recorded.youtube_page_token.clone())?,
        };
        Ok(Page {
            collection: collection.to_owned(),
            offset,
            results,
        })
    }
}
