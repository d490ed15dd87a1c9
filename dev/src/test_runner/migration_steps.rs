//! `sql/` and `supabase/migrations` build the same database, everywhere.

use anyhow::{Context, Result, ensure};
use sqlx::{Connection as _, PgConnection};
use url::Url;

use super::tally::Tally;
use super::test_run::{CRON_DATABASE, Server, TestRun};
use super::{schema_snapshot as snapshot, supabase_steps};
use bondhu_stack::{job, migrations, schema, template};

/// What a new project grants by default: nothing. The bootstrap has what older ones do.
const NEW_PROJECT: &str = "alter default privileges for role postgres in schema public revoke all on tables from anon, authenticated, service_role; \
     alter default privileges for role postgres in schema public revoke all on sequences from anon, authenticated, service_role; \
     alter default privileges for role postgres in schema public revoke all on functions from anon, authenticated, service_role";

/// How a database comes by its schema.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// File by file from `sql/`.
    Sources,
    /// As the local stack applies the migrations.
    OurMigrations,
    /// `supabase db push`.
    Push,
}

#[derive(Debug)]
struct Built {
    dump: Vec<String>,
    grants: Vec<String>,
    jobs: Vec<String>,
}

pub(super) async fn same_database(run: &mut TestRun) -> Result<Tally> {
    let mut tally = Tally::default();
    for server in Server::ALL {
        tally.add(on(run, server).await.with_context(|| server.label())?);
    }
    Ok(tally)
}

async fn on(run: &mut TestRun, server: Server) -> Result<Tally> {
    let mut passed = 0;
    let sources = build(run, server, Way::Sources, false).await?;
    ensure!(sources.dump.len() > 100, "the dump holds next to nothing");
    if server == Server::Fifteen {
        ensure!(
            !sources.jobs.is_empty(),
            "no jobs are scheduled although the server has pg_cron"
        );
    }
    for (way, name) in [
        (Way::OurMigrations, "the local stack's migrations"),
        (Way::Push, "supabase db push"),
    ] {
        let built = build(run, server, way, false)
            .await
            .with_context(|| name.to_owned())?;
        snapshot::same(
            &format!("sql/ (-) and {name} (+) build different databases"),
            &sources.dump,
            &built.dump,
        )?;
        snapshot::same(
            &format!("sql/ (-) and {name} (+) grant differently"),
            &sources.grants,
            &built.grants,
        )?;
        snapshot::same(
            &format!("sql/ (-) and {name} (+) schedule differently"),
            &sources.jobs,
            &built.jobs,
        )?;
        passed += 3;
    }
    let new_project = build(run, server, Way::Push, true)
        .await
        .context("a new project's default privileges")?;
    snapshot::same(
        "an older project (-) and a new one (+) end with different grants",
        &sources.grants,
        &new_project.grants,
    )?;
    Ok(Tally {
        passed: passed + 1,
        failed: 0,
    })
}

/// Builds the database anew and says what came out. pg_cron runs in one database alone, so
/// that all are built under its name, one after the other.
async fn build(run: &mut TestRun, server: Server, way: Way, new_project: bool) -> Result<Built> {
    let cluster = run.server(server).await?;
    let (superuser, url) = (cluster.superuser()?, cluster.url("postgres", CRON_DATABASE));
    run.note(&format!(
        "-- {}: {way:?}, new project's defaults: {new_project}",
        server.label()
    ))?;

    bootstrap(&superuser, new_project).await?;
    match way {
        Way::Sources => {
            let mut owner = PgConnection::connect(&url).await?;
            schema::apply(&mut owner).await?;
            template::portable_engine()?.run(&mut owner).await?;
            owner.close().await?;
        }
        Way::OurMigrations => {
            let mut owner = PgConnection::connect(&url).await?;
            ensure!(
                migrations::apply(&mut owner).await? > 0,
                "there is no migration"
            );
            ensure!(
                migrations::apply(&mut owner).await? == 0,
                "applying the migrations again does something"
            );
            owner.close().await?;
        }
        Way::Push => {
            push(run, &url).await?;
            let again = push(run, &url).await?;
            ensure!(
                again.contains("up to date"),
                "a second push does something:\n{again}"
            );
        }
    }
    let pg_dump = run.pg_dump(server).await?;
    let mut database = template::connect(&superuser, None, Some(CRON_DATABASE)).await?;
    let built = Built {
        dump: snapshot::dump(
            &pg_dump,
            &run.server(server)
                .await?
                .url("supabase_admin", CRON_DATABASE),
        )
        .await?,
        grants: snapshot::grants(&mut database).await?,
        jobs: snapshot::cron_jobs(&mut database).await?,
    };
    database.close().await?;
    Ok(built)
}

pub(super) async fn bootstrap(superuser: &Url, new_project: bool) -> Result<()> {
    template::remove(superuser, CRON_DATABASE).await?;
    let mut admin = template::connect(superuser, None, None).await?;
    template::run(
        &mut admin,
        &format!("create database {CRON_DATABASE} template template0"),
    )
    .await?;
    let mut database = template::connect(superuser, None, Some(CRON_DATABASE)).await?;
    schema::bootstrap()?.run(&mut database).await?;
    if new_project {
        template::run(&mut database, NEW_PROJECT).await?;
    }
    database.close().await?;
    Ok(admin.close().await?)
}

/// `supabase db push`; what it said.
pub(super) async fn push(run: &TestRun, url: &str) -> Result<String> {
    let project = supabase_steps::project(run)?;
    let mut supabase = run.supabase(&project, &["db", "push", "--yes"]).await?;
    let before = run.read_log().len();
    job::succeed(supabase.arg(format!("--remote={url}")), &run.log())
        .await
        .context("supabase db push")?;
    Ok(run.read_log().split_off(before))
}
