//! What of the schema public is Bondhu's, as the uninstaller knows it, and the names of it that the preflight
//! looks for.

use bondhu_stack::paths;
use bondhu_stack::testing::{Database, Role};

const FILE: &str = "sql/70_operation/35_public_objects.sql";
const PREFLIGHT: &str = "sql/10_foundation/05_preflight.sql";
/// Above and below the names in the preflight.
const ABOVE: &str = "  -- Written by PUBLIC_OBJECTS=write cargo test -p bondhu-conformance --test engine -- public_objects: do not edit.\n";
const BELOW: &str = "  -- Written by hand from here on.\n";
/// Characters of a line.
const WIDTH: usize = 120;

/// A constraint that has an index stands for both; Postgres 18 keeps `not null` as one, too.
const PRESENT: &str = "
    with relation as (
      select c.oid, c.relname::text as name from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    )
    select 'table', null, array_agg(name order by name) from relation
    union all
    select 'function', null, array_agg(signature order by signature)
    from pg_proc p
    cross join lateral (select format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as signature) s
    where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    union all
    (select kind, r.name, array_agg(part.name order by part.place, part.name)
    from relation r
    join (
      select 'column' as kind, attrelid as relation, attname::text as name, attnum as place
      from pg_attribute where attnum > 0 and not attisdropped
      union all
      select 'constraint', conrelid, conname, 0 from pg_constraint where contype <> 'n'
      union all
      select 'index', i.indrelid, c.relname, 0 from pg_index i join pg_class c on c.oid = i.indexrelid
      where not exists (select from pg_constraint k where k.conindid = c.oid and k.contype in ('p', 'u', 'x'))
      union all
      select 'policy', polrelid, polname, 0 from pg_policy
    ) part on part.relation = r.oid
    group by kind, r.name
    order by r.name, kind)";

/// Names that are taken as soon as anything bears them, by the variable that holds them.
const NAMES: &str = "
    with relation as (
      select c.relkind, c.relname::text collate \"C\" as name from pg_class c
      where c.relnamespace = 'public'::regnamespace
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    ), callable as (
      select distinct p.proname::text collate \"C\" as name from pg_proc p
      where p.pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    )
    select 'table_names', array_agg(name order by name) from relation where relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select 'index_and_sequence_names', array_agg(name order by name) from relation where relkind in ('i', 'I', 'S')
    union all
    select 'function_names', array_agg(name order by name) from callable
    union all
    select 'trigger_names', array_agg(t.tgname::text order by t.tgname)
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = 'auth.users'::regclass and p.pronamespace = 'bondhu'::regnamespace";

/// As an array's literal, broken into lines.
fn literal(names: &[String], first_column: usize) -> String {
    let mut text = String::from("'{");
    let mut column = first_column + text.len();
    for (place, name) in names.iter().enumerate() {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = match name.replace('\'', "''") {
            name if name.chars().all(is_plain) => name,
            name => format!("\"{name}\""),
        };
        // The comma or the end behind it, and a space before it.
        if place > 0 && column + name.len() + 5 > WIDTH {
            text += "\n      ";
            column = 6;
        } else if place > 0 {
            text.push(' ');
            column += 1;
        }
        text += &name;
        text.push(if place + 1 < names.len() { ',' } else { '}' });
        column += name.len() + 1;
    }
    text.push('\'');
    text
}

fn written_out(present: &[(String, Option<String>, Vec<String>)]) -> String {
    let rows: Vec<String> = present
        .iter()
        .map(|(kind, relation, names)| {
            let relation = relation
                .as_ref()
                .map_or("null".to_owned(), |relation| format!("'{relation}'"));
            let start = format!("    ('{kind}', {relation}, ");
            format!("{start}{})", literal(names, start.len()))
        })
        .collect();
    format!(
        "-- Written by PUBLIC_OBJECTS=write cargo test -p bondhu-conformance --test engine -- public_objects: do not edit.\n\n\
         create function bondhu.public_objects() returns table (kind text, relation text, name text)\n\
         language sql immutable\n\
         set search_path = pg_catalog, pg_temp\n\
         as $$\n  \
         select o.kind, o.relation, unnest(o.names::text[])\n  \
         from (values\n{}\n  \
         ) o (kind, relation, names)\n\
         $$;\n\
         comment on function bondhu.public_objects() is\n  \
         'What of the schema public is Bondhu''s; relation is the table of a column, a constraint, an index or a policy.';\n\
         revoke all on function bondhu.public_objects() from public, anon, authenticated, service_role;\n",
        rows.join(",\n")
    )
}

/// The preflight with these names in place of those that it has.
fn with_names(preflight: &str, names: &[(String, Vec<String>)]) -> String {
    let (before, rest) = preflight.split_once(ABOVE).unwrap();
    let (_, after) = rest.split_once(BELOW).unwrap();
    let variables: String = names
        .iter()
        .map(|(variable, names)| {
            let start = format!("  {variable} constant text[] := ");
            format!("{start}{};\n", literal(names, start.len()))
        })
        .collect();
    format!("{before}{ABOVE}{variables}{BELOW}{after}")
}

/// Writes the file, if that is asked for; or else it has to be what it would be.
fn hold(file: &str, current: &str) {
    let path = paths::checkout().join(file);
    if std::env::var_os("PUBLIC_OBJECTS").is_some() {
        return std::fs::write(path, current).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    let stale: Vec<_> = committed
        .lines()
        .filter(|line| !current.contains(line))
        .collect();
    assert!(
        committed == current,
        "{file}: run PUBLIC_OBJECTS=write cargo test -p bondhu-conformance --test engine -- public_objects\n{}",
        stale.join("\n")
    );
}

#[tokio::test]
async fn every_object_in_public_is_known_to_the_uninstaller() {
    let db = Database::create().await;
    let present: Vec<(String, Option<String>, Vec<String>)> = sqlx::query_as(PRESENT)
        .fetch_all(&mut db.connect(Role::Owner).await)
        .await
        .unwrap();
    hold(FILE, &written_out(&present));
}

#[tokio::test]
async fn every_name_that_bondhu_takes_is_known_to_the_preflight() {
    let db = Database::create().await;
    let names: Vec<(String, Vec<String>)> = sqlx::query_as(NAMES)
        .fetch_all(&mut db.connect(Role::Owner).await)
        .await
        .unwrap();
    let preflight = std::fs::read_to_string(paths::checkout().join(PREFLIGHT)).unwrap();
    hold(PREFLIGHT, &with_names(&preflight, &names));
}
