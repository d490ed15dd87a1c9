//! The app of `conformance/adopting` in a database of its own, and `sync-worker adopt` run against it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sqlx::PgConnection;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::process::{Child, Command};
use url::Url;
use uuid::Uuid;

use super::meanwhile::Spoken;
use crate::test_runner::lifecycle_steps::without_the_worker_elsewhere;
use crate::test_runner::migration_steps::bootstrap;
use crate::test_runner::schema_snapshot as snapshot;
use crate::test_runner::test_run::{CRON_DATABASE, Server, TestRun};
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::schema::SqlFile;
use bondhu_stack::worker::{self, Environment};
use bondhu_stack::{paths, template};

/// What the two generations of the app keep their chat in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// A row a message.
    Messages,
    /// A row an exchange, and some messages.
    Exchanges,
}

impl Generation {
    /// Its files, in the order in which they are run.
    pub(super) fn files(self) -> [&'static str; 3] {
        match self {
            Self::Messages => ["app.sql", "people.sql", "messages.sql"],
            Self::Exchanges => ["app.sql", "people.sql", "exchanges.sql"],
        }
    }

    fn expectations(self) -> [&'static str; 2] {
        match self {
            Self::Messages => ["expected_messages.sql", "expected.sql"],
            Self::Exchanges => ["expected_exchanges.sql", "expected.sql"],
        }
    }
}

/// A database with an app in it.
#[derive(Debug)]
pub(super) struct App {
    server: Server,
    superuser: Url,
    /// The owner's connection string.
    pub(super) url: String,
    /// The superuser's session, in which the expectations are.
    pub(super) database: PgConnection,
    /// As the Data API signs in.
    pub(super) api: PgPool,
    environment: Environment,
    directory: PathBuf,
    /// How many claims held so far.
    pub(super) passed: u64,
}

impl App {
    /// A new project, in which its owner runs `files` of `conformance/adopting`.
    pub(super) async fn set_up(
        run: &mut TestRun,
        server: Server,
        new_project: bool,
        files: &[&str],
    ) -> Result<Self> {
        let directory = run.directory("adopting")?;
        let cluster = run.server(server).await?;
        let superuser = cluster.superuser()?;
        let url = cluster.url("postgres", CRON_DATABASE);
        let environment = vec![
            ("BONDHU_OWNER_URL", url.clone()),
            ("DATABASE_URL", cluster.url("bondhu_worker", CRON_DATABASE)),
            ("BONDHU_TOKEN_KEYS", new_key("k1", &directory)?),
        ];
        let api = PgPoolOptions::new()
            .max_connections(4)
            .connect_lazy(&cluster.url("authenticator", CRON_DATABASE))?;
        without_the_worker_elsewhere(&superuser).await?;
        bootstrap(&superuser, new_project).await?;
        let mut owner =
            template::connect(&superuser, Some("postgres"), Some(CRON_DATABASE)).await?;
        for file in files {
            fixture(file)?.run(&mut owner).await?;
        }
        Ok(Self {
            server,
            database: template::connect(&superuser, None, Some(CRON_DATABASE)).await?,
            superuser,
            url,
            api,
            environment,
            directory,
            passed: 0,
        })
    }

    /// Reads from the app's tables what has to become of them.
    pub(super) async fn expect(&mut self, generation: Generation) -> Result<()> {
        for file in generation.expectations() {
            fixture(file)?.run(&mut self.database).await?;
        }
        Ok(())
    }

    /// A person of `people.sql`.
    pub(super) async fn person(&mut self, number: i32) -> Result<Uuid> {
        Ok(
            sqlx::query_scalar("select md5('person ' || $1::integer)::uuid")
                .bind(number)
                .fetch_one(&mut self.database)
                .await?,
        )
    }

    /// Has the claims know what was said.
    pub(super) async fn remember(&mut self, spoken: &[Spoken]) -> Result<()> {
        for message in spoken {
            sqlx::query("insert into spoken (user_id, id, message_text) values ($1, $2, $3)")
                .bind(message.user)
                .bind(message.id)
                .bind(&message.text)
                .execute(&mut self.database)
                .await?;
        }
        Ok(())
    }

