//! Requests passed on to a server on this machine, bodies as they come.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

/// A server behind the gateway.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    port: u16,
    client: Client<HttpConnector, Body>,
}

impl Upstream {
    /// The one that listens on a port.
    pub(super) fn new(port: u16) -> Self {
        Self {
            port,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Passes a request on, and its answer back; 502 when there is none.
    pub(super) async fn forward(&self, mut request: Request) -> Response {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", PathAndQuery::as_str);
        let uri: Uri = match format!("http://127.0.0.1:{}{target}", self.port).parse() {
            Ok(uri) => uri,
            Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        };
        *request.uri_mut() = uri;
        request.headers_mut().remove(header::CONNECTION);
        match self.client.request(request).await {
            Ok(answer) => {
                let mut answer = answer.map(Body::new);
                // The connection to the caller is another one.
                answer.headers_mut().remove(header::CONNECTION);
                answer.into_response()
            }
            Err(error) => {
                let message = json!({ "message": format!("An invalid response was received from the upstream server: {error}") });
                (StatusCode::BAD_GATEWAY, Json(message)).into_response()
            }
        }
    }
}
