//! What a project goes through: an engine that comes or goes, an upgrade of Postgres, the end.

use anyhow::{Context, Result, ensure};
use sqlx::PgConnection;
use url::Url;

use super::migration_steps::{bootstrap, push};
use super::schema_snapshot as snapshot;
use super::tally::Tally;
use super::test_run::{CRON_DATABASE, Server, TestRun};
use bondhu_stack::template;

/// A server gets the engine after people have written: their messages are scored then.
pub(super) async fn engine_comes_later(run: &mut TestRun) -> Result<Tally> {
    const DATABASE: &str = "engine_comes_later";
    let superuser = run.server(Server::FifteenBare).await?.superuser()?;
    let mut admin = template::connect(&superuser, None, None).await?;
    template::remove(&superuser, DATABASE).await?;
    template::run(
        &mut admin,
        &format!("create database {DATABASE} template template0"),
    )
    .await?;
    template::build(&superuser, DATABASE).await?;

    let mut database = template::connect(&superuser, None, Some(DATABASE)).await?;
    template::run(
        &mut database,
        "insert into auth.users (id) values ('11111111-1111-4111-8111-111111111111'); \
         insert into public.chat_messages (user_id, message_text) values ('11111111-1111-4111-8111-111111111111', 'I am so happy!')",
    )
    .await?;
    let count = "select count(*), count(engine_version) from public.chat_messages";
    let before: (i64, i64) = sqlx::query_as(count).fetch_one(&mut database).await?;
    ensure!(
        before == (1, 0),
        "without an engine a message is stored and unscored, not {before:?}"
    );

    run.add_engine(Server::FifteenBare).await?;
    let mut owner = template::connect(&superuser, Some("postgres"), Some(DATABASE)).await?;
    template::run(&mut owner, "select bondhu.install_engine()").await?;
    let rescored: i64 = sqlx::query_scalar("select bondhu.rescore()")
        .fetch_one(&mut owner)
        .await?;
    let after: (i64, i64) = sqlx::query_as(count).fetch_one(&mut database).await?;
    ensure!(
        (rescored, after) == (1, (1, 1)),
        "the engine scored {rescored}, and now there are {after:?}"
    );
    let profiles: i64 = sqlx::query_scalar("select count(*) from public.personality_profiles")
        .fetch_one(&mut database)
        .await?;
    ensure!(profiles == 1, "the message was scored and not folded in");
    Ok(Tally {
        passed: 3,
        failed: 0,
    })
}

/// With the portable engine in place of the extension, a database is what it is on a server that
/// never had that.
pub(super) async fn engine_leaves_no_trace(run: &mut TestRun) -> Result<Tally> {
    let mut dumps = Vec::new();
    for server in [Server::SeventeenBare, Server::Seventeen] {
        let cluster = run.server(server).await?;
        let (superuser, url) = (cluster.superuser()?, cluster.url("postgres", CRON_DATABASE));
        bootstrap(&superuser, false).await?;
        push(run, &url).await?;
        if server.has_engine() {
            let mut owner =
                template::connect(&superuser, Some("postgres"), Some(CRON_DATABASE)).await?;
            template::run(
                &mut owner,
                "select bondhu.install_engine('portable'); drop extension bondhu; drop schema bondhu_native",
            )
            .await?;
        }
        dumps.push(dump(run, server).await?);
    }
    snapshot::same(
        "a server without the extension (-) and one whose extension went (+) hold different databases",
        &dumps[0],
        &dumps[1],
    )?;
    Ok(Tally::ONE)
}

/// A project that was upgraded from 15: `postgres` does not administer the roles that it made
/// there. The migrations need no such right.
pub(super) async fn upgraded_project(run: &mut TestRun) -> Result<Tally> {
    let mut tally = Tally::default();
    for server in [Server::SeventeenBare, Server::Eighteen] {
        let cluster = run.server(server).await?;
        let (superuser, url) = (cluster.superuser()?, cluster.url("postgres", CRON_DATABASE));
        bootstrap(&superuser, false).await?;
        let mut admin = template::connect(&superuser, None, None).await?;
        template::run(
            &mut admin,
            "do $$ begin if to_regrole('bondhu_worker') is null then create role bondhu_worker; end if; end $$; \
             revoke bondhu_worker from postgres",
        )
        .await?;
        let mut owner =
            template::connect(&superuser, Some("postgres"), Some(CRON_DATABASE)).await?;
        let refused = template::run(&mut owner, "alter role bondhu_worker login").await;
        let pushed = push(run, &url).await;
        // What docs/backup.md tells a superuser to do.
        template::run(
            &mut admin,
            "grant bondhu_worker to postgres with admin option",
        )
        .await?;
        ensure!(
            refused.is_err(),
            "{}: the owner administers a role that it did not make",
            server.label()
        );
        pushed.with_context(|| server.label())?;
        template::run(&mut owner, "alter role bondhu_worker nologin").await?;
        tally.add(Tally::ONE);
    }
    Ok(tally)
}

