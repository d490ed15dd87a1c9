//! A Postgres, a Redis and workers, on which the mirror is loaded and measured.

use std::path::PathBuf;

use anyhow::{Context, Result};
use jsonwebtoken::{EncodingKey, Header, encode};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use bondhu_stack::cluster::{Cluster, ClusterConfig, SUPERUSER};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::redis_server::RedisServer;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::stack::build_engine;
use bondhu_stack::template;
use bondhu_stack::worker::{Environment, Worker};

const DATABASE: &str = "bondhu";
const PROJECT: &str = "https://project.invalid";
const SECRET: &str = "the secret of a project that is nowhere";

/// The mirror's slot.
pub(crate) const SLOT: &str = "bondhu_mirror";

/// The servers. Dropping it ends them.
pub(crate) struct MirrorRig {
    pub(crate) cluster: Cluster,
    pub(crate) redis: Option<RedisServer>,
    pub(crate) redis_port: u16,
    installation: Installation,
    config: ClusterConfig,
    // Last: servers end before their files go.
    pub(crate) run: RunDirectory,
}

impl MirrorRig {
    /// Starts Postgres with the engine and Redis; `durable` makes commits wait for the disk.
    pub(crate) async fn start(name: &str, durable: bool) -> Result<Self> {
        let engine = build_engine()?;
        let run = RunDirectory::create(name)?;
        let installation = Installation::debian_15()?.private_tree(&run.path().join("postgres"))?;
        engine.install(&installation)?;
        let config = ClusterConfig {
            port: free_port()?,
            durable,
            cron_database: "postgres".to_owned(),
        };
        let data = run.path().join("data");
        let cluster = Cluster::start(installation.clone(), &data, &config).await?;
        let server = cluster.superuser()?;
        template::ensure(&server).await?;
        template::copy(&server, DATABASE).await?;
        let redis = RedisServer::temporary().await?;
        Ok(Self {
            cluster,
            redis_port: redis.port(),
            redis: Some(redis),
            installation,
            config,
            run,
        })
    }

    /// Starts Postgres again after its end.
    pub(crate) async fn start_postgres(&mut self) -> Result<()> {
        let data = self.run.path().join("data");
        self.cluster = Cluster::start(self.installation.clone(), &data, &self.config).await?;
        Ok(())
    }

    /// Connections as `role`.
    pub(crate) fn pool(&self, role: &str, most: u32) -> Result<PgPool> {
        let url = self.cluster.url(role, DATABASE);
        Ok(PgPoolOptions::new()
            .max_connections(most)
            .connect_lazy(&url)?)
    }

    /// Connections as the superuser.
    pub(crate) fn superuser(&self) -> Result<PgPool> {
        self.pool(SUPERUSER, 4)
    }

    /// `host`, `port` and database for programs of Postgres.
    pub(crate) fn address(&self) -> [String; 6] {
        let port = self.cluster.port().to_string();
        ["-h", "127.0.0.1", "-p", &port, "-d", DATABASE].map(str::to_owned)
    }

    /// Programs of Postgres.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.installation.programs.join(name)
    }

    /// Starts a worker that mirrors to the Redis at `redis_port` and serves reads; does not wait
    /// until it is ready.
    pub(crate) fn launch(&self, name: &str, redis_port: u16) -> Result<Worker> {
        self.launch_with(name, redis_port, &[])
    }

    /// As [`Self::launch`], with more variables.
    pub(crate) fn launch_with(
        &self,
        name: &str,
        redis_port: u16,
        more: &[(&'static str, String)],
    ) -> Result<Worker> {
        let directory = self.run.path().join(name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let port = free_port()?;
        let mut environment: Environment = vec![
            ("DATABASE_URL", self.cluster.url("bondhu_worker", DATABASE)),
            (
                "BONDHU_REPLICATION_URL",
                self.cluster.url("postgres", DATABASE),
            ),
            ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}/")),
            ("BONDHU_SLOT", SLOT.to_owned()),
            ("BONDHU_HTTP_ADDR", format!("127.0.0.1:{port}")),
            ("SUPABASE_URL", PROJECT.to_owned()),
            ("SUPABASE_JWT_SECRET", SECRET.to_owned()),
            ("BONDHU_LOG", "warn".to_owned()),
        ];
        environment.extend_from_slice(more);
        Worker::launch(&environment, port, &directory)
    }
}

/// An access token of a user.
pub(crate) fn token(user: Uuid) -> Result<String> {
    let claims = serde_json::json!({
        "iss": format!("{PROJECT}/auth/v1"), "aud": "authenticated", "role": "authenticated",
        "sub": user, "exp": chrono::Utc::now().timestamp() + 24 * 3600,
    });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    Ok(encode(&Header::default(), &claims, &key)?)
}
