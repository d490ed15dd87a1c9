//! What the Supabase CLI and pgTAP check.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::tally::{self, Tally};
use super::test_run::{CRON_DATABASE, Server, TestRun};
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::{job, migrations, paths, schema, template};

/// The API roles' view of the database.
const EXPOSED: &str = "public";
const OURS: &str = "public,bondhu";

/// Every file of `supabase/tests`.
pub(super) async fn pgtap(run: &mut TestRun, server: Server) -> Result<Tally> {
    fresh_database(run, server, "pgtap").await?;
    // The tests act as roles that the owner may not become; the rest they do as the owner.
    let url = run.server(server).await?.url(SUPERUSER, "pgtap");
    let mut tests = Vec::new();
    for entry in fs::read_dir(paths::checkout().join("supabase/tests"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            tests.push(path);
        }
    }
    tests.sort();
    let mut pg_prove = Command::new("pg_prove");
    pg_prove
        .args(["--verbose", "--dbname"])
        .arg(url)
        .args(tests);
    let status = job::run(&mut pg_prove, &run.log())
        .await
        .context("dev/setup.sh test installs pg_prove")?;
    Ok(tally::verdict(status, tally::count_tap(&run.read_log())))
}

pub(super) async fn advisors(run: &mut TestRun) -> Result<Tally> {
    remote(
        run,
        Server::Fifteen,
        &["db", "advisors", "--fail-on", "error"],
        "",
    )
    .await
}

const LINT: [&str; 8] = [
    "db",
    "lint",
    "--schema",
    OURS,
    "--level",
    "warning",
    "--fail-on",
    "warning",
];

pub(super) async fn lint(run: &mut TestRun, server: Server) -> Result<Tally> {
    remote(run, server, &LINT, "").await
}

/// Of what refuses.
pub(super) async fn lint_detached(run: &mut TestRun, server: Server) -> Result<Tally> {
    remote(run, server, &LINT, "select bondhu.detach_engine()").await
}

/// Runs a command of the CLI on a database with the migrations and, after them, some SQL.
async fn remote(run: &mut TestRun, server: Server, arguments: &[&str], sql: &str) -> Result<Tally> {
    // Where pg_cron is, so that the functions that use it can be checked.
    let url = fresh_database(run, server, CRON_DATABASE).await?;
    let superuser = run.server(server).await?.superuser()?;
    let mut owner = template::connect(&superuser, Some("postgres"), Some(CRON_DATABASE)).await?;
    template::run(&mut owner, sql).await?;
    let project = project(run)?;
    let mut supabase = run.supabase(&project, arguments).await?;
    job::succeed(supabase.arg(format!("--remote={url}")), &run.log()).await?;
    Ok(Tally::ONE)
}

pub(super) async fn types_are_current(run: &mut TestRun) -> Result<Tally> {
    let generated = generate_types(run).await?;
    let file = types_file();
    let committed =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(
        generated == committed,
        "{} is not what the schema says: run `bondhu-dev types`",
        file.display()
    );
    Ok(Tally::ONE)
}

/// Where the Edge functions find the database's types.
pub(super) fn types_file() -> PathBuf {
    paths::checkout().join("supabase/functions/_shared/database.types.ts")
}

/// TypeScript types of what the Data API exposes.
pub(super) async fn generate_types(run: &mut TestRun) -> Result<String> {
    let url = fresh_database(run, Server::Fifteen, "types").await?;
    let project = project(run)?;
    let mut supabase = run
        .supabase(
            &project,
            &["gen", "types", "--lang=typescript", "--schema", EXPOSED],
        )
        .await?;
    let output = supabase
        .arg(format!("--remote={url}"))
        .output()
        .await
        .context("cannot run supabase")?;
    ensure!(
        output.status.success(),
        "gen types failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A copy of the project for the CLI to work on: it leaves files behind.
pub(super) fn project(run: &TestRun) -> Result<PathBuf> {
    let project = run.directory("project")?;
    let supabase = project.join("supabase");
    fs::create_dir_all(supabase.join("migrations"))?;
    fs::copy(
        paths::checkout().join("supabase/config.toml"),
        supabase.join("config.toml"),
    )
    .context("supabase/config.toml")?;
    for migration in migrations::list()? {
        copy_into(&migration.sql.path, &supabase.join("migrations"))?;
    }
    Ok(project)
}

fn copy_into(file: &Path, directory: &Path) -> Result<()> {
    fs::copy(file, directory.join(file.file_name().unwrap_or_default()))?;
    Ok(())
}

/// A database with the schema of `sql/` and the extensions of the tools; its owner's URL.
async fn fresh_database(run: &mut TestRun, server: Server, name: &str) -> Result<String> {
    let cluster = run.server(server).await?;
    let superuser = cluster.superuser()?;
    let url = cluster.url("postgres", name);
    template::ensure(&superuser).await?;
    template::remove(&superuser, name).await?;
    template::copy(&superuser, name).await?;
    let mut connection = template::connect(&superuser, None, Some(name)).await?;
    let tools = "do $$ declare tool text; begin \
         for tool in select a.name from pg_available_extensions a where a.name in ('pgtap', 'plpgsql_check') loop \
           execute format('create extension if not exists %I with schema extensions', tool); \
         end loop; end $$";
    template::run(&mut connection, tools).await?;
    // Brings pg_cron in, if this is its database.
    schema::bootstrap()?.run(&mut connection).await?;
    if !server.has_engine() {
        // As hosted projects have it.
        let mut owner = template::connect(&superuser, Some("postgres"), Some(name)).await?;
        template::portable_engine()?.run(&mut owner).await?;
    }
    Ok(url)
}