/// After `bondhu.uninstall()` a project is what it was before the first migration.
pub(super) async fn uninstalling(run: &mut TestRun) -> Result<Tally> {
    let mut tally = Tally::default();
    for server in Server::ALL {
        uninstall(run, server)
            .await
            .with_context(|| server.label())?;
        tally.add(Tally::ONE);
    }
    Ok(tally)
}

async fn uninstall(run: &mut TestRun, server: Server) -> Result<()> {
    let cluster = run.server(server).await?;
    let (superuser, url) = (cluster.superuser()?, cluster.url("postgres", CRON_DATABASE));
    without_the_worker_elsewhere(&superuser).await?;
    bootstrap(&superuser, false).await?;
    let mut database = template::connect(&superuser, None, Some(CRON_DATABASE)).await?;
    template::run(
        &mut database,
        "insert into auth.users (id) values ('11111111-1111-4111-8111-111111111111')",
    )
    .await?;
    let before = whole(run, server, &mut database).await?;

    push(run, &url).await?;
    let mut owner = template::connect(&superuser, Some("postgres"), Some(CRON_DATABASE)).await?;
    template::run(
        &mut owner,
        "insert into public.chat_messages (user_id, message_text) values ('11111111-1111-4111-8111-111111111111', 'I am so happy!'); \
         insert into public.provider_connections (user_id, provider) values ('11111111-1111-4111-8111-111111111111', 'spotify')",
    )
    .await?;
    template::run(
        &mut owner,
        "select pg_create_logical_replication_slot('bondhu_mirror', 'pgoutput')",
    )
    .await?;
    ensure!(
        template::run(&mut owner, "select bondhu.uninstall()")
            .await
            .is_err(),
        "everything went without a word of confirmation"
    );
    let stays: Vec<String> =
        sqlx::query_scalar("select bondhu.uninstall('delete all that Bondhu has stored')")
            .fetch_one(&mut owner)
            .await?;
    ensure!(stays.is_empty(), "it stays: {}", stays.join("; "));
    let after = whole(run, server, &mut database).await?;
    snapshot::same(
        "a project before the migrations (-) and after bondhu.uninstall() (+) differ",
        &before,
        &after,
    )?;
    let users: i64 = sqlx::query_scalar("select count(*) from auth.users")
        .fetch_one(&mut database)
        .await?;
    ensure!(users == 1, "the app's users went, too");
    // A project may want it back.
    template::run(
        &mut database,
        "delete from supabase_migrations.schema_migrations",
    )
    .await?;
    push(run, &url).await.context("installing it again")?;
    Ok(())
}

/// Removes the test databases that hold something of the worker's role, which belongs to the cluster.
pub(super) async fn without_the_worker_elsewhere(superuser: &Url) -> Result<()> {
    let mut admin = template::connect(superuser, None, None).await?;
    let databases: Vec<String> = sqlx::query_scalar(
        "select distinct d.datname::text from pg_shdepend s join pg_database d on d.oid = s.dbid \
         where s.refclassid = 'pg_authid'::regclass and s.refobjid = to_regrole('bondhu_worker')",
    )
    .fetch_all(&mut admin)
    .await?;
    for database in databases {
        template::remove(superuser, &database).await?;
    }
    template::run(&mut admin, "drop role if exists bondhu_worker").await
}

/// All that a dump says, and what it leaves out.
async fn whole(
    run: &mut TestRun,
    server: Server,
    database: &mut PgConnection,
) -> Result<Vec<String>> {
    let mut said = dump(run, server).await?;
    said.extend(snapshot::grants(database).await?);
    said.extend(snapshot::cron_jobs(database).await?);
    said.extend(snapshot::of_the_cluster(database).await?);
    Ok(said)
}

async fn dump(run: &mut TestRun, server: Server) -> Result<Vec<String>> {
    let pg_dump = run.pg_dump(server).await?;
    let url = run
        .server(server)
        .await?
        .url("supabase_admin", CRON_DATABASE);
    snapshot::dump(&pg_dump, &url).await
}
