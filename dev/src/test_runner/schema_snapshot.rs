//! What a database is, as text that can be compared.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sqlx::PgConnection;
use tokio::process::Command;

/// Objects, grants, policies and comments, as `pg_dump` writes them. The CLI's own history
/// is left out.
pub(super) async fn dump(pg_dump: &Path, url: &str) -> Result<Vec<String>> {
    written(pg_dump, url, "--schema-only").await
}

/// As [`dump`], with every row in the order in which it is stored. Of pg_cron, [`cron_jobs`] says what counts: how
/// many jobs there ever were does not.
pub(super) async fn dump_with_rows(pg_dump: &Path, url: &str) -> Result<Vec<String>> {
    written(pg_dump, url, "--exclude-table-data=cron.*").await
}

async fn written(pg_dump: &Path, url: &str, of_what: &str) -> Result<Vec<String>> {
    let output = Command::new(pg_dump)
        .args([
            of_what,
            "--exclude-schema=supabase_migrations",
            "--dbname",
            url,
        ])
        .output()
        .await
        .with_context(|| format!("cannot run {}", pg_dump.display()))?;
    ensure!(
        output.status.success(),
        "pg_dump failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    // `\restrict` carries a random key. A row may begin with `\N`.
    let said = |line: &&str| {
        !line.is_empty()
            && !["--", "\\restrict", "\\unrestrict"]
                .iter()
                .any(|beginning| line.starts_with(beginning))
    };
    Ok(text.lines().filter(said).map(str::to_owned).collect())
}

/// Who may do what, as it takes effect: also what no GRANT was ever written for.
pub(super) async fn grants(database: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "with ours as (select oid, nspname, nspacl, nspowner from pg_namespace where nspname in ('public', 'bondhu')), \
         granted as ( \
           select format('schema %s', n.nspname) as object, coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl from ours n \
           union all \
           select format('%s %s.%s', c.relkind, n.nspname, c.relname), \
                  coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::\"char\" else 'r'::\"char\" end, c.relowner)) \
           from pg_class c join ours n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'S') \
           union all \
           select format('column %s.%s.%s', n.nspname, c.relname, a.attname), a.attacl \
           from pg_attribute a join pg_class c on c.oid = a.attrelid join ours n on n.oid = c.relnamespace where a.attacl is not null \
           union all \
           select format('function %s', p.oid::regprocedure), coalesce(p.proacl, acldefault('f', p.proowner)) \
           from pg_proc p join ours n on n.oid = p.pronamespace \
           union all \
           select format('type %s', t.oid::regtype), coalesce(t.typacl, acldefault('T', t.typowner)) \
           from pg_type t join ours n on n.oid = t.typnamespace where t.typelem = 0 and t.typtype in ('c', 'd', 'e') \
         ) \
         select format('%s: %s may %s', object, case g.grantee when 0 then 'public' else g.grantee::regrole::text end, g.privilege_type) \
         from granted cross join aclexplode(acl) g order by 1",
    )
    .fetch_all(database)
    .await?)
}

/// The scheduled jobs; none where there is no pg_cron.
pub(super) async fn cron_jobs(database: &mut PgConnection) -> Result<Vec<String>> {
    let has_cron: bool = sqlx::query_scalar("select to_regclass('cron.job') is not null")
        .fetch_one(&mut *database)
        .await?;
    if !has_cron {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar("select concat_ws(' | ', jobname, schedule, command, username, database, active) from cron.job order by 1")
        .fetch_all(database)
        .await?)
}

/// What is not this database's alone: roles, memberships, settings of roles, slots.
pub(super) async fn of_the_cluster(database: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "select to_jsonb(r)::text || coalesce(shobj_description(r.oid, 'pg_authid'), '') from pg_roles r where r.rolname !~ '^pg_' \
         union all select format('%s may act as %s', member::regrole, roleid::regrole) from pg_auth_members \
         union all select format('slot %s in %s', slot_name, database) from pg_replication_slots \
         order by 1",
    )
    .fetch_all(database)
    .await?)
}

/// Fails with the lines that only one side has.
pub(super) fn same(what: &str, one: &[String], other: &[String]) -> Result<()> {
    if one == other {
        return Ok(());
    }
    let (left, right): (BTreeSet<_>, BTreeSet<_>) = (one.iter().collect(), other.iter().collect());
    let only = |these: &BTreeSet<&String>, those: &BTreeSet<&String>, sign| -> String {
        these
            .difference(those)
            .take(15)
            .map(|line| format!("\n  {sign} {line}"))
            .collect()
    };
    let (less, more) = (only(&left, &right, '-'), only(&right, &left, '+'));
    bail!(
        "{what}:{less}{more}{}",
        if less.is_empty() && more.is_empty() {
            " the same lines in another order"
        } else {
            ""
        }
    )
}
