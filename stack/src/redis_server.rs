//! A private Redis: own port, nothing saved unless asked.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{self, Server};

const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running Redis. Dropping it ends it.
#[derive(Debug)]
pub struct RedisServer {
    server: Server,
    port: u16,
    // Removed after the server has ended: fields drop in order.
    _directory: Option<TempDir>,
}

impl RedisServer {
    /// A Redis for one test: on a free port, in memory only.
    ///
    /// # Errors
    /// `redis-server` is missing or does not start.
    pub async fn temporary() -> Result<Self> {
        Self::temporary_on(process::free_port()?).await
    }

    /// As [`Self::temporary`], on a given port, such as that of one before it.
    ///
    /// # Errors
    /// `redis-server` is missing or does not start.
    pub async fn temporary_on(port: u16) -> Result<Self> {
        Self::temporary_with(port, &[]).await
    }

    /// As [`Self::temporary_on`], with more arguments for `redis-server`.
    ///
    /// # Errors
    /// `redis-server` is missing or does not start.
    pub async fn temporary_with(port: u16, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("bondhu-redis-").tempdir()?;
        let mut redis = Self::start(port, directory.path(), false, arguments).await?;
        redis._directory = Some(directory);
        Ok(redis)
    }

    /// A Redis with its files in `directory`; with `keep`, its keys are saved there.
    ///
    /// # Errors
    /// `redis-server` is missing or does not start.
    pub async fn in_directory(port: u16, directory: &Path, keep: bool) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Self::start(port, directory, keep, &[]).await
    }

    async fn start(port: u16, directory: &Path, save: bool, more: &[&str]) -> Result<Self> {
        let mut command = process::with_death_signal(Path::new("redis-server"), Signal::TERM);
        command
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--appendonly",
                "no",
            ])
            .args(["--save", if save { "60 1" } else { "" }])
            .arg("--dir")
            .arg(directory)
            .args(more);
        let log: PathBuf = directory.join("redis.log");
        let mut server = Server::start("redis-server", command, Signal::TERM, &log)
            .context("is Redis installed? Debian: apt-get install redis-server")?;
        let deadline = Instant::now() + START_TIMEOUT;
        let client = redis::Client::open(url(port))?;
        loop {
            server.check_running()?;
            if answers(&client).await {
                return Ok(Self {
                    server,
                    port,
                    _directory: None,
                });
            }
            if Instant::now() > deadline {
                bail!(
                    "Redis does not answer on port {port}; the end of its log:\n{}",
                    process::tail(&log, 15)
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        self.server.stop_with(Signal::KILL);
    }

    /// `redis://127.0.0.1:port/`.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Fails, with the end of its log, when it has ended.
    ///
    /// # Errors
    /// It has.
    pub fn check_running(&mut self) -> Result<()> {
        self.server.check_running()
    }

    /// Ends it; with `keep`, keys are saved first.
    pub fn stop(&mut self) {
        self.server.stop();
    }
}

/// A request for a password is an answer, too.
async fn answers(client: &redis::Client) -> bool {
    let ping = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").exec_async(&mut connection).await
    };
    ping.await
        .map_or_else(|error| error.code() == Some("NOAUTH"), |()| true)
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/")
}
