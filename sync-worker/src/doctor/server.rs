//! What the server's settings cost a database that grows: the log, checkpoints, vacuum.

use sqlx::PgPool;

use super::{Report, ask};

/// Fewer say nothing.
const FEW_CHECKPOINTS: i64 = 20;
/// A table with fewer dead rows is vacuumed soon enough.
const FEW_DEAD_ROWS: i64 = 100_000;

const TABLES: &str = "array['public.chat_messages', 'public.personality_profiles', 'public.sentiment_buckets', 'public.user_sessions']";

pub(super) async fn check(report: &mut Report, database: &PgPool) {
    compression(report, database).await;
    checkpoints(report, database).await;
    vacuum(report, database).await;
    parts(report, database).await;
}

/// Most of what a message writes are whole pages (docs/capacity.md), which compress well.
async fn compression(report: &mut Report, database: &PgPool) {
    let compression: Option<String> = ask(
        database,
        "select current_setting('wal_compression') where current_setting('full_page_writes')::boolean",
    )
    .await;
    match compression.as_deref() {
        Some("off") => report.warn(
            "the write-ahead log is not compressed (wal_compression = off): a message writes up to twice as much as it need",
            "alter system set wal_compression = 'lz4', then select pg_reload_conf(); no matter where the host does not let you",
        ),
        Some(method) => report.ok(format!("the write-ahead log is compressed ({method})")),
        None => {}
    }
}

async fn checkpoints(report: &mut Report, database: &PgPool) {
    // Postgres 17 counts them in another view.
    let is_new = ask(
        database,
        "select to_regclass('pg_catalog.pg_stat_checkpointer') is not null",
    )
    .await
        == Some(true);
    let counted = if is_new {
        "select num_timed, num_requested from pg_stat_checkpointer"
    } else {
        "select checkpoints_timed, checkpoints_req from pg_stat_bgwriter"
    };
    let found: Result<(i64, i64), _> = sqlx::query_as(counted).fetch_one(database).await;
    let Ok((timed, requested)) = found else {
        return;
    };
    if requested > timed && timed + requested >= FEW_CHECKPOINTS {
        let size: String = ask(database, "select current_setting('max_wal_size')")
            .await
            .unwrap_or_default();
        report.warn(
            format!(
                "{requested} of {} checkpoints came before their time: after each, messages write whole pages again",
                timed + requested
            ),
            format!("raise max_wal_size ({size} now), so that most come after checkpoint_timeout"),
        );
    }
}

async fn vacuum(report: &mut Report, database: &PgPool) {
    if ask(database, "select current_setting('autovacuum')::boolean").await == Some(false) {
        report.warn(
            "autovacuum is off: tables grow with every update, and plans go by old statistics",
            "alter system set autovacuum = on, then select pg_reload_conf()",
        );
    }
    let neglected: Result<Vec<String>, _> = sqlx::query_scalar(&format!(
        "select format('%I.%I', n.nspname, c.relname)
         from unnest({TABLES}) t (name)
         join pg_class c on c.oid = to_regclass(t.name)
         join pg_namespace n on n.oid = c.relnamespace
         left join pg_stat_all_tables s on s.relid = c.oid
         where exists (
             select from pg_options_to_table(c.reloptions) o
             where o.option_name = 'autovacuum_enabled' and not o.option_value::boolean)
            or s.n_dead_tup > greatest($1, s.n_live_tup / 5)
         order by 1"
    ))
    .bind(FEW_DEAD_ROWS)
    .fetch_all(database)
    .await;
    match neglected {
        Ok(neglected) if neglected.is_empty() => {}
        Ok(neglected) => report.warn(
            format!(
                "vacuum does not keep up with {}, or is off for it",
                neglected.join(", ")
            ),
            "vacuum (analyze) it now, and give autovacuum more: autovacuum_vacuum_cost_limit, autovacuum_max_workers",
        ),
        Err(error) => report.fail(
            format!("the big tables cannot be looked at: {error}"),
            "apply the migrations",
        ),
    }
}

async fn parts(report: &mut Report, database: &PgPool) {
    let open: Result<Vec<String>, _> =
        sqlx::query_scalar("select relation from bondhu.open_parts()")
            .fetch_all(database)
            .await;
    match open {
        Ok(open) if open.is_empty() => {}
        Ok(open) => report.fail(
            format!(
                "anybody may read other people's rows in {}, which have no row-level security",
                open.join(", ")
            ),
            "revoke all on each of them from anon, authenticated, and enable row level security",
        ),
        Err(error) => report.fail(
            format!("partitions cannot be looked at: {error}"),
            "apply the migrations",
        ),
    }
}
