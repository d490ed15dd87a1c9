//! pgbench, writing messages as the Data API does for signed-in people.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use bondhu_stack::cluster::Cluster;

/// pgbench takes at most 128 scripts; each has a text of its own.
const SCRIPTS: usize = 100;

/// Who writes.
pub(super) struct Writers {
    pub(super) first: i32,
    pub(super) last: i32,
    /// Connections at a time.
    pub(super) clients: u32,
}

impl Writers {
    /// One user, alone.
    pub(super) fn one(number: i32) -> Self {
        Self {
            first: number,
            last: number,
            clients: 1,
        }
    }
}

pub(super) struct Client {
    program: PathBuf,
    port: u16,
    scripts: Vec<PathBuf>,
    pub(super) texts: Vec<String>,
}

impl Client {
    pub(super) fn new(cluster: &Cluster, directory: &Path, texts: &[String]) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let mut scripts = Vec::new();
        for (number, text) in texts.iter().take(SCRIPTS).enumerate() {
            let file = directory.join(format!("{number}.sql"));
            fs::write(&file, script(text))?;
            scripts.push(file);
        }
        Ok(Self {
            program: cluster.installation.programs.join("pgbench"),
            port: cluster.port(),
            scripts,
            texts: texts.to_vec(),
        })
    }

    /// Transactions per second over a slice of time.
    pub(super) async fn slice(
        &self,
        database: &str,
        writers: &Writers,
        time: Duration,
    ) -> Result<f64> {
        self.run(database, writers, "-T", time.as_secs()).await
    }

    /// Transactions per second over so many of them.
    pub(super) async fn transactions(
        &self,
        database: &str,
        writers: &Writers,
        count: usize,
    ) -> Result<f64> {
        self.run(database, writers, "-t", count as u64).await
    }

    async fn run(
        &self,
        database: &str,
        writers: &Writers,
        until: &str,
        amount: u64,
    ) -> Result<f64> {
        let clients = writers.clients.to_string();
        let mut pgbench = Command::new(&self.program);
        pgbench
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", "authenticator", "-n", "-M", "prepared"])
            .args(["-c", &clients, "-j", &clients, until, &amount.to_string()])
            .args(["-D", &format!("first={}", writers.first)])
            .args(["-D", &format!("last={}", writers.last)])
            .kill_on_drop(true);
        for script in &self.scripts {
            pgbench.arg("-f").arg(script);
        }
        let output = pgbench
            .arg(database)
            .output()
            .await
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let tps = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        match tps {
            Some(tps) if output.status.success() => Ok(tps),
            _ => bail!(
                "pgbench failed on {}:\n{said}{}",
                database,
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }
}

/// One message in one transaction with the caller's role and claims, in one round trip.
fn script(text: &str) -> String {
    let text = text.replace('\'', "''");
    format!(
        "\\set user random(:first, :last)\n\
         \\startpipeline\n\
         begin;\n\
         select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \
         '{{\"role\": \"authenticated\", \"sub\": \"' || public.bench_user(:user::integer) || '\"}}', true);\n\
         insert into public.chat_messages (message_text) values ('{text}');\n\
         commit;\n\
         \\endpipeline\n"
    )
}
