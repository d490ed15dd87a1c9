//! What syncing left in a database, so that two of them can be compared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::PgPool;

/// Tables that the worker writes although they say nothing of what it brought: the ledger
/// counts requests, and those are what a disturbance adds.
const NO_RESULT: [&str; 1] = ["bondhu.provider_ledger"];

/// Columns that differ from run to run: which walk saw the row, under which nonce a token is sealed,
/// how many requests there were, and how many items a page showed, those included that a
/// disturbance put there.
const OF_THE_RUN: [&str; 7] = [
    "walk_id",
    "sealed",
    "shown",
    "hour_from",
    "hour_requests",
    "pull_requests",
    "library_requests",
];

/// What `sync_jobs.resources` says of items that a disturbance put there: they could not be read.
const OF_THE_DISTURBANCE: &str = "lost";

/// Every row of every table that the worker may change, with how often it is there. What is
/// not of the providers' is left out: walks, nonces, and when something was fetched, which is
/// every instant after the providers' present.
#[derive(Debug, Default)]
pub struct StoredRows {
    rows: BTreeMap<String, BTreeMap<String, i64>>,
}

/// How a state differs from the one that it should equal.
#[derive(Debug, Default)]
pub struct Difference {
    /// Rows that should be there.
    pub lost: Vec<String>,
    /// Rows that should not, or not as often.
    pub duplicated: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty()
    }

    /// The first rows on both sides, for a person.
    pub fn describe(&self) -> String {
        const SHOWN: usize = 5;
        let lost = self.lost.iter().take(SHOWN).map(|row| ("lost", row));
        let duplicated = self.duplicated.iter().take(SHOWN);
        lost.chain(duplicated.map(|row| ("duplicated", row)))
            .map(|(kind, row)| format!("{kind} {row}\n"))
            .collect()
    }
}

impl StoredRows {
    /// Reads a database; `present` is the providers' own.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn read(database: &PgPool, present: DateTime<Utc>) -> Result<Self> {
        let tables: Vec<String> = sqlx::query_scalar(
            "select format('%I.%I', n.nspname, c.relname)
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('public', 'bondhu') and c.relkind = 'r'
               and has_any_column_privilege('bondhu_worker', c.oid, 'update')
               and format('%I.%I', n.nspname, c.relname) <> all ($1)",
        )
        .bind(NO_RESULT)
        .fetch_all(database)
        .await?;
        let mut state = Self::default();
        for table in tables {
            let query = format!("select (to_jsonb(t) - $1::text[])::text from {table} t");
            let mut stored = sqlx::query_scalar::<_, String>(&query)
                .bind(OF_THE_RUN)
                .fetch(database);
            let rows = state.rows.entry(table.clone()).or_default();
            while let Some(row) = stored.try_next().await.context(query.clone())? {
                *rows.entry(timeless(&row, present)?).or_default() += 1;
            }
        }
        Ok(state)
    }

    /// How many rows there are.
    pub fn len(&self) -> i64 {
        self.rows.values().flat_map(BTreeMap::values).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How this one differs from the one that it should equal.
    pub fn difference(&self, should: &Self) -> Difference {
        let mut difference = Difference::default();
        let none = BTreeMap::new();
        let tables: BTreeSet<&String> = self.rows.keys().chain(should.rows.keys()).collect();
        for table in tables {
            let (is, should) = [self, should]
                .map(|s| s.rows.get(table).unwrap_or(&none))
                .into();
            let rows: BTreeSet<&String> = is.keys().chain(should.keys()).collect();
            for row in rows {
                let [is, should] = [is, should].map(|rows| rows.get(row).copied().unwrap_or(0));
                let side = if is < should {
                    &mut difference.lost
                } else {
                    &mut difference.duplicated
                };
                side.extend((0..(is - should).abs()).map(|_| format!("{table} {row}")));
            }
        }
        difference
    }
}

/// A row without the instants after `present`: those say when it was fetched.
fn timeless(row: &str, present: DateTime<Utc>) -> Result<String> {
    let mut row: Value = serde_json::from_str(row)?;
    forget_instants(&mut row, present);
    Ok(row.to_string())
}

fn forget_instants(value: &mut Value, present: DateTime<Utc>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|v| forget_instants(v, present)),
        Value::Object(fields) => {
            fields.remove(OF_THE_DISTURBANCE);
            fields
                .values_mut()
                .for_each(|v| forget_instants(v, present));
        }
        Value::String(text) => {
            if text
                .parse::<DateTime<Utc>>()
                .is_ok_and(|instant| instant > present)
            {
                *text = "since".to_owned();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, StoredRows, timeless};

    fn state(rows: &[(&str, i64)]) -> StoredRows {
        let rows = rows.iter().map(|(row, times)| ((*row).to_owned(), *times));
        StoredRows {
            rows: BTreeMap::from([("t".to_owned(), rows.collect())]),
        }
    }

    #[test]
    fn a_missing_row_is_lost_and_a_second_one_is_duplicated() {
        let difference = state(&[("a", 1), ("b", 2)]).difference(&state(&[("b", 1), ("c", 1)]));
        assert_eq!(difference.lost, ["t c"]);
        assert_eq!(difference.duplicated, ["t a", "t b"]);
        assert!(state(&[("a", 1)]).difference(&state(&[("a", 1)])).is_none());
    }

    #[test]
    fn when_something_was_fetched_is_left_out_and_what_the_provider_dated_is_not() {
        let present = "2026-11-01T00:00:00Z".parse().unwrap_or_default();
        let row = r#"{"played_at":"2026-10-31T23:59:59+00:00","at":[{"fetched":"2026-11-01T00:00:01+00:00"}]}"#;
        assert_eq!(
            timeless(row, present).ok().as_deref(),
            Some(r#"{"at":[{"fetched":"since"}],"played_at":"2026-10-31T23:59:59+00:00"}"#)
        );
    }
}
