//! What syncing is soaked and measured with: a private Postgres, the providers' stand-in,
//! people with linked accounts, and databases that all begin as they stood after linking.

mod stored_rows;
mod supervision;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use bondhu_stack::cluster::{Cluster, ClusterConfig, SUPERUSER};
use bondhu_stack::installation::Installation;
use bondhu_stack::ports::Ports;
use bondhu_stack::redis_server::RedisServer;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::worker::{Environment, Worker};
use bondhu_stack::{consent, stack, template};
use bondhu_standin::{Standin, StandinConfig};

pub use stored_rows::{Difference, StoredRows};
pub use supervision::{abandon_leases, settled, unsettled};

/// What the stand-in calls the providers' APIs and the database the providers.
pub const PROVIDERS: [&str; 2] = ["spotify", "youtube"];

/// The database in which people link their accounts; all others are copies of it.
const LINKED: &str = "linked";

/// The providers' present is so long ago that no clock of ours is behind it.
const BEHIND: TimeDelta = TimeDelta::hours(6);

/// As long as anything here waits for a statement.
const PATIENCE: Duration = Duration::from_secs(30);

/// The servers, and what a worker needs to know of them. Dropping it ends and removes all.
#[derive(Debug)]
pub struct Rig {
    /// The providers.
    pub standin: Standin,
    cluster: Cluster,
    cluster_config: ClusterConfig,
    ports: Ports,
    token_key: String,
    // The last to go: the servers' files are in it.
    directory: RunDirectory,
}

impl Rig {
    /// Starts Postgres and the stand-in; `kind` names the run's directory.
    ///
    /// # Errors
    /// A server does not start.
    pub async fn start(kind: &str, durable: bool) -> Result<Self> {
        let directory = RunDirectory::create(kind)?;
        let ports = Ports::free()?;
        let installation =
            Installation::debian_15()?.private_tree(&directory.path().join("postgres"))?;
        let cluster_config = ClusterConfig {
            port: ports.postgres,
            durable,
            cron_database: "postgres".to_owned(),
        };
        let data = directory.path().join("data");
        let cluster = Cluster::start(installation, &data, &cluster_config).await?;
        let standin = Standin::start(StandinConfig {
            youtube_daily_units: u32::MAX,
            now: Some(Utc::now() - BEHIND),
            ..stack::standin_config(ports)
        })
        .await?;
        template::ensure(&cluster.superuser()?).await?;
        Ok(Self {
            standin,
            cluster,
            cluster_config,
            ports,
            token_key: stack::fresh_token_key(),
            directory,
        })
    }

    /// Lets `people` link these providers, person `n` as account `n`. Nothing is pulled yet.
    ///
    /// # Errors
    /// An account cannot be linked.
    pub async fn link(&self, people: u64, providers: &[&str]) -> Result<()> {
        template::copy(&self.cluster.superuser()?, LINKED).await?;
        let owner = self.cluster.url("postgres", LINKED);
        stack::point_providers_at(&owner, &self.standin, self.ports).await?;
        let admin = self.admin(LINKED).await?;
        sqlx::query(
            "update bondhu.provider_settings
             set requests_per_window = 1000000000, blocked_until = now() + interval '1 day', blocked_reason = 'linking'",
        )
        .execute(&admin)
        .await?;
        let api = pool(&self.cluster.url("authenticator", LINKED)).await?;
        let proxies = ("BONDHU_TRUSTED_PROXIES", "127.0.0.1".to_owned());
        let mut worker = self.worker(LINKED, &[proxies]).await?;
        for person in 1..=people {
            let user = user(person);
            sqlx::query("insert into auth.users (id, email) values ($1, $2)")
                .bind(user)
                .bind(format!("{person}@example.org"))
                .execute(&admin)
                .await
                .context("auth.users")?;
            self.standin.sign_in(person);
            for provider in providers {
                let code = consent::code(&api, user, provider).await?;
                consent::confirm(&api, user, &code).await?;
            }
        }
        worker.stop();
        for statement in [
            "update bondhu.provider_settings set blocked_until = null, blocked_reason = null",
            "delete from bondhu.provider_ledger",
        ] {
            sqlx::query(statement).execute(&admin).await?;
        }
        // A database with visitors cannot be copied.
        admin.close().await;
        api.close().await;
        Ok(())
    }

