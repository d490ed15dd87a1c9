//! The Data API: postrust, a server that answers as PostgREST does, in a process of its own.
//!
//! <https://docs.rs/postrust-server>. In front of it stand two ways of writing a query that it does not read,
//! behind it what it answers otherwise.

mod answer;
mod program;
mod query;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use rustix::process::Signal;

use super::forward::Upstream;
use super::keys::Keys;
use crate::process::{Server, free_port, with_death_signal};
use crate::wait;

pub use program::{Profile, build, is_built};

/// How long it may take to read the schema.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Rows that one answer holds, as in `supabase/config.toml`.
const MAX_ROWS: &str = "1000";

/// The server, and the way to it.
#[derive(Debug)]
pub struct DataApi {
    server: Server,
    way: Way,
}

/// The way of a request, and of its answer.
#[derive(Clone, Debug)]
struct Way {
    upstream: Upstream,
    keys: Arc<Keys>,
}

impl DataApi {
    /// Starts the program for a database; `database_url` signs in as `authenticator`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(
        program: &Path,
        database_url: &str,
        keys: &Arc<Keys>,
        log: &Path,
    ) -> Result<Self> {
        let port = free_port()?;
        let mut command = with_death_signal(program, Signal::TERM);
        command
            .env("PGRST_DB_URI", database_url)
            .env("PGRST_DB_SCHEMAS", "public")
            .env("PGRST_DB_EXTRA_SEARCH_PATH", "public,extensions")
            .env("PGRST_DB_ANON_ROLE", "anon")
            .env("PGRST_DB_MAX_ROWS", MAX_ROWS)
            .env("PGRST_JWT_SECRET", keys.all().to_string())
            .env("PGRST_SERVER_HOST", "127.0.0.1")
            .env("PGRST_SERVER_PORT", port.to_string())
            // Paths, answers and errors as PostgREST's.
            .env("PGRST_COMPAT_MODE", "true")
            .env_remove("DATABASE_URL")
            .env_remove("PORT");
        let mut server = Server::start("the Data API", command, Signal::TERM, log)?;
        wait::for_port(port, START_TIMEOUT, || server.check_running())
            .await
            .context("the Data API does not answer")?;
        Ok(Self {
            server,
            way: Way {
                upstream: Upstream::new(port),
                keys: Arc::clone(keys),
            },
        })
    }

    /// Fails, with the end of its log, when it has ended.
    ///
    /// # Errors
    /// It has.
    pub fn check_running(&mut self) -> Result<()> {
        self.server.check_running()
    }

    /// Everything below `/rest/v1`.
    pub fn router(&self) -> Router {
        Router::new().fallback(forward).with_state(self.way.clone())
    }
}

async fn forward(State(way): State<Way>, mut request: Request) -> Response {
    if let Some(refusal) = answer::to_no_token(request.headers()) {
        return refusal;
    }
    let is_signed_in = answer::is_signed_in(request.headers(), &way.keys);
    if let Some(uri) = query::rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    let answer = way.upstream.forward(request).await;
    if is_signed_in {
        answer::for_the_signed_in(answer).await
    } else {
        answer
    }
}
