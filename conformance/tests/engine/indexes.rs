//! An owner's indexes on the engine's tables hold what a scan of the table finds.

use bondhu_stack::testing::execute;
use sqlx::PgConnection;

use crate::additions::{TABLES, holds, number};
use crate::recount::import;

/// Counts by index and without one.
async fn index_is_right(owner: &mut PgConnection, count: &str) {
    execute(&mut *owner, "set enable_seqscan = off").await;
    let by_index = number(&mut *owner, count).await;
    execute(
        &mut *owner,
        "set enable_seqscan = on; set enable_indexscan = off; set enable_bitmapscan = off; set enable_indexonlyscan = off",
    )
    .await;
    assert_eq!(by_index, number(owner, count).await, "{count}");
}

#[tokio::test]
async fn an_expression_index_is_kept() {
    for (table, _, time, _) in TABLES {
        let day = format!("(({time} at time zone 'UTC')::date)");
        let sql = format!("create index added on public.{table} ({day})");
        let (_db, mut owner) = holds(table, &sql).await;
        let count = format!("select count(*) from public.{table} where {day} >= '2000-01-01'");
        index_is_right(&mut owner, &count).await;
    }
}

#[tokio::test]
async fn a_partial_index_counts_right() {
    for (table, count, ..) in TABLES {
        let sql = format!("create index added on public.{table} (user_id) where {count} > 1");
        let (db, mut owner) = holds(table, &sql).await;
        let user = db.user().await;
        for age in ["0", "1 hour"] {
            import(&mut owner, user, "i am so happy", age).await;
        }
        let count = format!("select count(*) from public.{table} where {count} > 1");
        index_is_right(&mut owner, &count).await;
    }
}

#[tokio::test]
async fn other_kinds_of_indexes_are_kept() {
    for (table, count, time, key) in TABLES {
        for index in [
            format!("create unique index added on public.{table} ({key}, {count})"),
            format!("create index added on public.{table} using brin ({time})"),
            format!("create index added on public.{table} using hash ({count})"),
            format!("create index added on public.{table} ({count} desc) include ({time})"),
        ] {
            let (_db, mut owner) = holds(table, &index).await;
            let count = format!("select count(*) from public.{table} where {count} = 1");
            index_is_right(&mut owner, &count).await;
        }
    }
}
