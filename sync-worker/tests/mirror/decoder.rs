//! The decoder against what Postgres itself says of random rows, and against anything at all.

use bondhu_stack::testing::{Database, Role, execute};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sqlx::PgConnection;
use sync_worker::mirror::decoder::{RowMessage, Tuple, Value, decode};

#[path = "../../../fuzz/checks/pgoutput.rs"]
mod pgoutput;

/// Types of the schema's columns, and how to make their values from a text or a number.
const COLUMNS: [(&str, &str); 13] = [
    ("uuid", "md5($1)::uuid"),
    ("text", "$1"),
    ("bigint", "$2"),
    ("integer", "($2 % 2147483647)::integer"),
    ("numeric(3, 2)", "(abs($2 % 1000)::numeric / 100)"),
    ("double precision", "$2::double precision / 3"),
    ("boolean", "$2 % 2 = 0"),
    ("timestamptz", "to_timestamp(abs($2 % 4000000000) / 7.0)"),
    ("date", "'2000-01-01'::date + ($2 % 100000)::integer"),
    ("bytea", "convert_to($1, 'UTF8')"),
    ("jsonb", "jsonb_build_object('said', $1, 'number', $2)"),
    ("text[]", "array[$1, null, upper($1)]"),
    (
        "interval",
        "make_interval(secs => ($2 % 1000000)::double precision)",
    ),
];

/// A text and a number, of which every column makes a value; or null.
type Seed = Vec<Option<(String, i64)>>;

#[derive(Debug, Clone)]
enum Change {
    Insert(Seed),
    Update(Seed),
    Delete,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let text = prop_oneof![
        "\\PC{0,40}".boxed(),
        Just("x".repeat(9_000)).boxed(),
        Just(String::new()).boxed(),
    ];
    let row = vec(option::weighted(0.8, (text, any::<i64>())), COLUMNS.len());
    let change = prop_oneof![
        3 => row.clone().prop_map(Change::Insert),
        2 => row.prop_map(Change::Update),
        1 => Just(Change::Delete),
    ];
    vec(change, 1..12)
}

/// The one row, as Postgres writes its columns out.
async fn row(sql: &mut PgConnection) -> Option<Vec<Option<String>>> {
    let texts = COLUMNS.iter().enumerate().map(|(column, (of, _))| {
        // Cast to text it is a word; written out it is a letter.
        if *of == "boolean" {
            format!("left(c{column}::text, 1)")
        } else {
            format!("c{column}::text")
        }
    });
    let texts = texts.collect::<Vec<_>>().join(", ");
    sqlx::query_scalar(&format!("select array[{texts}] from decoded"))
        .fetch_optional(sql)
        .await
        .unwrap()
}

/// Gives each column of the row a value, one update each.
async fn write(sql: &mut PgConnection, seed: &Seed) {
    for (column, (value, (_, make))) in seed.iter().zip(COLUMNS).enumerate() {
        let Some((text, number)) = value else {
            continue;
        };
        // The text is of no use where it holds what Postgres cannot.
        let text = text.replace('\0', "");
        let make = make.replace("$1", "$1::text").replace("$2", "$2::bigint");
        let set = format!(
            "update decoded set c{column} = {make} where $1::text is not null and $2::bigint is not null"
        );
        sqlx::query(&set)
            .bind(text)
            .bind(number)
            .execute(&mut *sql)
            .await
            .unwrap();
    }
}