    /// A count, by the superuser.
    pub(super) async fn count(&mut self, sql: &str) -> Result<i64> {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.database)
            .await
            .with_context(|| sql.to_owned())
    }

    /// Runs SQL as the project's owner.
    pub(super) async fn as_owner(&self, sql: &str) -> Result<()> {
        let mut owner =
            template::connect(&self.superuser, Some("postgres"), Some(CRON_DATABASE)).await?;
        template::run(&mut owner, sql).await
    }

    /// All that is in the database, rows too, and what a dump leaves out.
    pub(super) async fn everything(&mut self, run: &mut TestRun) -> Result<Vec<String>> {
        let pg_dump = run.pg_dump(self.server).await?;
        let url = run.server(self.server).await?.url(SUPERUSER, CRON_DATABASE);
        let mut said = snapshot::dump_with_rows(&pg_dump, &url).await?;
        said.extend(snapshot::grants(&mut self.database).await?);
        said.extend(snapshot::cron_jobs(&mut self.database).await?);
        said.extend(snapshot::of_the_cluster(&mut self.database).await?);
        Ok(said)
    }

    /// Fails when anything is other than it was.
    pub(super) async fn unchanged(
        &mut self,
        run: &mut TestRun,
        before: &[String],
        by: &str,
    ) -> Result<()> {
        let after = self.everything(run).await?;
        snapshot::same(
            &format!("a project before {by} (-) and after it (+) differ"),
            before,
            &after,
        )?;
        self.passed += 1;
        Ok(())
    }

    /// Runs `sync-worker` to its end.
    pub(super) async fn worker(&self, run: &TestRun, arguments: &[&str]) -> Result<Output> {
        let output = Command::from(self.command(arguments)?)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run sync-worker")?;
        run.note(&format!(
            "$ sync-worker {}\n{}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))?;
        Ok(output)
    }

    /// As [`Self::worker`], failing when it does; what it printed.
    pub(super) async fn succeed(&self, run: &TestRun, arguments: &[&str]) -> Result<String> {
        let output = self.worker(run, arguments).await?;
        if !output.status.success() {
            bail!(
                "sync-worker {} failed ({}):\n{}{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// As [`Self::worker`], failing unless it exits with 1; all that it said.
    pub(super) async fn refuse(&self, run: &TestRun, arguments: &[&str]) -> Result<String> {
        let output = self.worker(run, arguments).await?;
        ensure!(
            output.status.code() == Some(1),
            "sync-worker {} ended with {} in place of exit code 1",
            arguments.join(" "),
            output.status
        );
        Ok(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    /// Starts `sync-worker` with its output in the step's log.
    pub(super) fn spawn(&self, run: &TestRun, arguments: &[&str]) -> Result<Child> {
        run.note(&format!("$ sync-worker {}", arguments.join(" ")))?;
        let log = File::options().append(true).open(run.log())?;
        Command::from(self.command(arguments)?)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot run sync-worker")
    }

    /// Puts a new key in front of those that there are.
    pub(super) fn rotate_keys(&mut self) -> Result<()> {
        let new = new_key("k2", &self.directory)?;
        for (name, value) in &mut self.environment {
            if *name == "BONDHU_TOKEN_KEYS" {
                *value = format!("{new},{value}");
            }
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Result<std::process::Command> {
        worker::command(arguments, &self.environment, &self.directory)
    }
}

fn new_key(id: &str, directory: &Path) -> Result<String> {
    let printed = worker::run(&["keygen", id], &Environment::new(), directory)?;
    Ok(printed.trim().to_owned())
}

/// A file of `conformance/adopting`.
pub(super) fn fixture(name: &str) -> Result<SqlFile> {
    SqlFile::read(&paths::checkout().join("conformance/adopting").join(name))
}
