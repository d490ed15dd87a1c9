//! The template database that test databases are copied from.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::migrations;
use crate::schema::{self, SqlFile};

/// Variable that names the engine which test databases have attached: `portable`, or else the best that
/// the server has.
pub const ENGINE: &str = "BONDHU_TEST_ENGINE";
/// Its value for the portable engine.
pub const PORTABLE: &str = "portable";

/// Name of the template database.
fn name() -> String {
    let engine = if is_portable() { "_portable" } else { "" };
    format!("bondhu_template{engine}")
}

/// Whether test databases have the portable engine attached.
#[must_use]
pub fn is_portable() -> bool {
    std::env::var(ENGINE).is_ok_and(|engine| engine == PORTABLE)
}

/// The migrations that make the portable engine, as one.
///
/// # Errors
/// There is none.
pub fn portable_engine() -> Result<SqlFile> {
    let all = migrations::list()?;
    let all = all
        .into_iter()
        .filter(migrations::Migration::is_of_the_engine);
    let whole = all.map(|one| one.sql).reduce(|whole, next| SqlFile {
        path: next.path,
        text: whole.text + &next.text,
    });
    whole.context("there is no migration portable_engine")
}

const RELEASE_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Keys of advisory locks, freely chosen. One process at a time builds the template.
const BUILD_LOCK: i64 = 0x626f_6e64_6875_0001;
const CRON_LOCK: i64 = 0x626f_6e64_6875_0002;

/// Makes the template when it is missing or older than `sql/`.
///
/// # Errors
/// The server does not answer, or `sql/` does not apply.
pub async fn ensure(server: &Url) -> Result<()> {
    let mut admin = connect(server, None, None).await?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(BUILD_LOCK)
        .execute(&mut admin)
        .await?;

    let name = name();
    let engine: Option<String> = sqlx::query_scalar(
        "select default_version from pg_available_extensions where name = 'bondhu'",
    )
    .fetch_optional(&mut admin)
    .await?;
    let wanted = format!(
        "{} engine {}",
        schema::digest(is_portable().then(portable_engine).transpose()?)?,
        engine.as_deref().unwrap_or("absent")
    );
    let present: Option<Option<String>> = sqlx::query_scalar(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = $1",
    )
    .bind(&name)
    .fetch_optional(&mut admin)
    .await?;
    if present.flatten().as_deref() != Some(&wanted) {
        // Under another name until it is complete, so that a killed build leaves no half template.
        let draft = format!("{name}_draft");
        run(
            &mut admin,
            &format!("drop database if exists {draft} with (force)"),
        )
        .await?;
        run(
            &mut admin,
            &format!("create database {draft} template template0"),
        )
        .await?;
        build(server, &draft).await?;
        run(
            &mut admin,
            &format!("comment on database {draft} is '{wanted}'"),
        )
        .await?;
        run(
            &mut admin,
            &format!("drop database if exists {name} with (force)"),
        )
        .await?;
        run(
            &mut admin,
            &format!("alter database {draft} rename to {name}"),
        )
        .await?;
    }
    admin.close().await?;
    Ok(())
}

/// Bootstraps `database` and applies `sql/` as the owner; the worker may sign in.
///
/// # Errors
/// A statement fails.
pub async fn build(server: &Url, database: &str) -> Result<()> {
    let mut superuser = connect(server, None, Some(database)).await?;
    schema::bootstrap()?.run(&mut superuser).await?;
    let mut owner = connect(server, Some("postgres"), Some(database)).await?;
    schema::apply(&mut owner).await?;
    if is_portable() {
        portable_engine()?.run(&mut owner).await?;
        run(&mut owner, "select bondhu.install_engine('portable')").await?;
    }
    run(&mut superuser, "alter role bondhu_worker login").await?;
    owner.close().await?;
    superuser.close().await?;
    Ok(())
}

/// What the template is made of, in a word that differs where that differs.
///
/// # Errors
/// The server does not answer, or there is no template.
pub async fn made_of(server: &Url) -> Result<String> {
    let mut admin = connect(server, None, None).await?;
    let comment: Option<String> = sqlx::query_scalar(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = $1",
    )
    .bind(name())
    .fetch_one(&mut admin)
    .await?;
    comment.context("the template is not built")
}

/// Copies the template.
///
/// # Errors
/// There is no template, or the name is taken.
pub async fn copy(server: &Url, name: &str) -> Result<()> {
    copy_of(server, &self::name(), name).await
}