fn said(tuple: &Tuple) -> Vec<Option<String>> {
    let values = tuple.0.iter().map(|value| match value {
        Value::Null => None,
        Value::Text(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        other => panic!("{other:?} of a row that is sent whole"),
    });
    values.collect()
}

/// With REPLICA IDENTITY FULL every message carries whole rows, old and new.
#[tokio::test]
async fn random_rows_are_decoded_to_what_postgres_says_of_them() {
    let database = Database::create().await;
    let slot = database.name();
    let mut sql = database.connect(Role::Superuser).await;
    let columns = COLUMNS.iter().enumerate();
    let columns = columns.map(|(number, (of, _))| format!("c{number} {of}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    execute(
        &mut sql,
        &format!(
            "create table decoded ({columns});
             alter table decoded replica identity full;
             create publication decoded for table decoded"
        ),
    )
    .await;
    make_slot(&mut sql, slot).await;

    let mut runner = TestRunner::deterministic();
    let mut compared = 0;
    for _ in 0..40 {
        let changes = changes().new_tree(&mut runner).unwrap().current();
        execute(&mut sql, "truncate decoded").await;
        for change in changes {
            advance(&mut sql, slot).await;
            let before = row(&mut sql).await;
            match (&change, &before) {
                (Change::Insert(seed), None) => {
                    execute(&mut sql, "begin; insert into decoded default values").await;
                    write(&mut sql, seed).await;
                    execute(&mut sql, "commit").await;
                }
                (Change::Update(seed), Some(_)) => write(&mut sql, seed).await,
                (Change::Delete, Some(_)) => execute(&mut sql, "delete from decoded").await,
                _ => continue,
            }
            let mut state = before;
            for message in messages(&mut sql, slot).await {
                match message {
                    RowMessage::Insert { new, .. } => {
                        assert_eq!(state, None);
                        state = Some(said(&new));
                    }
                    RowMessage::Update { old, new, .. } => {
                        assert_eq!(state, old.as_ref().map(said));
                        state = Some(said(&new));
                    }
                    RowMessage::Delete { old, .. } => {
                        assert_eq!(state, Some(said(&old)));
                        state = None;
                    }
                    RowMessage::Relation(relation) => {
                        assert_eq!(relation.columns.len(), COLUMNS.len());
                    }
                    other => panic!("{other:?}"),
                }
                compared += 1;
            }
            assert_eq!(state, row(&mut sql).await);
        }
    }
    assert!(compared > 500, "only {compared} messages");
}

async fn make_slot(sql: &mut PgConnection, slot: &str) {
    execute(
        sql,
        &format!("select pg_create_logical_replication_slot('{slot}', 'pgoutput')"),
    )
    .await;
}

async fn advance(sql: &mut PgConnection, slot: &str) {
    execute(
        sql,
        &format!("select pg_replication_slot_advance('{slot}', pg_current_wal_insert_lsn())"),
    )
    .await;
}

async fn messages(sql: &mut PgConnection, slot: &str) -> Vec<RowMessage> {
    let changes: Vec<Vec<u8>> = sqlx::query_scalar(
        "select data from pg_logical_slot_get_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', 'decoded')",
    )
    .bind(slot)
    .fetch_all(sql)
    .await
    .unwrap();
    let decoded = changes.into_iter().map(|data| decode(data.into()).unwrap());
    let (bounds, rows): (Vec<_>, _) = decoded.partition(|message| {
        matches!(
            message,
            RowMessage::Begin { .. } | RowMessage::Commit { .. }
        )
    });
    assert_eq!(bounds.len() % 2, 0, "{bounds:?}");
    rows
}

#[tokio::test]
async fn a_large_value_that_did_not_change_is_told_from_null() {
    let database = Database::create().await;
    let slot = database.name();
    let mut sql = database.connect(Role::Superuser).await;
    execute(
        &mut sql,
        "create table large (id integer primary key, body text, mood text);
         alter table large alter body set storage external;
         create publication decoded for table large;
         insert into large values (1, repeat('x', 100000), 'calm')",
    )
    .await;
    make_slot(&mut sql, slot).await;
    execute(&mut sql, "update large set mood = null").await;
    let messages = messages(&mut sql, slot).await;
    let Some(RowMessage::Update { old: None, new, .. }) = messages.last() else {
        panic!("{messages:?}");
    };
    assert_eq!(
        new.0,
        [Value::Text("1".into()), Value::Unchanged, Value::Null]
    );
}

#[test]
fn any_bytes_are_a_message_or_an_error() {
    let mut runner = TestRunner::deterministic();
    let kinds = prop_oneof![
        Just(b'R'),
        Just(b'I'),
        Just(b'U'),
        Just(b'D'),
        Just(b'T'),
        Just(b'Y'),
        Just(b'O'),
        any::<u8>(),
    ];
    let parts = prop_oneof![
        vec(any::<u8>(), 0..6),
        Just(b"N\0\x02t\0\0\0\x01x".to_vec()),
        Just(b"K\x7f\xff".to_vec()),
        Just(b"t\x7f\xff\xff\xff".to_vec()),
        Just(b"t\xff\xff\xff\xff".to_vec()),
        Just(b"public\0".to_vec()),
        Just(b"\0\0\0\x01".to_vec()),
    ];
    let message = (kinds, vec(parts, 0..12)).prop_map(|(kind, parts)| {
        let mut message = vec![kind];
        message.extend(parts.concat());
        message
    });
    for _ in 0..20_000 {
        pgoutput::check(&message.new_tree(&mut runner).unwrap().current());
    }
}
