//! A stand-in for Supabase's own services, behind one URL as a project has it: Data API, Auth, Realtime
//! and edge functions. Where it differs from a project, it is wrong; nothing in product code knows it.

mod auth;
pub mod data_api;
mod forward;
pub mod functions;
mod gateway;
pub mod keys;
pub mod realtime;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::serve::ListenerExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cluster::{Cluster, SUPERUSER};
use crate::paths;
use crate::schema::SqlFile;
use crate::usage::Usage;
use auth::Auth;
use data_api::DataApi;
use functions::{Functions, FunctionsConfig};
use keys::Keys;
use realtime::Realtime;

/// Connections of each service.
const CONNECTIONS: u32 = 5;

/// The programs that it runs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// [`data_api::build`] makes it.
    pub data_api: PathBuf,
    /// Runs the functions.
    pub deno: PathBuf,
}

/// Whose services they are.
#[derive(Debug)]
pub struct SupabaseConfig<'a> {
    /// Where it listens.
    pub port: u16,
    /// Its database server.
    pub cluster: &'a Cluster,
    /// The database in it, with the schema.
    pub database: &'a str,
    /// What signs its tokens.
    pub keys: Keys,
    /// What it runs.
    pub programs: &'a Programs,
    /// Where the functions are.
    pub functions: PathBuf,
    /// More for the functions' environment.
    pub environment: Vec<(String, String)>,
    /// Where its logs go.
    pub directory: &'a Path,
}

/// The services of one project. Dropping it ends them.
#[derive(Debug)]
pub struct Supabase {
    url: String,
    keys: Arc<Keys>,
    data_api: DataApi,
    functions: Arc<Functions>,
    realtime: Arc<Realtime>,
    gateway: JoinHandle<()>,
}

impl Supabase {
    /// Starts the services.
    ///
    /// # Errors
    /// One does not start, or the port is taken.
    pub async fn start(config: SupabaseConfig<'_>) -> Result<Self> {
        std::fs::create_dir_all(config.directory)
            .with_context(|| format!("cannot make {}", config.directory.display()))?;
        let url = format!("http://127.0.0.1:{}", config.port);
        let keys = Arc::new(config.keys);
        let login = |role: &str| config.cluster.url(role, config.database);

        let mut superuser = pool(&login(SUPERUSER)).await?.acquire().await?.detach();
        SqlFile::read(&paths::checkout().join("stack/sql/auth.sql"))?
            .run(&mut superuser)
            .await?;
        let realtime = Realtime::start(pool(&login(SUPERUSER)).await?, Arc::clone(&keys)).await?;
        authorize_realtime(&login("postgres")).await?;
        let auth = Auth::new(
            pool(&login("supabase_auth_admin")).await?,
            Arc::clone(&keys),
            &url,
        );
        let data_api = DataApi::start(
            &config.programs.data_api,
            &login("authenticator"),
            &keys,
            &config.directory.join("data-api.log"),
        )
        .await?;
        let mut environment = function_environment(&url, &keys);
        environment.push(("SUPABASE_DB_URL".to_owned(), login("postgres")));
        environment.extend(config.environment);
        let functions = Functions::new(
            FunctionsConfig {
                deno: config.programs.deno.clone(),
                directory: config.functions,
                environment,
                logs: config.directory.join("functions"),
            },
            Arc::clone(&keys),
        )?;

        let services = Router::new()
            .nest("/auth/v1", auth::router(auth))
            .nest("/rest/v1", data_api.router())
            .nest("/realtime/v1", realtime::router(Arc::clone(&realtime)))
            .nest("/functions/v1", functions.router());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))
            .await
            .with_context(|| format!("port {}", config.port))?;
        let router = gateway::router(Arc::clone(&keys), services);
        // Small frames go at once: a broadcast and its answer are two.
        let listener = listener.tap_io(|connection| {
            connection.set_nodelay(true).ok();
        });
        let gateway = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the gateway ended: {error}");
            }
        });
        Ok(Self {
            url,
            keys,
            data_api,
            functions,
            realtime,
            gateway,
        })
    }

    /// Its `SUPABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The variables that apps read, by name.
    pub fn variables(&self) -> [(&'static str, &str); 5] {
        [
            ("SUPABASE_URL", &self.url),
            ("SUPABASE_PUBLISHABLE_KEY", self.keys.publishable()),
            ("SUPABASE_SECRET_KEY", self.keys.secret()),
            ("SUPABASE_ANON_KEY", self.keys.anon()),
            ("SUPABASE_SERVICE_ROLE_KEY", self.keys.service_role()),
        ]
    }

    /// What a function takes, if it runs.
    pub async fn function_usage(&self, name: &str) -> Option<Usage> {
        self.functions.usage(name).await
    }

    /// Fails, with the end of its log, when a service has ended.
    ///
    /// # Errors
    /// One has.
    pub fn check_running(&mut self) -> Result<()> {
        self.data_api.check_running()
    }
}

impl Drop for Supabase {
    fn drop(&mut self) {
        self.gateway.abort();
        self.realtime.end();
        self.functions.stop();
    }
}

/// As an operator does whose project got Realtime after the migrations, and would not wait for the job.
async fn authorize_realtime(owner: &str) -> Result<()> {
    sqlx::query("select bondhu.authorize_realtime()")
        .execute(&pool(owner).await?)
        .await
        .context("bondhu.authorize_realtime()")?;
    Ok(())
}

async fn pool(url: &str) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS);
    options.connect(url).await.context("Supabase's services")
}

/// <https://supabase.com/docs/guides/functions/secrets#default-secrets>
fn function_environment(url: &str, keys: &Keys) -> Vec<(String, String)> {
    let named = |key: &str| serde_json::json!({ "default": key }).to_string();
    [
        ("SUPABASE_URL", url.to_owned()),
        ("SUPABASE_ANON_KEY", keys.anon().to_owned()),
        ("SUPABASE_SERVICE_ROLE_KEY", keys.service_role().to_owned()),
        ("SUPABASE_PUBLISHABLE_KEYS", named(keys.publishable())),
        ("SUPABASE_SECRET_KEYS", named(keys.secret())),
        ("SUPABASE_JWKS", keys.key_set().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
