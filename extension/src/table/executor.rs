//! Rows through planner and executor, where a table has more than its access method knows of.

use pgrx::pg_sys::Oid;

use super::Key;
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Parameter, Rows, Visibility};

/// The row of a key.
pub(super) fn read(
    table: &'static Definition,
    visibility: Visibility,
    key: &[Key],
) -> Result<Option<Rows>, EngineError> {
    let sql = || (select(table), types(table, 0..table.key));
    let rows = table
        .plans
        .read
        .run("reading a row", sql, visibility, &values(key, &[]))?;
    Ok(rows.or_none())
}

/// The newest version of the row of a key, locked.
pub(super) fn lock(table: &'static Definition, key: &[Key]) -> Result<Option<Rows>, EngineError> {
    let sql = || {
        let sql = format!("{} for no key update", select(table));
        (sql, types(table, 0..table.key))
    };
    let key = values(key, &[]);
    let plan = &table.plans.lock;
    let rows = plan.run("locking a row", sql, Visibility::Newest, &key)?;
    Ok(rows.or_none())
}

/// Stores a new row.
pub(super) fn insert(table: &'static Definition, row: &[Parameter]) -> Result<(), EngineError> {
    let sql = || {
        let parameters: Vec<_> = (1..=table.written).map(|n| format!("${n}")).collect();
        let sql = format!(
            "insert into {} ({}) values ({})",
            table.name(),
            names(table, 0..table.written),
            parameters.join(", ")
        );
        (sql, types(table, 0..table.written))
    };
    let plan = &table.plans.insert;
    plan.run("storing a row", sql, Visibility::Newest, row)
        .map(drop)
}

/// Gives the row of a key other values in the columns after it.
pub(super) fn update(
    table: &'static Definition,
    key: &[Key],
    row: &[Parameter],
) -> Result<(), EngineError> {
    let sql = || {
        let set: Vec<_> = (table.key..table.written)
            .map(|column| format!("\"{}\" = ${}", table.columns[column].name, column + 1))
            .collect();
        let (set, wanted) = (set.join(", "), wanted(table));
        let sql = format!("update {} set {set} where {wanted}", table.name());
        (sql, types(table, 0..table.written))
    };
    let plan = &table.plans.update;
    plan.run("changing a row", sql, Visibility::Newest, &values(key, row))
        .map(drop)
}

/// Deletes the row of a key.
pub(super) fn delete(table: &'static Definition, key: &[Key]) -> Result<(), EngineError> {
    let sql = || {
        let sql = format!("delete from {} where {}", table.name(), wanted(table));
        (sql, types(table, 0..table.key))
    };
    let plan = &table.plans.delete;
    plan.run("deleting a row", sql, Visibility::Newest, &values(key, &[]))
        .map(drop)
}

fn select(table: &Definition) -> String {
    format!(
        "select {} from {} where {}",
        names(table, 0..table.columns.len()),
        table.name(),
        wanted(table)
    )
}

fn names(table: &Definition, columns: std::ops::Range<usize>) -> String {
    let names: Vec<_> = table.columns[columns]
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    names.join(", ")
}

// By the operator that is meant: not every function of the engine is pinned to a search path.
fn wanted(table: &Definition) -> String {
    let equal: Vec<_> = (1..)
        .zip(&table.columns[..table.key])
        .map(|(number, column)| format!("\"{}\" operator(pg_catalog.=) ${number}", column.name))
        .collect();
    equal.join(" and ")
}

fn types(table: &Definition, columns: std::ops::Range<usize>) -> Vec<Oid> {
    let columns = table.columns[columns].iter();
    columns.map(|column| column.kind.oid).collect()
}

fn values(key: &[Key], row: &[Parameter]) -> Vec<Parameter> {
    let key = key.iter().map(|key| Some(key.value));
    key.chain(row.iter().copied()).collect()
}
