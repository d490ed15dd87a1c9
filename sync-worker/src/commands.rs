//! The subcommands: each reads the configuration it needs, puts its parts together and runs them.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::adopt;
use crate::cache::RedisTarget;
use crate::cli::{AdoptCommand, Command, CronCommand, ImportCommand};
use crate::config::{
    AuthConfig, DatabaseConfig, Environment, HttpConfig, MirrorConfig, OwnerConfig, SyncConfig,
    TokenKey, variables,
};
use crate::error::Error;
use crate::genres::MusicBrainz;
use crate::hot::HotReader;
use crate::http::attempts::Attempts;
use crate::http::client_address::TrustedProxies;
use crate::http::{self, HotState, MirrorReadiness, Readiness};
use crate::jwt::JwtVerifier;
use crate::mirror::Mirror;
use crate::oauth::{self, LinkingContext};
use crate::provider::Provider;
use crate::providers::{ProviderAccess, ProviderClients, http_client};
use crate::sync::{self, Allowance, SyncContext};
use crate::telemetry::{Metrics, RedisUse};
use crate::vault::Vault;
use crate::{capacity, cron, doctor, genres, history, shutdown};

/// A statement waits no longer for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Connections beside those of syncs: the mirror reads and beats, readiness and the callback ask.
const OTHER_CONNECTIONS: u32 = 4;

/// Hot reads that ask Postgres at once.
const HOT_READS: u32 = 8;

/// Runs one subcommand to its end.
///
/// # Errors
/// What ended it, as text for a person.
pub async fn run(command: Command, env: &Environment) -> Result<(), Error> {
    match command {
        Command::Run => serve(env).await,
        Command::Sync(arguments) => only_sync(env, arguments.once).await,
        Command::Mirror => only_mirror(env).await,
        Command::Doctor => doctor(env).await,
        Command::Capacity(arguments) => budgets(env, arguments.json).await,
        Command::Adopt(command) => take_over(env, command).await,
        Command::Import(command) => bring_in(env, command).await,
        Command::Cron(command) => scheduled_jobs(env, command).await,
        Command::Reseal => reseal(env).await,
        Command::Keygen(arguments) => keygen(&arguments.id),
    }
}

/// A pool that connects when it is first used: the worker starts before its database.
fn pool(config: &DatabaseConfig, most: u32) -> Result<PgPool, Error> {
    Ok(PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(CONNECT_PATIENCE)
        .connect_lazy_with(connect_options(config)?))
}

/// A pool for a command that is over soon. It is connected first: a pool tries again until its
/// patience ends, and then no longer knows what was wrong.
async fn connected_pool(config: &DatabaseConfig, most: u32) -> Result<PgPool, Error> {
    PgConnection::connect_with(&connect_options(config)?)
        .await?
        .close()
        .await?;
    pool(config, most)
}

fn connect_options(config: &DatabaseConfig) -> Result<PgConnectOptions, Error> {
    Ok(PgConnectOptions::from_str(config.url.expose_secret())?
        .application_name("bondhu sync-worker"))
}