    /// A new database of which nobody knows yet.
    ///
    /// # Errors
    /// It exists already.
    pub async fn empty_database(&self, name: &str) -> Result<PgPool> {
        template::copy(&self.cluster.superuser()?, name).await?;
        self.admin(name).await
    }

    /// A new database in which the first `people` have linked their accounts.
    ///
    /// # Errors
    /// It exists already, or [`Self::link`] was not called.
    pub async fn database(&self, name: &str, people: u64) -> Result<PgPool> {
        let server = self.cluster.superuser()?;
        template::copy_of(&server, LINKED, name).await?;
        let admin = self.admin(name).await?;
        sqlx::query("delete from auth.users where id > $1")
            .bind(user(people))
            .execute(&admin)
            .await?;
        Ok(admin)
    }

    /// Removes a database.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn remove(&self, name: &str) -> Result<()> {
        template::remove(&self.cluster.superuser()?, name).await
    }

    /// Starts a worker and waits until it is ready; `also` is told to it besides.
    ///
    /// # Errors
    /// It is not built, or does not become ready.
    pub async fn worker(&self, database: &str, also: &[(&'static str, String)]) -> Result<Worker> {
        let environment = self.environment(database, also);
        Worker::start(&environment, self.ports.worker, &self.worker_directory()?).await
    }

    /// As [`Self::worker`], and waits for nothing.
    ///
    /// # Errors
    /// It is not built.
    pub fn spawn_worker(&self, database: &str, also: &[(&'static str, String)]) -> Result<Worker> {
        let environment = self.environment(database, also);
        Worker::launch(&environment, self.ports.worker, &self.worker_directory()?)
    }

    /// A Redis, and what makes a worker mirror `database` into it.
    ///
    /// # Errors
    /// Redis does not start.
    pub async fn redis(
        &self,
        database: &str,
    ) -> Result<(RedisServer, [(&'static str, String); 2])> {
        let redis = RedisServer::temporary_on(self.ports.redis).await?;
        let environment = stack::mirror_environment(&self.cluster, database, &redis);
        Ok((redis, environment))
    }

    /// Lets Postgres count statements, in the extension `pg_stat_statements`. It is restarted.
    ///
    /// # Errors
    /// The server does not have the extension.
    pub async fn count_statements(&mut self) -> Result<()> {
        let admin = self.admin("postgres").await?;
        sqlx::query("alter system set shared_preload_libraries = 'pg_stat_statements'")
            .execute(&admin)
            .await?;
        admin.close().await;
        self.restart_postgres().await
    }

    /// Ends Postgres as its operator would, and starts it again.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn restart_postgres(&mut self) -> Result<()> {
        self.cluster.stop();
        self.cluster = Cluster::start(
            self.cluster.installation.clone(),
            &self.directory.path().join("data"),
            &self.cluster_config,
        )
        .await?;
        Ok(())
    }

    fn environment(&self, database: &str, also: &[(&'static str, String)]) -> Environment {
        let Self { cluster, .. } = self;
        let key = self.token_key.clone();
        let mut environment =
            stack::worker_environment(cluster, database, &self.standin, self.ports, key);
        environment.extend_from_slice(also);
        environment
    }

    fn worker_directory(&self) -> Result<PathBuf> {
        let path: &Path = &self.directory.path().join("worker");
        std::fs::create_dir_all(path)?;
        Ok(path.to_owned())
    }

    async fn admin(&self, database: &str) -> Result<PgPool> {
        pool(&self.cluster.url(SUPERUSER, database)).await
    }
}

/// The id of a person; ordered as their numbers.
pub fn user(person: u64) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_4000_8000 << 48 | u128::from(person))
}

async fn pool(url: &str) -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(PATIENCE)
        .connect(url)
        .await?)
}
