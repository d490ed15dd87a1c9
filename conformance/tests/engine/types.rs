//! A trusted extension may be created by anybody who owns a database, beside tables of their own
//! under the names of Bondhu's: whatever types their columns have, the engine says no or is right.

use bondhu_stack::testing::{Database, Role, execute};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::recount::import;

/// Types, and a value of each.
const TYPES: [(&str, &str); 13] = [
    ("bigint", "7"),
    ("integer", "7"),
    ("boolean", "true"),
    ("text", "'joy'"),
    ("varchar(20)", "'joy'"),
    ("bytea", r"'\x00ff'"),
    ("jsonb", "'{}'"),
    ("numeric", "7.125"),
    ("numeric(12,4)", "0.5"),
    ("timestamp with time zone", "'2020-01-01'"),
    ("bigint[]", "'{1,null}'"),
    ("public.word", "'joy'"),
    ("public.pair", "'(1,joy)'"),
];

const KINDS: &str = "create domain public.word as text;
    create type public.pair as (number bigint, word text);";

/// Tables, the columns of their primary keys, and those the engine knows.
const TABLES: [(&str, &str, &[&str]); 7] = [
    ("public.chat_messages", "user_id, id", &[]),
    ("public.personality_profiles", "user_id", &[]),
    ("public.sentiment_buckets", "user_id, bucket_start", &[]),
    ("public.personality_history", "user_id, id", &[]),
    (
        "public.personality_history_evidence",
        "user_id, history_id, message_id",
        &[],
    ),
    ("bondhu.safety_events", "user_id, message_id", &[]),
    (
        "bondhu.settings",
        "singleton",
        &[
            "singleton",
            "window_hours",
            "min_messages",
            "trait_full_confidence",
            "history_min_change",
            "safety_event_retention_days",
        ],
    ),
];

const TRIGGERS: &str = "
    create trigger score before insert or update on public.chat_messages
      for each row execute function bondhu_native.score_message();
    create trigger fold_inserted after insert on public.chat_messages
      referencing new table as n for each statement execute function bondhu_native.fold_messages();
    create trigger fold_updated after update on public.chat_messages
      referencing old table as o new table as n for each statement execute function bondhu_native.fold_messages();
    create trigger fold_deleted after delete on public.chat_messages
      referencing old table as o for each statement execute function bondhu_native.fold_messages();";

/// A column: its name, type, whether it is never null, and its default.
type Column = (String, String, bool, Option<String>);

async fn columns(connection: &mut PgConnection, table: &str) -> Vec<Column> {
    sqlx::query_as(
        "select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
         from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
         order by a.attnum",
    )
    .bind(table)
    .fetch_all(connection)
    .await
    .unwrap()
}

/// What becomes of a column.
#[derive(Clone, Copy, Debug)]
enum Swap {
    Type(&'static str, &'static str),
    Dropped,
}

/// Puts a table of the same name, with the same rows, in the place of a table, but for one column.
async fn replace(
    connection: &mut PgConnection,
    (table, key): (&str, &str),
    columns: &[Column],
    swapped: &str,
    swap: Swap,
) {
    let (schema, name) = table.split_once('.').unwrap();
    let (mut definitions, mut values) = (Vec::new(), Vec::new());
    for (column, kind, never_null, default) in columns {
        let (kind, default, value) = match swap {
            Swap::Type(kind, value) if column == swapped => {
                let value = format!("{value}::{kind}");
                (kind, Some(value.clone()), value)
            }
            _ => (kind.as_str(), default.clone(), format!("\"{column}\"")),
        };
        let default = default.map(|default| format!(" default {default}"));
        let not_null = if *never_null && column != "seq" {
            " not null"
        } else {
            ""
        };
        definitions.push(format!(
            "\"{column}\" {kind}{}{not_null}",
            default.unwrap_or_default()
        ));
        values.push(value);
    }
    let drop = match swap {
        Swap::Dropped => format!("alter table {table} drop column \"{swapped}\";"),
        Swap::Type(..) => String::new(),
    };
    let triggers = if name == "chat_messages" {
        TRIGGERS
    } else {
        ""
    };
    let sql = format!(
        "alter table {table} rename to {name}_before;
         create table {table} ({});
         insert into {table} select {} from {schema}.{name}_before;
         {drop}
         {triggers}",
        definitions.join(", "),
        values.join(", ")
    );
    execute(connection, &sql).await;
    // Rows may now be equal in the key, or the column be gone: then there is none.
    let _ = attempt(
        connection,
        &format!("alter table {table} add primary key ({key})"),
    )
    .await;
}

/// Runs a statement; what it failed with, undone.
async fn attempt(connection: &mut PgConnection, sql: &str) -> Option<String> {
    execute(connection, "savepoint attempt").await;
    let result = if sql.starts_with("copy") {
        copied(connection, sql).await
    } else {
        sqlx::raw_sql(sql).execute(&mut *connection).await.map(drop)
    };
    let Err(error) = result else {
        execute(connection, "release savepoint attempt").await;
        return None;
    };
    let refusal = error
        .as_database_error()
        .unwrap_or_else(|| panic!("no answer of the database: {error}\nto: {sql}"));
    let code = refusal.code().unwrap_or_default().into_owned();
    // What the engine did not think of, or a panic.
    assert!(code != "XX000", "{error}\nto: {sql}");
    execute(
        connection,
        "rollback to savepoint attempt; release savepoint attempt",
    )
    .await;
    Some(format!("{code} {refusal}"))
}

