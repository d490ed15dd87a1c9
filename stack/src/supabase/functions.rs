//! Edge functions: each folder of `supabase/functions` served by a Deno of its own, started when it is first
//! called.
//!
//! <https://supabase.com/docs/guides/functions/error-codes>

mod settings;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use rustix::process::Signal;
use serde_json::json;
use tokio::sync::Mutex;

use super::forward::Upstream;
use super::keys::{Keys, TokenError};
use crate::process::{Server, free_port, with_death_signal};
use crate::usage::Usage;
use crate::{paths, wait};

use settings::Settings;

/// How long a function may take to load, its packages included the first time.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// What of this process's environment a function's Deno has: with it, it fetches packages.
/// <https://docs.deno.com/runtime/reference/env_variables/>
const PASSED_ON: [&str; 9] = [
    "PATH",
    "DENO_CERT",
    "DENO_TLS_CA_STORE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NPM_CONFIG_REGISTRY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// What runs in front of a function: what the hosted runtime has and Deno has not.
const RUNTIME: &str = "stack/functions/edge_runtime.ts";

/// How functions are served.
#[derive(Debug)]
pub struct FunctionsConfig {
    /// The program.
    pub deno: PathBuf,
    /// A folder for each function, its code in `index.ts`.
    pub directory: PathBuf,
    /// Environment of all functions.
    pub environment: Vec<(String, String)>,
    /// Where their logs go.
    pub logs: PathBuf,
}

/// All functions. Dropping it ends them.
#[derive(Debug)]
pub struct Functions {
    config: FunctionsConfig,
    settings: Settings,
    keys: Arc<Keys>,
    running: Mutex<HashMap<String, Running>>,
}

#[derive(Debug)]
struct Running {
    server: Server,
    upstream: Upstream,
}

/// What the platform answers in a function's place.
#[derive(Debug)]
enum Refusal {
    NotFound,
    NoToken,
    /// It is no token, or the check does not understand it.
    TokenFormat,
    Token,
    Boot,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "Requested function was not found",
            ),
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED_NO_AUTH_HEADER",
                "Missing authorization header",
            ),
            Self::TokenFormat => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED_INVALID_JWT_FORMAT",
                "Invalid JWT",
            ),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED_LEGACY_JWT",
                "Invalid JWT",
            ),
            Self::Boot => (
                StatusCode::SERVICE_UNAVAILABLE,
                "BOOT_ERROR",
                "Function failed to start (please check logs)",
            ),
        };
        let mut answer =
            (status, Json(json!({ "code": code, "message": message }))).into_response();
        answer
            .headers_mut()
            .insert("sb-error-code", HeaderValue::from_static(code));
        answer
    }
}

impl Functions {
    /// Serves the functions of a folder.
    ///
    /// # Errors
    /// `supabase/config.toml` cannot be read.
    pub fn new(config: FunctionsConfig, keys: Arc<Keys>) -> Result<Arc<Self>> {
        std::fs::create_dir_all(&config.logs)
            .with_context(|| format!("cannot make {}", config.logs.display()))?;
        Ok(Arc::new(Self {
            settings: Settings::read(&config.directory)?,
            config,
            keys,
            running: Mutex::default(),
        }))
    }

    /// Everything below `/functions/v1`.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(serve).with_state(Arc::clone(self))
    }

    /// What a running function takes.
    pub(super) async fn usage(&self, name: &str) -> Option<Usage> {
        let running = self.running.lock().await;
        running.get(name).map(|function| function.server.usage())
    }

    /// Ends them.
    pub(super) fn stop(&self) {
        if let Ok(mut running) = self.running.try_lock() {
            running.clear();
        }
    }

    async fn answer(&self, request: Request) -> Result<Response, Refusal> {
        let name = request.uri().path().split('/').nth(1).unwrap_or_default();
        let entry = self.entry_point(name).ok_or(Refusal::NotFound)?;
        if self.settings.verifies_jwt(name) && request.method() != Method::OPTIONS {
            self.check_token(&request)?;
        }
        let upstream = self.upstream(name, &entry).await.map_err(|error| {
            eprintln!("function {name}: {error:#}");
            Refusal::Boot
        })?;
        Ok(upstream.forward(request).await)
    }

    fn entry_point(&self, name: &str) -> Option<PathBuf> {
        let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let entry = self.config.directory.join(name).join("index.ts");
        (is_name && entry.is_file()).then_some(entry)
    }

    /// The platform's check, which only knows the old keys' secret: a function that signed-in users call sets
    /// `verify_jwt = false`, and checks by itself.
    fn check_token(&self, request: &Request) -> Result<(), Refusal> {
        let token = request
            .headers()
            .get(header::AUTHORIZATION)
            .ok_or(Refusal::NoToken)?
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(Refusal::TokenFormat)?;
        let is_legacy = jsonwebtoken::decode_header(token)
            .is_ok_and(|header| header.alg == jsonwebtoken::Algorithm::HS256);
        match self.keys.verify(token) {
            Ok(_) if is_legacy => Ok(()),
            Ok(_) | Err(TokenError::Malformed) => Err(Refusal::TokenFormat),
            Err(TokenError::Signature | TokenError::Expired) => Err(Refusal::Token),
        }
    }

    /// The way to a function, which is started if it does not run.
    async fn upstream(&self, name: &str, entry: &Path) -> Result<Upstream> {
        let mut running = self.running.lock().await;
        if let Some(found) = running.get_mut(name)
            && found.server.check_running().is_ok()
        {
            return Ok(found.upstream.clone());
        }
        running.remove(name);
        let started = self.start(name, entry).await?;
        let upstream = started.upstream.clone();
        running.insert(name.to_owned(), started);
        Ok(upstream)
    }

    async fn start(&self, name: &str, entry: &Path) -> Result<Running> {
        let port = free_port()?;
        let mut deno = with_death_signal(&self.config.deno, Signal::TERM);
        deno.args(["run", "--quiet", "--allow-all", "--no-prompt", "--preload"])
            .arg(paths::checkout().join(RUNTIME))
            .arg(entry)
            .current_dir(&self.config.directory)
            .env_clear()
            .envs(passed_on())
            .env("DENO_DIR", paths::state_directory()?.join("deno"))
            .env("DENO_NO_UPDATE_CHECK", "1")
            .env("DENO_SERVE_ADDRESS", format!("tcp:127.0.0.1:{port}"))
            .envs(self.config.environment.iter().cloned())
            .envs(self.settings.secrets());
        let log = self.config.logs.join(format!("{name}.log"));
        let mut server = Server::start(name, deno, Signal::TERM, &log)?;
        wait::for_port(port, START_TIMEOUT, || server.check_running()).await?;
        Ok(Running {
            server,
            upstream: Upstream::new(port),
        })
    }
}

fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    let value = |name: &'static str| Some((name, std::env::var_os(name)?));
    PASSED_ON.into_iter().filter_map(value)
}

async fn serve(State(functions): State<Arc<Functions>>, request: Request) -> Response {
    functions
        .answer(request)
        .await
        .unwrap_or_else(Refusal::into_response)
}
