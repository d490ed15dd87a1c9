//! The sync worker as a process, configured by environment variables.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process::{self, Server};
use crate::wait;

const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Environment of a worker.
pub type Environment = Vec<(&'static str, String)>;

/// A running worker. Dropping it ends it.
#[derive(Debug)]
pub struct Worker {
    server: Server,
    url: String,
}

impl Worker {
    /// Starts `sync-worker run` and waits until it says that it is ready.
    ///
    /// # Errors
    /// It is not built, ends, or does not become ready.
    pub async fn start(environment: &Environment, port: u16, directory: &Path) -> Result<Self> {
        let mut worker = Self::launch(environment, port, directory)?;
        worker.ready().await?;
        Ok(worker)
    }

    /// Starts `sync-worker run`.
    ///
    /// # Errors
    /// It is not built.
    pub fn launch(environment: &Environment, port: u16, directory: &Path) -> Result<Self> {
        let mut command = process::with_death_signal(&program()?, Signal::TERM);
        command.arg("run");
        set_environment(&mut command, environment, directory);
        let server = Server::start(
            "sync-worker",
            command,
            Signal::TERM,
            &directory.join("worker.log"),
        )?;
        Ok(Self {
            server,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// It ends, or does not become ready.
    pub async fn ready(&mut self) -> Result<()> {
        let client = crate::http::client()?;
        let url = format!("{}/readyz", self.url);
        let waited = wait::until("the worker to be ready", READY_TIMEOUT, async || {
            self.server.check_running()?;
            Ok(match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default().replace('\n', " ")),
                Err(_) => Err("starting".to_owned()),
            })
        })
        .await;
        waited.with_context(|| {
            format!(
                "the end of its log:\n{}",
                process::tail(self.server.log(), 15)
            )
        })
    }

    /// Base URL of its HTTP server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        self.server.log()
    }

    /// Fails, with the end of its log, when it has ended.
    ///
    /// # Errors
    /// It has.
    pub fn check_running(&mut self) -> Result<()> {
        self.server.check_running()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Its resident memory in bytes: now, and the highest so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<(u64, u64)> {
        self.server.usage().memory()
    }

    /// The processor time that it has used, user and system.
    ///
    /// # Errors
    /// It has ended.
    pub fn processor_time(&self) -> Result<Duration> {
        self.server.usage().processor_time()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.server.signal(signal);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.server.stop_with(Signal::KILL);
    }

    /// Asks it to end and waits; returns whether it succeeded.
    pub fn stop(&mut self) -> bool {
        self.server.stop().is_some_and(|status| status.success())
    }
}

/// Runs a subcommand to its end and returns what it printed.
///
/// # Errors
/// It fails; the error holds all its output.
pub fn run(arguments: &[&str], environment: &Environment, directory: &Path) -> Result<String> {
    let output = command(arguments, environment, directory)?
        .output()
        .context("cannot run sync-worker")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "sync-worker {} failed:\n{printed}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(printed)
}

/// A subcommand that is to be run.
///
/// # Errors
/// It is not built.
pub fn command(arguments: &[&str], environment: &Environment, directory: &Path) -> Result<Command> {
    let mut command = Command::new(program()?);
    command.args(arguments);
    set_environment(&mut command, environment, directory);
    Ok(command)
}

/// Passes on nothing else of the caller's environment or `.env`, which may name real accounts.
fn set_environment(command: &mut Command, environment: &Environment, directory: &Path) {
    command.current_dir(directory).env_clear();
    for inherited in ["PATH", "HOME", "LANG", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(inherited) {
            command.env(inherited, value);
        }
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
}

fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program lies")?;
    // Test programs lie one directory deeper.
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("sync-worker"))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "sync-worker is not built: run `cargo build` (looked beside {})",
            own.display()
        )
    })
}
