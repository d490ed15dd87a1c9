//! The database itself: who we are in it, what the migrations made, engine and cron.

use bondhu_core::cache::Document;
use sqlx::PgPool;

use super::{Report, ask};
use crate::cron::{self, CronError};

const MIGRATE: &str =
    "apply the migrations: supabase db push, or psql -f of each file of sql/ in order";

/// Checks the database; returns whether the schema is there at all.
pub(super) async fn check(report: &mut Report, database: &PgPool) -> bool {
    version(report, database).await;
    role(report, database).await;
    if !schema(report, database).await {
        return false;
    }
    engine(report, database).await;
    super::losses::check(report, database).await;
    super::server::check(report, database).await;
    cron_jobs(report, database).await;
    realtime(report, database).await;
    true
}

async fn version(report: &mut Report, database: &PgPool) {
    let Some(number) = ask::<i32>(
        database,
        "select current_setting('server_version_num')::int",
    )
    .await
    else {
        return;
    };
    let name = ask::<String>(database, "select current_database()::text")
        .await
        .unwrap_or_default();
    match number / 10_000 {
        major @ 15.. => report.ok(format!("Postgres {major} answers, database {name}")),
        major => report.fail(
            format!("Postgres {major} is too old"),
            "use Postgres 15, 17 or 18",
        ),
    }
}

async fn role(report: &mut Report, database: &PgPool) {
    let found: Result<(String, bool, bool), _> = sqlx::query_as(
        "select current_user::text, rolsuper or rolbypassrls,
                coalesce(pg_has_role(current_user, to_regrole('bondhu_worker'), 'usage'), false)
         from pg_roles where rolname = current_user",
    )
    .fetch_one(database)
    .await;
    match found {
        Ok((role, true, _)) => report.warn(
            format!("the worker signs in as {role}, which no policy binds"),
            "use the worker's own role: alter role bondhu_worker login password '…', and put it in DATABASE_URL",
        ),
        Ok((role, false, true)) => report.ok(format!("the worker signs in as {role}")),
        Ok((role, false, false)) => report.fail(
            format!("the worker signs in as {role}, which may do nothing here"),
            "put role bondhu_worker in DATABASE_URL; it gets its login with: alter role bondhu_worker login password '…'",
        ),
        Err(error) => report.fail(format!("the worker's role cannot be looked up: {error}"), "check DATABASE_URL"),
    }
}

async fn schema(report: &mut Report, database: &PgPool) -> bool {
    if ask(database, "select to_regnamespace('bondhu') is not null").await != Some(true) {
        report.fail("the schema is not there", MIGRATE);
        return false;
    }
    let missing: Vec<&str> = {
        let signatures: Vec<String> = Document::ALL
            .map(|document| format!("bondhu.{}_document(uuid[], timestamptz)", document.name()))
            .to_vec();
        let callable: Vec<bool> = sqlx::query_scalar(
            "select coalesce(has_function_privilege(to_regprocedure(s), 'execute'), false)
             from unnest($1::text[]) with ordinality as wanted (s, place) order by place",
        )
        .bind(signatures)
        .fetch_all(database)
        .await
        .unwrap_or_default();
        let callable = callable.into_iter().chain(std::iter::repeat(false));
        Document::ALL
            .into_iter()
            .zip(callable)
            .filter(|(_, callable)| !callable)
            .map(|(d, _)| d.name())
            .collect()
    };
    if missing.is_empty() {
        report.ok(format!(
            "the schema is there, with all {} documents",
            Document::ALL.len()
        ));
    } else {
        report.fail(
            format!("the worker cannot build documents {}", missing.join(", ")),
            format!(
                "{MIGRATE}; if they are applied, a restore has lost its grants: docs/backup.md"
            ),
        );
    }
    true
}

async fn engine(report: &mut Report, database: &PgPool) {
    let engine: Result<Option<String>, _> = sqlx::query_scalar(
        "select bondhu.engine() ->> 'name' || ', version ' || (bondhu.engine() ->> 'version')",
    )
    .fetch_one(database)
    .await;
    match engine {
        Ok(Some(engine)) => report.ok(format!("the engine is {engine}")),
        Ok(None) => report.warn(
            "there is no engine: chat is stored unscored, and nothing is concluded",
            "apply the migration portable_engine, or install extension bondhu on the server; then run select \
             bondhu.install_engine(), and select bondhu.rescore() until it returns 0",
        ),
        Err(error) => report.fail(
            format!("the engine does not answer: {error}"),
            "run select bondhu.install_engine() as the schema's owner; as a superuser after a superuser's restore",
        ),
    }
}

async fn cron_jobs(report: &mut Report, database: &PgPool) {
    let found =
        async { Ok::<_, CronError>((cron::plan(database).await?, cron::list(database).await?)) };
    match found.await {
        Ok((plan, jobs)) => {
            let unmet: Vec<String> = plan
                .iter()
                .filter(|planned| !jobs.iter().any(|job| planned.is_met_by(job)))
                .map(|planned| planned.name.clone())
                .collect();
            if unmet.is_empty() {
                report.ok(format!("pg_cron runs all {} jobs", plan.len()));
            } else {
                report.warn(
                    format!(
                        "jobs that are not scheduled as they should be: {}",
                        unmet.join(", ")
                    ),
                    "run sync-worker cron install",
                );
            }
        }
        Err(CronError::Absent { message, hint, .. }) => report.warn(message, hint),
        Err(error @ CronError::NotMigrated) => report.fail(error.to_string(), MIGRATE),
        Err(error @ CronError::Postgres(_)) => {
            report.fail(format!("scheduled jobs: {error}"), MIGRATE)
        }
    }
}

/// Says nothing where Realtime has not made its table.
async fn realtime(report: &mut Report, database: &PgPool) {
    let there =
        "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where n.nspname = 'realtime' and c.relname = 'messages')";
    if ask(database, there).await != Some(true) {
        return;
    }
    let missing: Option<Vec<String>> =
        ask(database, "select bondhu.missing_realtime_policies()").await;
    match missing {
        Some(missing) if missing.is_empty() => {
            report.ok("users may join their private Realtime channel, user:{user_id}")
        }
        Some(missing) => report.warn(
            format!(
                "users cannot join their private Realtime channel: policies {} are missing",
                missing.join(", ")
            ),
            "run select bondhu.authorize_realtime() as the schema's owner; where that is refused, it says what to run \
             in the dashboard",
        ),
        None => report.fail("the policies of Realtime cannot be looked up", MIGRATE),
    }
}