/// Copies a database that nobody is connected to.
///
/// # Errors
/// There is no such database, or the name is taken.
pub async fn copy_of(server: &Url, source: &str, name: &str) -> Result<()> {
    let mut admin = connect(server, None, None).await?;
    // Rebuilding and copying exclude each other; copies do not.
    sqlx::query("select pg_advisory_lock_shared($1)")
        .bind(BUILD_LOCK)
        .execute(&mut admin)
        .await?;
    run(
        &mut admin,
        &format!("create database {name} template {source}"),
    )
    .await?;
    // A database's privileges are not part of a copy.
    run(
        &mut admin,
        &format!("grant create, connect on database {name} to postgres"),
    )
    .await?;
    admin.close().await?;
    Ok(())
}

/// Copies the template to the database that pg_cron runs in; the connection holds the lock on it.
///
/// # Errors
/// The server has no pg_cron, or the copy fails.
pub async fn copy_for_cron(server: &Url) -> Result<(String, PgConnection)> {
    let mut admin = connect(server, None, None).await?;
    let name: Option<String> =
        sqlx::query_scalar("select current_setting('cron.database_name', true)")
            .fetch_one(&mut admin)
            .await?;
    let name = name.context("this Postgres does not load pg_cron")?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(CRON_LOCK)
        .execute(&mut admin)
        .await?;
    remove(server, &name).await?;
    copy(server, &name).await?;
    let mut superuser = connect(server, None, Some(&name)).await?;
    schema::bootstrap()?.run(&mut superuser).await?;
    superuser.close().await?;
    Ok((name, admin))
}

/// Removes a database with its slots and sessions.
///
/// # Errors
/// The server does not answer, or a slot stays busy.
pub async fn remove(server: &Url, name: &str) -> Result<()> {
    let mut admin = connect(server, None, None).await?;
    let slots: Vec<String> =
        sqlx::query_scalar("select slot_name::text from pg_replication_slots where database = $1")
            .bind(name)
            .fetch_all(&mut admin)
            .await?;
    for slot in slots {
        drop_slot(&mut admin, &slot).await?;
    }
    run(
        &mut admin,
        &format!("drop database if exists {name} with (force)"),
    )
    .await?;
    admin.close().await?;
    Ok(())
}

/// Drops a replication slot, if it exists, and ends the session that reads from it.
///
/// # Errors
/// The server does not answer, or the slot stays in use.
pub async fn drop_slot(admin: &mut PgConnection, slot: &str) -> Result<()> {
    let deadline = Instant::now() + RELEASE_TIMEOUT;
    loop {
        let held: Option<Option<i32>> =
            sqlx::query_scalar("select active_pid from pg_replication_slots where slot_name = $1")
                .bind(slot)
                .fetch_optional(&mut *admin)
                .await?;
        let attempt = match held {
            None => return Ok(()),
            Some(Some(pid)) => {
                sqlx::query("select pg_terminate_backend($1)")
                    .bind(pid)
                    .execute(&mut *admin)
                    .await
            }
            Some(None) => {
                sqlx::query("select pg_drop_replication_slot($1)")
                    .bind(slot)
                    .execute(&mut *admin)
                    .await
            }
        };
        // A walsender releases the slot a moment after its signal.
        if Instant::now() > deadline {
            attempt.with_context(|| format!("replication slot {slot} stays in use"))?;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Runs statements; the error names them.
///
/// # Errors
/// One fails.
pub async fn run(connection: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(sql)
        .execute(connection)
        .await
        .with_context(|| sql.to_owned())?;
    Ok(())
}

/// A connection; `None` keeps what the URL says.
///
/// # Errors
/// The server does not accept a connection.
pub async fn connect(
    server: &Url,
    user: Option<&str>,
    database: Option<&str>,
) -> Result<PgConnection> {
    let mut options: PgConnectOptions = server.as_str().parse()?;
    if let Some(user) = user {
        options = options.username(user);
    }
    if let Some(database) = database {
        options = options.database(database);
    }
    // Hides the notices of the bootstrap about objects that exist.
    let options = options.options([("client_min_messages", "warning")]);
    PgConnection::connect_with(&options).await.with_context(|| {
        format!(
            "Postgres at {}:{} does not accept a connection",
            server.host_str().unwrap_or("?"),
            server.port().unwrap_or(5432)
        )
    })
}