async fn serve(env: &Environment) -> Result<(), Error> {
    let database = DatabaseConfig::from_env(env)?;
    let sync = SyncConfig::optional_from_env(env)?;
    let mirror = MirrorConfig::optional_from_env(env)?;
    let auth = AuthConfig::optional_from_env(env)?;
    let http = HttpConfig::from_env(env)?;

    let listener = http::listen(http.addr, &variables::HTTP_ADDR).await?;
    let metrics_listener = match http.metrics_addr {
        Some(addr) => Some(http::listen(addr, &variables::METRICS_ADDR).await?),
        None => None,
    };
    let stop = signals()?;
    let syncs = sync.as_ref().map_or(0, |sync| {
        u32::try_from(sync.concurrency).unwrap_or(u32::MAX)
    });
    let others = OTHER_CONNECTIONS + HOT_READS;
    let database = pool(&database, syncs.saturating_add(others))?;
    let metrics = Arc::new(Metrics::default());

    let redis = mirror.as_ref().map(|config| config.redis.clone());
    let verifier = match &auth {
        Some(auth) => {
            let legacy = auth.legacy_secret.as_ref();
            let client = provider_client()?;
            Some(JwtVerifier::new(&auth.supabase_url, legacy, client))
        }
        None => None,
    };
    let syncing = sync
        .as_ref()
        .map(|config| {
            let metrics = Arc::clone(&metrics);
            let callers = CallerIdentity {
                verifier: verifier.clone(),
                proxies: http.trusted_proxies.clone(),
            };
            Syncing::new(config, callers, &database, metrics, redis.clone())
        })
        .transpose()?;
    let mirroring = match &mirror {
        Some(config) => Some(Mirror::new(config, database.clone(), Arc::clone(&metrics))?),
        None => {
            tracing::info!("REDIS_URL is not set: no mirror, every read is served from Postgres");
            None
        }
    };
    let sync = syncing.as_ref().map_or_else(
        || "off: neither SPOTIFY_CLIENT_ID nor GOOGLE_CLIENT_ID is set".to_owned(),
        Syncing::describe,
    );
    tracing::info!(sync, "listening on http://{}", http.addr);
    let mirror_readiness = mirror
        .as_ref()
        .zip(mirroring.as_ref())
        .map(|(config, mirror)| MirrorReadiness {
            redis: (config.redis.clone()).counted(metrics.redis.commands(RedisUse::Other)),
            status: mirror.status(),
            freshness: config.freshness,
        });
    let readiness = Readiness::new(database.clone(), mirror_readiness, sync);
    let limits = http.limits;
    let proxies = http.trusted_proxies;
    let measured_proxies = proxies.clone();
    let mut routes = syncing.as_ref().map_or_else(Router::new, |syncing| {
        syncing.routes(http.cors_origins.clone())
    });
    match verifier {
        Some(auth) => {
            let reader = HotReader::new(
                database.clone(),
                HOT_READS as usize,
                redis,
                Arc::clone(&metrics),
            );
            let state = HotState { reader, auth };
            routes = routes.merge(http::hot_router(state, http.cors_origins));
        }
        None => tracing::info!("SUPABASE_URL is not set: no documents are served over HTTP"),
    }
    let router = http::router(readiness, routes, limits.reading);

    let served = {
        let stop = stop.clone();
        async move {
            let outcome = http::serve(listener, router, limits, proxies, stop.clone()).await;
            // Without HTTP nobody can link an account or see what is wrong: end, and be restarted.
            stop.cancel();
            outcome
        }
    };
    let measured = async {
        match metrics_listener {
            Some(listener) => {
                let router = http::metrics_router(metrics);
                http::serve(listener, router, limits, measured_proxies, stop.clone()).await
            }
            None => Ok(()),
        }
    };
    let synced = async {
        if let Some(syncing) = &syncing {
            syncing.run(&stop).await;
        }
    };
    let mirrored = async {
        if let Some(mirror) = &mirroring {
            mirror.run(stop.clone()).await;
        }
    };
    let (served, measured, (), ()) = tokio::join!(served, measured, synced, mirrored);
    database.close().await;
    served.and(measured)
}

fn provider_client() -> Result<reqwest::Client, Error> {
    http_client().map_err(|e| Error::Process(format!("TLS cannot be set up: {e}")))
}

/// How the linking routes know who comes.
#[derive(Default)]
struct CallerIdentity {
    verifier: Option<Arc<JwtVerifier>>,
    proxies: TrustedProxies,
}

/// What syncing and the OAuth callback share.
struct Syncing {
    context: Arc<SyncContext>,
    callback: Arc<LinkingContext>,
    genres: Option<MusicBrainz>,
}

impl Syncing {
    fn new(
        config: &SyncConfig,
        callers: CallerIdentity,
        database: &PgPool,
        metrics: Arc<Metrics>,
        redis: Option<RedisTarget>,
    ) -> Result<Self, Error> {
        let vault = Arc::new(Vault::new(&config.token_keys));
        let http = provider_client()?;
        let clients = ProviderClients::new(&ProviderAccess::of(config), &http);
        let genres = config
            .musicbrainz_url
            .clone()
            .map(|url| MusicBrainz::new(http, url, &config.public_url));
        let callback = LinkingContext {
            database: database.clone(),
            vault: Arc::clone(&vault),
            clients: clients.clone(),
            verifier: callers.verifier,
            proxies: callers.proxies,
            attempts: Attempts::default(),
        };
        let counts = |redis: RedisTarget| {
            Allowance::new(redis.counted(metrics.redis.commands(RedisUse::Other)))
        };
        let allowance = redis.map_or_else(Allowance::without_redis, counts);
        let context = SyncContext {
            database: database.clone(),
            vault,
            clients,
            concurrency: config.concurrency,
            worker: worker_name(),
            metrics,
            allowance,
        };
        Ok(Self {
            context: Arc::new(context),
            callback: Arc::new(callback),
            genres,
        })
    }

    async fn run(&self, stop: &CancellationToken) {
        let asked = async {
            if let Some(source) = &self.genres {
                genres::run(source, &self.context.database, stop).await;
            }
        };
        tokio::join!(sync::run(Arc::clone(&self.context), stop.clone()), asked);
    }

    fn routes(&self, origins: Vec<HeaderValue>) -> Router {
        oauth::router(Arc::clone(&self.callback), origins)
    }

    fn describe(&self) -> String {
        let mut names: Vec<_> = self
            .context
            .clients
            .providers()
            .map(Provider::name)
            .collect();
        names.sort_unstable();
        format!("syncs {}", names.join(" and "))
    }
}

/// Who holds leases, for operators: host and process.
fn worker_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}", host.trim(), std::process::id())
}

