//! The whole stack: Postgres with an engine, Redis, the stand-in, the worker.

mod project;

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::{Connection as _, PgConnection};

use crate::cluster::{Cluster, ClusterConfig, SUPERUSER};
use crate::extension::{self, Extension};
use crate::installation::Installation;
use crate::ports::Ports;
use crate::process::free_port;
use crate::redis_rest::RedisRest;
use crate::redis_server::RedisServer;
use crate::schema::SqlFile;
use crate::supabase::{Programs, Supabase};
use crate::worker::{self, Worker};
use crate::{migrations, run_directory, schema};
use bondhu_standin::{Client, Provider, Standin, StandinConfig};

/// The database, named as on Supabase.
pub const DATABASE: &str = "postgres";

/// Origin of the app that users return to after consent.
pub const APP_ORIGIN: &str = "http://127.0.0.1:3000";

/// A running stack. Dropping it ends its parts, dependents first.
#[derive(Debug)]
pub struct Stack {
    /// The sync worker.
    pub worker: Worker,
    /// Supabase's services, if the stack has them.
    pub supabase: Option<Supabase>,
    /// What its functions are given besides what every project gives them.
    pub function_environment: Vec<(String, String)>,
    /// Redis for its functions.
    pub redis_rest: Option<RedisRest>,
    /// The providers.
    pub standin: Standin,
    /// Redis.
    pub redis: RedisServer,
    /// Postgres.
    pub cluster: Cluster,
    /// The worker's environment.
    pub environment: worker::Environment,
    /// Address and port of the worker's metrics.
    pub metrics: String,
    directory: PathBuf,
}

/// How a stack is set up.
#[derive(Debug)]
pub struct StackConfig<'a> {
    /// Where it keeps its files.
    pub directory: &'a Path,
    /// The ports of its servers.
    pub ports: Ports,
    /// Whether to keep what is stored for the next start.
    pub keep: bool,
    /// The extension; without it the portable engine runs, which the migrations bring.
    pub engine: Option<&'a Extension>,
    /// What Supabase's services run; without it there are none.
    pub supabase: Option<&'a Programs>,
    /// An app that is there before, as SQL, which the worker takes over.
    pub app: &'a [SqlFile],
}

/// Builds the extension for the stack's Postgres; cargo's progress goes to standard error.
///
/// # Errors
/// Postgres is not installed, or the build fails.
pub fn build_engine() -> Result<Extension> {
    extension::build(&Installation::debian_15()?, std::process::Stdio::inherit())
}

/// Which engine a stack runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The extension.
    #[default]
    Native,
    /// The one in SQL, as on servers that load no library.
    Portable,
}

impl Engine {
    /// Builds what has to be put into Postgres for it, if anything.
    ///
    /// # Errors
    /// Postgres is not installed, or the build fails.
    pub fn build(self) -> Result<Option<Extension>> {
        match self {
            Self::Native => build_engine().map(Some),
            Self::Portable => Ok(None),
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "native" => Ok(Self::Native),
            "portable" => Ok(Self::Portable),
            _ => Err("engines are native and portable".to_owned()),
        }
    }
}

