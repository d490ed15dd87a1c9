//! What of the schema public is Bondhu's, as the uninstaller knows it.

use bondhu_stack::paths;
use bondhu_stack::testing::{Database, Role};

const FILE: &str = "sql/70_operation/35_public_objects.sql";
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

#[tokio::test]
async fn every_object_in_public_is_known_to_the_uninstaller() {
    let db = Database::create().await;
    let present: Vec<(String, Option<String>, Vec<String>)> = sqlx::query_as(PRESENT)
        .fetch_all(&mut db.connect(Role::Owner).await)
        .await
        .unwrap();
    let file = paths::checkout().join(FILE);
    let current = written_out(&present);
    if std::env::var_os("PUBLIC_OBJECTS").is_some() {
        return std::fs::write(file, current).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap();
    let stale: Vec<_> = committed
        .lines()
        .filter(|line| !current.contains(line))
        .collect();
    assert!(
        committed == current,
        "run: PUBLIC_OBJECTS=write cargo test -p bondhu-conformance --test engine -- public_objects\n{}",
        stale.join("\n")
    );
}
