//! A private Postgres: own data directory, own port, loopback only.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::installation::Installation;
use crate::os_user::OsUser;
use crate::process::{self, Server};

/// The superuser, named as on Supabase. The schema never belongs to it.
pub const SUPERUSER: &str = "supabase_admin";

const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How a cluster is run.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Whether it survives a power cut; tests do without and need not wait for the disk.
    pub durable: bool,
    /// The database that pg_cron runs in, where the server has pg_cron.
    pub cron_database: String,
}

/// A running Postgres. Dropping it ends it and keeps the data.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    port: u16,
    /// The installation that it runs from.
    pub installation: Installation,
}

impl Cluster {
    /// Starts a cluster in `data`, which is initialised when it is empty.
    ///
    /// # Errors
    /// `initdb` fails, or Postgres does not come up.
    pub async fn start(
        installation: Installation,
        data: &Path,
        config: &ClusterConfig,
    ) -> Result<Self> {
        let user = OsUser::for_postgres()?;
        if !data.join("PG_VERSION").exists() {
            initialise(&installation, &user, data)?;
        }
        fs::write(data.join("bondhu.conf"), settings(&installation, config))
            .context("cannot configure Postgres")?;

        // SIGINT is the fast shutdown: sessions are ended, data are written.
        let mut command =
            user.command_with_death_signal(&installation.programs.join("postgres"), Signal::INT);
        command.arg("-D").arg(data).current_dir("/");
        let log = log_beside(data);
        let server = Server::start("postgres", command, Signal::INT, &log)?;
        let mut cluster = Self {
            server,
            port: config.port,
            installation,
        };
        cluster.wait_for_connections().await?;
        Ok(cluster)
    }

    async fn wait_for_connections(&mut self) -> Result<()> {
        let url = self.url(SUPERUSER, "postgres");
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.server.check_running()?;
            match PgConnection::connect(&url).await {
                Ok(connection) => return Ok(connection.close().await?),
                Err(error) if Instant::now() > deadline => {
                    bail!(
                        "Postgres does not accept a connection ({error}); the end of its log:\n{}",
                        process::tail(self.server.log(), 15)
                    )
                }
                Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connection string; every role may sign in without a password.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// As [`Self::url`] for the superuser, in the maintenance database.
    ///
    /// # Errors
    /// Never, in practice: the parts form a URL.
    pub fn superuser(&self) -> Result<Url> {
        Ok(Url::parse(&self.url(SUPERUSER, "postgres"))?)
    }

    /// Postgres's log file.
    pub fn log(&self) -> &Path {
        self.server.log()
    }

    /// Fails, with the end of the log, when Postgres has ended.
    ///
    /// # Errors
    /// It has.
    pub fn check_running(&mut self) -> Result<()> {
        self.server.check_running()
    }

    /// Ends it cleanly and waits.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Ends it at once, so that it recovers when it is started again.
    pub fn stop_immediately(&mut self) {
        self.server.stop_with(Signal::QUIT);
    }
}

fn initialise(installation: &Installation, user: &OsUser, data: &Path) -> Result<()> {
    user.make_directory(data)?;
    let output = user
        .command(&installation.programs.join("initdb"))
        .current_dir("/")
        .arg("-D")
        .arg(data)
        .args([
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ])
        .output()
        .with_context(|| format!("cannot run initdb in {}", installation.programs.display()))?;
    if !output.status.success() {
        bail!(
            "initdb failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let main = data.join("postgresql.conf");
    let mut text = fs::read_to_string(&main)?;
    text.push_str("\ninclude 'bondhu.conf'\n");
    fs::write(&main, text).with_context(|| format!("cannot write {}", main.display()))
}

fn settings(installation: &Installation, config: &ClusterConfig) -> String {
    let ClusterConfig {
        port,
        cron_database,
        ..
    } = config;
    let mut text = format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = ''\n\
         wal_level = logical\n\
         max_connections = 200\n\
         max_replication_slots = 64\n\
         max_wal_senders = 64\n\
         max_worker_processes = 32\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_line_prefix = '%m [%p] %u@%d '\n"
    );
    if installation.libraries.join("pg_cron.so").exists() {
        text.push_str(&format!(
            "shared_preload_libraries = 'pg_cron'\n\
             cron.database_name = '{cron_database}'\n\
             cron.use_background_workers = on\n"
        ));
    }
    if !config.durable {
        text.push_str("fsync = off\nfull_page_writes = off\n");
    }
    text
}

fn log_beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".log");
    data.with_file_name(name)
}