impl Stack {
    /// Starts the parts, each after those it needs; `report` is told every step.
    ///
    /// # Errors
    /// A part does not start.
    pub async fn start(config: &StackConfig<'_>, mut report: impl FnMut(&str)) -> Result<Self> {
        let directory = config.directory;
        let cluster = start_postgres(config).await?;
        report(&format!(
            "PostgreSQL {} on port {}",
            cluster.installation.major, config.ports.postgres
        ));

        let (migrations, engine) = prepare_database(&cluster, config).await?;
        match migrations {
            0 => report("schema: up to date"),
            1 => report("schema: 1 migration applied as role postgres, no superuser"),
            n => report(&format!(
                "schema: {n} migrations applied as role postgres, no superuser"
            )),
        }
        report(&format!("engine: {engine}"));

        let redis =
            RedisServer::in_directory(config.ports.redis, &directory.join("redis"), config.keep)
                .await?;
        report(&format!("Redis on port {}", config.ports.redis));

        let standin = Standin::start(standin_config(config.ports)).await?;
        point_providers_at(&cluster.url("postgres", DATABASE), &standin, config.ports).await?;
        report(&format!(
            "stand-in for Spotify and YouTube on port {}",
            config.ports.standin
        ));

        let (mut supabase, mut redis_rest) = (None, None);
        let mut function_environment = Vec::new();
        if let Some(programs) = config.supabase {
            let rest = RedisRest::start(0, &redis.url()).await?;
            function_environment = project::environment_of_functions(&rest, &standin, config.ports);
            let given = function_environment.clone();
            supabase = Some(project::start(config, programs, &cluster, given).await?);
            redis_rest = Some(rest);
        }
        if supabase.is_some() {
            report(&format!(
                "Supabase's services on port {}",
                config.ports.supabase
            ));
        }

        let mut environment = worker_environment(
            &cluster,
            DATABASE,
            &standin,
            config.ports,
            token_key(config)?,
        );
        environment.extend(mirror_environment(&cluster, DATABASE, &redis));
        let metrics = format!("127.0.0.1:{}", free_port()?);
        environment.push(("BONDHU_METRICS_ADDR", metrics.clone()));
        if let Some(supabase) = &supabase {
            environment.extend(project::environment_of_worker(supabase));
        }
        let files = directory.join("worker");
        fs::create_dir_all(&files)?;
        worker::run(&["cron", "install"], &environment, &files)?;
        let worker = Worker::start(&environment, config.ports.worker, &files).await?;
        report(&format!(
            "sync-worker on port {}, its jobs scheduled in pg_cron",
            config.ports.worker
        ));

        Ok(Self {
            worker,
            supabase,
            function_environment,
            redis_rest,
            standin,
            redis,
            cluster,
            environment,
            metrics,
            directory: directory.to_owned(),
        })
    }

    /// Connection string of a role.
    pub fn database_url(&self, role: &str) -> String {
        self.cluster.url(role, DATABASE)
    }

    /// Runs a subcommand of the worker to its end and returns what it printed.
    ///
    /// # Errors
    /// It fails; the error holds all its output.
    pub fn run_worker(&self, arguments: &[&str]) -> Result<String> {
        worker::run(arguments, &self.environment, &self.directory.join("worker"))
    }

    /// Fails, with the end of its log, when a part has ended by itself.
    ///
    /// # Errors
    /// One has.
    pub fn check_running(&mut self) -> Result<()> {
        self.cluster.check_running()?;
        self.redis.check_running()?;
        if let Some(supabase) = &mut self.supabase {
            supabase.check_running()?;
        }
        self.worker.check_running()
    }
}

async fn start_postgres(config: &StackConfig<'_>) -> Result<Cluster> {
    let tree = config.directory.join("postgres");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot renew {}", tree.display()))?;
    }
    let installation = Installation::debian_15()?.private_tree(&tree)?;
    if let Some(extension) = config.engine {
        extension.install(&installation)?;
    }
    let cluster_config = ClusterConfig {
        port: config.ports.postgres,
        durable: true,
        cron_database: DATABASE.to_owned(),
    };
    Cluster::start(
        installation,
        &config.directory.join("data"),
        &cluster_config,
    )
    .await
}

/// How many migrations were applied, and which engine runs now.
async fn prepare_database(cluster: &Cluster, config: &StackConfig<'_>) -> Result<(usize, String)> {
    let mut superuser = PgConnection::connect(&cluster.url(SUPERUSER, DATABASE)).await?;
    sqlx::query("set client_min_messages = warning")
        .execute(&mut superuser)
        .await?;
    schema::bootstrap()?.run(&mut superuser).await?;

    let mut owner = PgConnection::connect(&cluster.url("postgres", DATABASE)).await?;
    if !config.app.is_empty() {
        for file in config.app {
            file.run(&mut owner).await?;
        }
        let owner = ("BONDHU_OWNER_URL", cluster.url("postgres", DATABASE));
        let adopt = ["adopt", "apply", "--without-tokens", "--share", "100"];
        worker::run(&adopt, &vec![owner], config.directory)?;
    }
    let applied = migrations::apply(&mut owner).await?;
    let engine: Option<String> = sqlx::query_scalar("select bondhu.install_engine()")
        .fetch_one(&mut owner)
        .await
        .context("bondhu.install_engine()")?;
    let engine = engine.context("the database has no engine")?;
    owner.close().await?;

    // As an operator does: the migrations make the role without a login.
    sqlx::query("alter role bondhu_worker login")
        .execute(&mut superuser)
        .await?;
    superuser.close().await?;
    Ok((applied, engine))
}

