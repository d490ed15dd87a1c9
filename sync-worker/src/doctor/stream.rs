//! What the mirror reads: replication role, publication, slot.

use std::collections::{BTreeMap, BTreeSet};

use bondhu_core::cache::{Document, SETTINGS};
use sqlx::PgPool;

use super::{Report, ask, connect};
use crate::config::MirrorConfig;

/// A slot that holds this much WAL has been left alone for long.
const MUCH_WAL_BYTES: i64 = 1 << 30;

pub(super) async fn check(report: &mut Report, database: &PgPool, config: Option<&MirrorConfig>) {
    let publication = config.map_or("bondhu_mirror", |config| config.publication.as_str());
    match published_as_expected(database, publication).await {
        Ok(differences) if differences.is_empty() => {
            report.ok(format!(
                "publication {publication} lists exactly what documents are built from"
            ));
        }
        Ok(differences) => report.fail(
            format!("publication {publication}: {}", differences.join("; ")),
            "bring it in line with sql/70_operation/20_publication.sql (alter publication … set table …)",
        ),
        Err(error) => report.fail(
            format!("publication {publication} cannot be looked at: {error}"),
            "check DATABASE_URL",
        ),
    }
    let Some(config) = config else { return };
    slot(report, database, &config.slot).await;
    if let Some(replication) =
        connect(report, "BONDHU_REPLICATION_URL", &config.replication_url).await
    {
        replication_role(report, database, &replication).await;
        replication.close().await;
    }
}

/// How a publication differs from the tables and keys that documents are built from, in words;
/// empty when it does not.
///
/// # Errors
/// When the database does not answer.
pub async fn published_as_expected(
    database: &PgPool,
    publication: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_publication where pubname = $1)")
            .bind(publication)
            .fetch_one(database)
            .await?;
    if !exists {
        return Ok(vec!["it does not exist".to_owned()]);
    }
    let published: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> =
        sqlx::query_as::<_, (String, Vec<String>, Vec<String>)>(
            "select p.schemaname || '.' || p.tablename, p.attnames::text[],
                    array(select a.attname::text from pg_index i
                          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                          where i.indisprimary
                            and i.indrelid = format('%I.%I', p.schemaname, p.tablename)::regclass)
             from pg_publication_tables p where p.pubname = $1",
        )
        .bind(publication)
        .fetch_all(database)
        .await?
        .into_iter()
        .map(|(table, columns, key)| (table, (columns.into_iter().collect(), key.into_iter().collect())))
        .collect();
    let sources: BTreeSet<String> = Document::ALL
        .iter()
        .flat_map(|document| document.sources())
        .map(|table| format!("public.{table}"))
        .chain([format!("{}.{}", SETTINGS.0, SETTINGS.1)])
        .collect();

    let mut differences = Vec::new();
    for table in &sources {
        match published.get(table) {
            None => differences.push(format!("{table} is missing")),
            Some((columns, key)) if columns != key => {
                differences.push(format!(
                    "{table} should be published by its key ({})",
                    join(key)
                ));
            }
            Some(_) => {}
        }
    }
    differences.extend(
        published
            .keys()
            .filter(|table| !sources.contains(*table))
            .map(|table| format!("{table} is too much")),
    );
    Ok(differences)
}

fn join(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A row of `pg_replication_slots`.
#[derive(Debug, sqlx::FromRow)]
struct Slot {
    active: bool,
    wal_status: Option<String>,
    held_bytes: Option<i64>,
    behind_bytes: Option<i64>,
}

async fn slot(report: &mut Report, database: &PgPool, name: &str) {
    if ask::<String>(database, "select current_setting('wal_level')")
        .await
        .as_deref()
        != Some("logical")
    {
        report.fail(
            "wal_level is not logical",
            "alter system set wal_level = 'logical', then restart Postgres",
        );
    }
    let found: Result<Option<Slot>, _> = sqlx::query_as(
        "select active, wal_status::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as held_bytes,
                pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint as behind_bytes
         from pg_replication_slots where slot_name = $1",
    )
    .bind(name)
    .fetch_optional(database)
    .await;
    match found {
        Ok(None) => report.ok(format!("slot {name} is not there yet: the mirror makes it")),
        Ok(Some(slot)) if slot.wal_status.as_deref() == Some("lost") => report.warn(
            format!("slot {name} is lost: the server dropped WAL that it needed"),
            "start the mirror: it makes a new slot; max_slot_wal_keep_size says how much a slot may hold",
        ),
        Ok(Some(slot)) => {
            let held = slot.held_bytes.unwrap_or_default();
            let use_of = if slot.active { "in use" } else { "not in use" };
            let behind = slot.behind_bytes.unwrap_or_default() >> 10;
            let what = format!(
                "slot {name} is {use_of}, {behind} kB behind, and holds {} MB of WAL",
                held >> 20
            );
            if !slot.active && held > MUCH_WAL_BYTES {
                let drop = format!("start the mirror, or: select pg_drop_replication_slot('{name}')");
                report.warn(what, drop);
            } else {
                report.ok(what);
            }
        }
        Err(error) => report.fail(format!("slot {name} cannot be looked at: {error}"), "check DATABASE_URL"),
    }
    if ask::<String>(database, "select current_setting('max_slot_wal_keep_size')")
        .await
        .as_deref()
        == Some("-1")
    {
        report.warn(
            "a mirror that stays away lets WAL grow without bound",
            "on your own server: alter system set max_slot_wal_keep_size = '4GB', then select pg_reload_conf(); \
             on hosted Supabase: supabase postgres-config update --config max_slot_wal_keep_size=4GB --no-restart; \
             a slot that is lost by that heals by itself",
        );
    }
}

async fn replication_role(report: &mut Report, database: &PgPool, replication: &PgPool) {
    let may: Option<bool> = ask(
        replication,
        "select rolreplication or rolsuper from pg_roles where rolname = current_user",
    )
    .await;
    let role: String = ask(replication, "select current_user::text")
        .await
        .unwrap_or_default();
    if may == Some(true) {
        report.ok(format!(
            "the mirror signs in as {role}, which may replicate"
        ));
    } else {
        report.fail(
            format!("the mirror signs in as {role}, which may not replicate"),
            format!(
                "alter role {role} replication, or make one for it: create role bondhu_mirror login replication password '…'"
            ),
        );
    }
    const PLACE: &str = "select format('%s in cluster %s', current_database(), (select system_identifier from pg_control_system()))";
    let (one, other) = (
        ask::<String>(database, PLACE).await,
        ask::<String>(replication, PLACE).await,
    );
    if one.is_some() && other.is_some() && one != other {
        report.fail(
            "DATABASE_URL and BONDHU_REPLICATION_URL lead to different databases",
            "let both name the same database of the same primary",
        );
    }
}
