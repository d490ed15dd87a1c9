//! What the steps of a run share: servers, the built engine, logs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use bondhu_stack::cluster::{Cluster, ClusterConfig};
use bondhu_stack::extension::{self, Extension};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::{downloads, paths};

/// The database that pg_cron runs in on every test server that has it.
pub(super) const CRON_DATABASE: &str = "bondhu_cron";

/// A Postgres that the tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    /// 15, with the engine and pg_cron.
    Fifteen,
    /// 15 without the engine.
    FifteenBare,
    /// 17, with the engine.
    Seventeen,
    /// 17 without the engine: what a new hosted project is.
    SeventeenBare,
    /// 18, with the engine.
    Eighteen,
}

impl Server {
    pub(super) const ALL: [Self; 5] = [
        Self::Fifteen,
        Self::FifteenBare,
        Self::Seventeen,
        Self::SeventeenBare,
        Self::Eighteen,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Fifteen => "PostgreSQL 15",
            Self::FifteenBare => "PostgreSQL 15 without the engine",
            Self::Seventeen => "PostgreSQL 17",
            Self::SeventeenBare => "PostgreSQL 17 without the engine",
            Self::Eighteen => "PostgreSQL 18",
        }
    }

    pub(super) fn has_engine(self) -> bool {
        matches!(self, Self::Fifteen | Self::Seventeen | Self::Eighteen)
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Fifteen => "15",
            Self::FifteenBare => "15-bare",
            Self::Seventeen => "17",
            Self::SeventeenBare => "17-bare",
            Self::Eighteen => "18",
        }
    }
}

/// Shared by all steps. Servers start when first asked for and end with it.
#[derive(Debug)]
pub(super) struct TestRun {
    servers: BTreeMap<Server, Cluster>,
    engines: BTreeMap<u32, Extension>,
    logs: PathBuf,
    target: PathBuf,
    step: String,
    // Last: the servers end before their files go.
    files: RunDirectory,
}

impl TestRun {
    pub(super) fn set_up() -> Result<Self> {
        let target = extension::target_directory()?;
        let logs = target.join("test-logs");
        if logs.exists() {
            fs::remove_dir_all(&logs)?;
        }
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let files = RunDirectory::create("test")?;
        Ok(Self {
            servers: BTreeMap::new(),
            engines: BTreeMap::new(),
            logs,
            target,
            step: String::new(),
            files,
        })
    }

    /// Names the step that begins; its log is empty.
    pub(super) fn begin(&mut self, step: &str) {
        self.step = step
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
    }

    /// Log of the present step.
    pub(super) fn log(&self) -> PathBuf {
        self.logs.join(format!("{}.log", self.step))
    }

    /// Adds to the log of the present step.
    pub(super) fn note(&self, text: &str) -> Result<()> {
        let mut log = File::options().create(true).append(true).open(self.log())?;
        writeln!(log, "{text}")?;
        Ok(())
    }

    /// What the log of the present step says.
    pub(super) fn read_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// A directory of the run's own.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf> {
        let directory = self.files.path().join(name);
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Where cargo builds.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// `cargo`, in the checkout.
    pub(super) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .args(arguments)
            .current_dir(paths::checkout())
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            .env("TERM", "dumb");
        cargo
    }

    /// A running server.
    pub(super) async fn server(&mut self, server: Server) -> Result<&Cluster> {
        if !self.servers.contains_key(&server) {
            let installation = self.installation(server).await?;
            if server.has_engine() {
                self.engine(server).await?.install(&installation)?;
            }
            let config = ClusterConfig {
                port: free_port()?,
                durable: false,
                cron_database: CRON_DATABASE.to_owned(),
            };
            let data = self.directory(server.directory())?.join("data");
            let cluster = Cluster::start(installation, &data, &config)
                .await
                .with_context(|| server.label())?;
            self.servers.insert(server, cluster);
        }
        self.servers
            .get(&server)
            .context("a server that was started")
    }

    /// Puts the engine into a server that came without, as an operator does later on.
    pub(super) async fn add_engine(&mut self, server: Server) -> Result<()> {
        let installation = self
            .servers
            .get(&server)
            .context("a server that was started")?
            .installation
            .clone();
        self.engine(server).await?.install(&installation)
    }

    async fn installation(&self, server: Server) -> Result<Installation> {
        let tree = self.directory(server.directory())?.join("postgres");
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        match server {
            Server::Fifteen | Server::FifteenBare => Installation::debian_15()?.private_tree(&tree),
            Server::Seventeen | Server::SeventeenBare => {
                let installation = downloads::private_postgres_17(&tree, &self.log()).await?;
                borrow_pgtap(&installation)?;
                Ok(installation)
            }
            Server::Eighteen => {
                let installation = downloads::private_postgres_18(&tree, &self.log()).await?;
                borrow_pgtap(&installation)?;
                Ok(installation)
            }
        }
    }

    /// The engine built for a server's version of Postgres.
    ///
    /// It is built against the original installation: the path of `pg_config` is what cargo
    /// looks at to tell whether pgrx's bindings are still good.
    pub(super) async fn engine(&mut self, server: Server) -> Result<Extension> {
        let original = match server {
            Server::Fifteen | Server::FifteenBare => Installation::debian_15()?,
            Server::Seventeen | Server::SeventeenBare => {
                downloads::postgres_17(&self.log()).await?
            }
            Server::Eighteen => downloads::postgres_18(&self.log()).await?,
        };
        if let Some(built) = self.engines.get(&original.major) {
            return Ok(built.clone());
        }
        let log = File::options().create(true).append(true).open(self.log())?;
        let built = extension::build(&original, Stdio::from(log))?;
        self.engines.insert(original.major, built.clone());
        Ok(built)
    }

    /// The program `supabase`, of the version the tests are written for.
    pub(super) async fn supabase(&self, project: &Path, arguments: &[&str]) -> Result<Command> {
        let mut supabase = Command::new(downloads::supabase_cli(&self.log()).await?);
        supabase
            .args(arguments)
            .arg("--workdir")
            .arg(project)
            .current_dir(project)
            .env("HOME", self.directory("home")?)
            // The test servers speak no TLS.
            .env("PGSSLMODE", "disable")
            .env("SUPABASE_TELEMETRY_DISABLED", "1")
            .env("DO_NOT_TRACK", "1");
        Ok(supabase)
    }

    /// The `pg_dump` for a server.
    pub(super) async fn pg_dump(&self, server: Server) -> Result<PathBuf> {
        let installation = match server {
            Server::Fifteen | Server::FifteenBare => Installation::debian_15()?,
            Server::Seventeen | Server::SeventeenBare => {
                downloads::postgres_17(&self.log()).await?
            }
            Server::Eighteen => downloads::postgres_18(&self.log()).await?,
        };
        Ok(installation.programs.join("pg_dump"))
    }
}

/// pgTAP is plain SQL: what Debian ships for 15 does for newer ones.
fn borrow_pgtap(to: &Installation) -> Result<()> {
    let from = Installation::debian_15()?.shared.join("extension");
    let mut found = false;
    for entry in fs::read_dir(&from)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("pgtap") {
            fs::copy(
                entry.path(),
                to.shared.join("extension").join(entry.file_name()),
            )?;
            found = true;
        }
    }
    anyhow::ensure!(
        found,
        "pgTAP is not installed: run dev/setup.sh test (Debian package postgresql-15-pgtap)"
    );
    Ok(())
}