/// The stand-in for a worker on these ports, with the applications that it signs in as.
pub fn standin_config(ports: Ports) -> StandinConfig {
    let client = |id: &str, provider| Client {
        id: id.to_owned(),
        secret: format!("{id}-secret"),
        redirect_uris: vec![callback(ports, provider)],
    };
    StandinConfig {
        port: ports.standin,
        spotify: client("local-spotify-app", "spotify"),
        google: client("local-google-app", "youtube"),
        ..StandinConfig::default()
    }
}

fn callback(ports: Ports, provider: &str) -> String {
    format!(
        "http://127.0.0.1:{}/oauth/{provider}/callback",
        ports.worker
    )
}

/// Points a database's providers at the stand-in; `database` is its owner's connection string.
///
/// # Errors
/// The database does not answer.
pub async fn point_providers_at(database: &str, standin: &Standin, ports: Ports) -> Result<()> {
    let config = standin_config(ports);
    let mut owner = PgConnection::connect(database).await?;
    for (name, provider, client) in [
        ("spotify", Provider::Spotify, config.spotify),
        ("youtube", Provider::YouTube, config.google),
    ] {
        sqlx::query(
            "update bondhu.provider_settings set client_id = $2, authorize_url = $3, redirect_uri = $4, \
             return_to_allow_list = array[$5], blocked_until = null, blocked_reason = null where provider = $1",
        )
        .bind(name)
        .bind(client.id)
        .bind(standin.authorize_url(provider))
        .bind(callback(ports, name))
        .bind(APP_ORIGIN)
        .execute(&mut owner)
        .await
        .context("bondhu.provider_settings")?;
    }
    Ok(owner.close().await?)
}

/// Environment of a worker that syncs `database` from the stand-in.
pub fn worker_environment(
    cluster: &Cluster,
    database: &str,
    standin: &Standin,
    ports: Ports,
    token_key: String,
) -> worker::Environment {
    let config = standin_config(ports);
    let address = format!("127.0.0.1:{}", ports.worker);
    vec![
        ("DATABASE_URL", cluster.url("bondhu_worker", database)),
        ("BONDHU_TOKEN_KEYS", token_key),
        ("SPOTIFY_CLIENT_ID", config.spotify.id),
        ("SPOTIFY_CLIENT_SECRET", config.spotify.secret),
        ("SPOTIFY_ACCOUNTS_URL", standin.spotify_accounts_url()),
        ("SPOTIFY_API_URL", standin.spotify_api_url()),
        ("GOOGLE_CLIENT_ID", config.google.id),
        ("GOOGLE_CLIENT_SECRET", config.google.secret),
        ("GOOGLE_OAUTH_URL", standin.google_oauth_url()),
        ("YOUTUBE_API_URL", standin.youtube_api_url()),
        ("BONDHU_PUBLIC_URL", format!("http://{address}")),
        ("BONDHU_HTTP_ADDR", address),
        (
            "BONDHU_LOG",
            std::env::var("BONDHU_LOG").unwrap_or_else(|_| "info".to_owned()),
        ),
    ]
}

/// What is added to mirror into `redis`.
pub fn mirror_environment(
    cluster: &Cluster,
    database: &str,
    redis: &RedisServer,
) -> [(&'static str, String); 2] {
    [
        ("BONDHU_REPLICATION_URL", cluster.url("postgres", database)),
        ("REDIS_URL", redis.url()),
    ]
}

/// A new key.
pub fn fresh_token_key() -> String {
    format!("local:{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// A new key, or the key that the kept tokens are sealed with.
fn token_key(config: &StackConfig<'_>) -> Result<String> {
    let file = config.directory.join("token-keys");
    if let Ok(kept) = fs::read_to_string(&file) {
        return Ok(kept.trim().to_owned());
    }
    let key = fresh_token_key();
    if config.keep {
        run_directory::write_secret(&file, &key)?;
    }
    Ok(key)
}
