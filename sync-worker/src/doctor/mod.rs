//! `doctor`: what is missing or wrong, in plain words, and what to do.

mod data_api;
mod database;
mod losses;
mod providers;
mod redis_server;
mod report;
mod server;
mod stream;

use std::str::FromStr as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row as _};

use crate::config::{
    ConfigError, DataApiConfig, DatabaseConfig, Environment, HttpConfig, MirrorConfig, SyncConfig,
};

pub use report::{Finding, Level, Report};
pub use stream::published_as_expected;

/// A check that takes longer has its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks everything that the environment configures.
pub async fn examine(env: &Environment) -> Report {
    let mut report = Report::default();
    let database = read(&mut report, DatabaseConfig::from_env(env));
    let sync = read(&mut report, SyncConfig::optional_from_env(env)).flatten();
    let mirror = read(&mut report, MirrorConfig::optional_from_env(env)).flatten();
    let data_api = read(&mut report, DataApiConfig::optional_from_env(env)).flatten();
    read(&mut report, HttpConfig::from_env(env));
    // Without providers nothing is sealed, but a list that is there should be right.
    if sync.is_none() && env.is_set(&crate::config::variables::TOKEN_KEYS) {
        read(&mut report, crate::config::TokenKey::from_env(env));
    }

    if let Some(config) = database
        && let Some(database) = connect(&mut report, "DATABASE_URL", &config.url).await
    {
        if database::check(&mut report, &database).await {
            providers::check(&mut report, &database, sync.as_ref()).await;
            stream::check(&mut report, &database, mirror.as_ref()).await;
        }
        database.close().await;
    }
    match &mirror {
        Some(config) => redis_server::check(&mut report, config).await,
        None if env.is_set(&crate::config::variables::REDIS_URL) => {}
        None => {
            report.ok("no mirror: REDIS_URL is not set, so that every read is served from Postgres")
        }
    }
    match &data_api {
        Some(config) => data_api::check(&mut report, config).await,
        None => report.ok("the Data API is not looked at: SUPABASE_SERVICE_ROLE_KEY is not set"),
    }
    report
}

fn read<T>(report: &mut Report, section: Result<T, ConfigError>) -> Option<T> {
    match section {
        Ok(section) => Some(section),
        Err(error) => {
            let remedy = match &error {
                ConfigError::Missing(variable) | ConfigError::Invalid { variable, .. } => {
                    format!(
                        "set {} in the environment or .env, e.g. {}={}",
                        variable.name, variable.name, variable.example
                    )
                }
                ConfigError::DotEnv(_) => "mend the line, or remove the file".to_owned(),
            };
            report.fail(error.summary(), remedy);
            None
        }
    }
}

async fn connect(report: &mut Report, variable: &str, url: &SecretString) -> Option<PgPool> {
    let attempt = async {
        let options =
            PgConnectOptions::from_str(url.expose_secret())?.application_name("bondhu doctor");
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
    };
    match attempt.await {
        Ok(database) => Some(database),
        Err(error) => {
            report.fail(
                format!("Postgres of {variable} cannot be reached: {error}"),
                remedy_of(variable, &error),
            );
            None
        }
    }
}

/// What to do about a connection that does not come about.
fn remedy_of(variable: &str, error: &sqlx::Error) -> String {
    let code = error
        .as_database_error()
        .and_then(|e| e.code().map(|code| code.into_owned()));
    match code.as_deref() {
        // invalid_password, invalid_authorization_specification
        Some("28P01" | "28000") => format!(
            "check user and password in {variable}; the worker's role gets its login with: \
             alter role bondhu_worker login password '…'"
        ),
        // invalid_catalog_name
        Some("3D000") => format!("check the database's name in {variable}"),
        // too_many_connections
        Some("53300") => "raise max_connections, or connect through the session pooler".to_owned(),
        _ => format!("start Postgres, or check host, port and sslmode in {variable}"),
    }
}

/// The answer to a question that a role may not be allowed to ask: `None` then.
async fn ask<T>(database: &PgPool, question: &str) -> Option<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let row = sqlx::query(question)
        .fetch_optional(database)
        .await
        .ok()??;
    row.try_get(0).ok()
}