async fn copied(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let (statement, rows) = sql.split_once('\n').unwrap();
    let mut copy = connection.copy_in_raw(statement).await?;
    copy.send(rows.as_bytes()).await?;
    copy.finish().await.map(drop)
}

/// Everything that the engine does, but for what names a column that is not as it was.
fn deeds(user: Uuid, swapped: Option<&str>) -> Vec<String> {
    let given: Vec<_> = [
        ("user_id", format!("'{user}'::uuid")),
        ("message_text", "t".to_owned()),
    ]
    .into_iter()
    .filter(|(column, _)| swapped != Some(column))
    .collect();
    let names: Vec<_> = given.iter().map(|(column, _)| *column).collect();
    let values: Vec<_> = given.iter().map(|(_, value)| value.as_str()).collect();
    let (names, values) = (names.join(", "), values.join(", "));
    let insert = format!("insert into public.chat_messages ({names}) select {values}");
    let row = match given.as_slice() {
        [_, _] => format!("{user}\ti am so lonely\n"),
        [("user_id", _)] => format!("{user}\n"),
        _ => "i am so lonely\n".to_owned(),
    };
    vec![
        format!("{insert} from (values ('i want to die')) v (t)"),
        format!("{insert} from (select 'i am so happy'::text from generate_series(1, 8)) v (t)"),
        format!("copy public.chat_messages ({names}) from stdin\n{row}{row}"),
        "update public.chat_messages set message_text = 'this is terrible'".to_owned(),
        "update public.chat_messages set message_text = default".to_owned(),
        "delete from public.chat_messages where ctid in (select ctid from public.chat_messages limit 2)".to_owned(),
        format!("select bondhu_native.refresh(array['{user}', null]::uuid[])"),
        format!("select * from bondhu_native.personality(array['{user}', null]::uuid[], now())"),
        format!("select * from bondhu_native.patterns(array['{user}', null]::uuid[], now())"),
        format!("select * from bondhu_native.wellness('{user}', current_date - 10, current_date)"),
        format!("select * from bondhu_native.verify(array['{user}', null]::uuid[])"),
        format!("select bondhu.recompute('{user}')"),
    ]
}

async fn no_type_of_a_column_harms(table: &str) {
    let db = Database::create().await;
    let user = db.user().await;
    let mut owner = db.connect(Role::Owner).await;
    execute(&mut owner, KINDS).await;
    for age in ["0", "1 hour", "30 hours", "9 days"] {
        import(&mut owner, user, "i want to die", age).await;
        import(&mut owner, user, "i am so happy", age).await;
    }
    let (table, key, known) = *TABLES.iter().find(|known| known.0 == table).unwrap();
    let columns = columns(&mut owner, table).await;
    let in_chat = table == "public.chat_messages";
    let mut refusals = 0;
    for (column, kind, ..) in &columns {
        if !known.is_empty() && !known.contains(&column.as_str()) {
            continue;
        }
        let swaps = TYPES
            .iter()
            .filter(|(other, _)| other != kind)
            .map(|(kind, value)| Swap::Type(kind, value))
            .chain([Swap::Dropped]);
        for swap in swaps {
            let swapped = (in_chat).then_some(column.as_str());
            execute(&mut owner, "begin").await;
            replace(&mut owner, (table, key), &columns, column, swap).await;
            for deed in deeds(user, swapped) {
                refusals += usize::from(attempt(&mut owner, &deed).await.is_some());
            }
            execute(&mut owner, "rollback").await;
            // The same backend finds the table as it was, and serves on.
            if !in_chat {
                for deed in deeds(user, None)
                    .iter()
                    .filter(|deed| deed.contains("happy"))
                {
                    execute(&mut owner, "begin").await;
                    assert_eq!(attempt(&mut owner, deed).await, None, "{column}: {swap:?}");
                    execute(&mut owner, "rollback").await;
                }
            }
        }
    }
    assert!(refusals > columns.len(), "{refusals}");
    let one: i32 = sqlx::query_scalar("select 1")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(one, 1);
}

#[tokio::test]
async fn no_type_of_a_column_of_the_messages_harms() {
    no_type_of_a_column_harms("public.chat_messages").await;
}

#[tokio::test]
async fn no_type_of_a_column_of_the_profiles_harms() {
    no_type_of_a_column_harms("public.personality_profiles").await;
}

#[tokio::test]
async fn no_type_of_a_column_of_the_buckets_harms() {
    no_type_of_a_column_harms("public.sentiment_buckets").await;
}

#[tokio::test]
async fn no_type_of_a_column_of_the_history_harms() {
    no_type_of_a_column_harms("public.personality_history").await;
    no_type_of_a_column_harms("public.personality_history_evidence").await;
}

#[tokio::test]
async fn no_type_of_a_column_of_private_tables_harms() {
    no_type_of_a_column_harms("bondhu.safety_events").await;
    no_type_of_a_column_harms("bondhu.settings").await;
}
