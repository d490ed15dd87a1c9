//! Bondhu's jobs in pg_cron, as typed calls of the functions that the migrations define.

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::PgPool;

/// A scheduled job.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Job {
    /// pg_cron's number for it.
    pub job_id: i64,
    /// Its name, `bondhu-…`.
    pub name: String,
    /// When it runs, as cron writes it, in UTC unless the server says otherwise.
    pub schedule: String,
    /// What it runs.
    pub command: String,
    /// Whether it runs at all.
    pub active: bool,
}

/// A job there should be.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PlannedJob {
    /// Its name.
    pub name: String,
    /// When it should run.
    pub schedule: String,
    /// What it should run.
    pub command: String,
}

impl PlannedJob {
    /// Whether `job` is it, and runs.
    pub fn is_met_by(&self, job: &Job) -> bool {
        job.active
            && self.name == job.name
            && self.schedule == job.schedule
            && self.command == job.command
    }
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct JobRun {
    /// pg_cron's number for the run.
    pub run_id: i64,
    /// Which job.
    pub job_id: i64,
    /// The job's name.
    pub name: String,
    /// `starting`, `running`, `sending`, `connecting`, `succeeded` or `failed`.
    pub status: String,
    /// What it answered, or why it failed.
    pub return_message: Option<String>,
    /// When it started; null until it did.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; null until it did.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Why the jobs cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum CronError {
    /// pg_cron is not in this database. Says why and what to do.
    #[error("{message}: {detail}\n  {hint}")]
    Absent {
        /// What is missing.
        message: String,
        /// What is in the way.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// The database has no such functions.
    #[error("this database has no bondhu.install_cron(): apply the migrations first")]
    NotMigrated,
    /// The database does not answer, or refuses.
    #[error("Postgres: {0}.\n  DATABASE_URL says where it is; `sync-worker doctor` tells more")]
    Postgres(sqlx::Error),
}

impl From<sqlx::Error> for CronError {
    fn from(error: sqlx::Error) -> Self {
        let refusal = error
            .as_database_error()
            .and_then(|e| e.try_downcast_ref::<sqlx::postgres::PgDatabaseError>());
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        match refusal.map(|refusal| (refusal.code(), refusal)) {
            // object_not_in_prerequisite_state: bondhu.require_cron() says what is missing.
            Some(("55000", refusal)) => Self::Absent {
                message: refusal.message().to_owned(),
                detail: text(refusal.detail()),
                hint: text(refusal.hint()),
            },
            // undefined_function, invalid_schema_name
            Some(("42883" | "3F000", _)) => Self::NotMigrated,
            _ => Self::Postgres(error),
        }
    }
}

/// Schedules the jobs; doing it again changes nothing. Returns how many there are.
///
/// # Errors
/// [`CronError`], as all below.
pub async fn install(database: &PgPool) -> Result<i64, CronError> {
    Ok(sqlx::query_scalar("select bondhu.install_cron()")
        .fetch_one(database)
        .await?)
}

/// Unschedules the jobs; returns how many there were.
///
/// # Errors
/// [`CronError`].
pub async fn remove(database: &PgPool) -> Result<i64, CronError> {
    Ok(sqlx::query_scalar("select bondhu.remove_cron()")
        .fetch_one(database)
        .await?)
}

/// The scheduled jobs, by name.
///
/// # Errors
/// [`CronError`].
pub async fn list(database: &PgPool) -> Result<Vec<Job>, CronError> {
    Ok(sqlx::query_as("select * from bondhu.cron_jobs()")
        .fetch_all(database)
        .await?)
}

/// The jobs there should be.
///
/// # Errors
/// [`CronError`].
pub async fn plan(database: &PgPool) -> Result<Vec<PlannedJob>, CronError> {
    Ok(
        sqlx::query_as("select * from bondhu.cron_plan() order by name")
            .fetch_all(database)
            .await?,
    )
}

/// The latest `rows` runs (1 to 1000), newest first.
///
/// # Errors
/// [`CronError`].
pub async fn history(database: &PgPool, rows: u16) -> Result<Vec<JobRun>, CronError> {
    let runs = sqlx::query_as("select * from bondhu.cron_history($1)").bind(i32::from(rows));
    Ok(runs.fetch_all(database).await?)
}

/// The jobs as a table for people.
pub fn table_of_jobs(jobs: &[Job]) -> String {
    let mut rows = vec![["JOB", "NAME", "SCHEDULE", "ACTIVE", "COMMAND"].map(str::to_owned)];
    rows.extend(jobs.iter().map(|job| {
        let active = if job.active { "yes" } else { "no" };
        [
            job.job_id.to_string(),
            job.name.clone(),
            job.schedule.clone(),
            active.to_owned(),
            job.command.clone(),
        ]
    }));
    columns(&rows)
}

/// The runs as a table for people.
pub fn table_of_runs(runs: &[JobRun]) -> String {
    let mut rows = vec![["RUN", "NAME", "STARTED", "TOOK", "STATUS", "MESSAGE"].map(str::to_owned)];
    rows.extend(runs.iter().map(|run| {
        let started = run
            .started_at
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let took = run
            .started_at
            .zip(run.ended_at)
            .map(|(from, to)| format!("{} ms", (to - from).num_milliseconds()));
        [
            run.run_id.to_string(),
            run.name.clone(),
            started.unwrap_or_default(),
            took.unwrap_or_default(),
            run.status.clone(),
            run.return_message
                .clone()
                .unwrap_or_default()
                .trim()
                .replace('\n', " "),
        ]
    }));
    columns(&rows)
}

fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    });
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
