//! The Data API: postrust, a server that answers as PostgREST does, in a process of its own.
//!
//! <https://docs.rs/postrust-server>. In front of it stand two ways of writing a query that it does not read.

mod program;
mod query;

use std::path::Path;
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

pub use program::build;

/// How long it may take to read the schema.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Rows that one answer holds, as in `supabase/config.toml`.
const MAX_ROWS: &str = "1000";

/// The server, and the way to it.
#[derive(Debug)]
pub struct DataApi {
    server: Server,
    upstream: Upstream,
}

impl DataApi {
    /// Starts the program for a database; `database_url` signs in as `authenticator`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(
        program: &Path,
        database_url: &str,
        keys: &Keys,
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
            upstream: Upstream::new(port),
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
        Router::new()
            .fallback(forward)
            .with_state(self.upstream.clone())
    }
}

async fn forward(State(upstream): State<Upstream>, mut request: Request) -> Response {
    if let Some(uri) = query::rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    upstream.forward(request).await
}