async fn only_sync(env: &Environment, once: bool) -> Result<(), Error> {
    let database = DatabaseConfig::from_env(env)?;
    let config = SyncConfig::from_env(env)?;
    let stop = signals()?;
    let most = u32::try_from(config.concurrency)
        .unwrap_or(u32::MAX)
        .saturating_add(OTHER_CONNECTIONS);
    let database = if once {
        connected_pool(&database, most).await?
    } else {
        pool(&database, most)?
    };
    let syncing = Syncing::new(
        &config,
        CallerIdentity::default(),
        &database,
        Arc::default(),
        None,
    )?;
    if once {
        let synced = sync::run_once(syncing.context, stop).await?;
        println!(
            "{synced} {} synced",
            if synced == 1 {
                "connection"
            } else {
                "connections"
            }
        );
    } else {
        syncing.run(&stop).await;
    }
    database.close().await;
    Ok(())
}

async fn only_mirror(env: &Environment) -> Result<(), Error> {
    let database = DatabaseConfig::from_env(env)?;
    let config = MirrorConfig::from_env(env)?;
    let stop = signals()?;
    let database = pool(&database, OTHER_CONNECTIONS)?;
    Mirror::new(&config, database.clone(), Arc::default())?
        .run(stop)
        .await;
    database.close().await;
    Ok(())
}

async fn doctor(env: &Environment) -> Result<(), Error> {
    let report = doctor::examine(env).await;
    println!("{report}");
    match report.failures() {
        0 => Ok(()),
        failures => Err(Error::Unwell(failures)),
    }
}

async fn budgets(env: &Environment, as_json: bool) -> Result<(), Error> {
    let database = connected_pool(&DatabaseConfig::from_env(env)?, 1).await?;
    let capacities = capacity::read(&database).await?;
    database.close().await;
    if as_json {
        println!("{:#}", capacity::json(&capacities));
    } else {
        print!("{}", capacity::table(&capacities));
    }
    Ok(())
}

async fn scheduled_jobs(env: &Environment, command: CronCommand) -> Result<(), Error> {
    let database = connected_pool(&DatabaseConfig::from_env(env)?, 1).await?;
    match command {
        CronCommand::Install => {
            let jobs = cron::install(&database).await?;
            println!("{jobs} jobs are scheduled");
            println!("{}", cron::table_of_jobs(&cron::list(&database).await?));
        }
        CronCommand::List => println!("{}", cron::table_of_jobs(&cron::list(&database).await?)),
        CronCommand::Remove => println!("{} jobs were removed", cron::remove(&database).await?),
        CronCommand::History { rows } => {
            println!(
                "{}",
                cron::table_of_runs(&cron::history(&database, rows).await?)
            );
        }
    }
    database.close().await;
    Ok(())
}

fn owner(env: &Environment) -> Result<PgConnectOptions, Error> {
    let owner = OwnerConfig::from_env(env)?;
    let owner = PgConnectOptions::from_str(owner.url.expose_secret())?;
    // It reads whole tables, and says itself how long that takes.
    Ok(owner
        .application_name("bondhu sync-worker")
        .disable_statement_logging())
}

async fn bring_in(env: &Environment, command: ImportCommand) -> Result<(), Error> {
    let ImportCommand::Messages { file, user, share } = command;
    history::import_messages(&owner(env)?, &file, &user, share, &signals()?).await?;
    Ok(())
}

async fn take_over(env: &Environment, command: AdoptCommand) -> Result<(), Error> {
    let owner = owner(env)?;
    match command {
        AdoptCommand::Plan { json } => adopt::plan(&owner, json).await?,
        AdoptCommand::Apply {
            without_tokens,
            share,
        } => {
            let vault = if !without_tokens && adopt::has_links(&owner).await? {
                let keys = TokenKey::from_env(env).map_err(adopt::AdoptError::NoKeys)?;
                Some(Vault::new(&keys))
            } else {
                None
            };
            adopt::apply(&owner, vault, share, &signals()?).await?;
        }
        AdoptCommand::Verify { json } => adopt::verify(&owner, json).await?,
        AdoptCommand::Undo => adopt::undo(&owner).await?,
        AdoptCommand::Confirm { project } => adopt::confirm(&owner, project.as_deref()).await?,
    }
    Ok(())
}

async fn reseal(env: &Environment) -> Result<(), Error> {
    let vault = Vault::new(&TokenKey::from_env(env)?);
    let database = connected_pool(&DatabaseConfig::from_env(env)?, 1).await?;
    let sync::Resealed {
        resealed,
        unreadable,
    } = sync::reseal(&database, &vault).await?;
    database.close().await;
    println!("{resealed} tokens were sealed anew with the first of BONDHU_TOKEN_KEYS");
    match unreadable {
        0 => Ok(()),
        unreadable => Err(Error::Unreadable(unreadable)),
    }
}

fn keygen(id: &str) -> Result<(), Error> {
    let entry = TokenKey::generate(id).to_entry();
    // What is printed has to be what is accepted.
    TokenKey::parse_list(&entry).map_err(|_| Error::KeyId)?;
    println!("{entry}");
    Ok(())
}

fn signals() -> Result<CancellationToken, Error> {
    shutdown::on_signal().map_err(|e| Error::Process(format!("cannot listen for signals: {e}")))
}
