//! The migrations, applied and recorded as `supabase db push` does: afterwards it has nothing to do.

use sqlx::PgConnection;

/// Each by the name of its file without the ending, and its text; oldest first.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// A migration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// Fourteen digits.
    pub(super) version: &'static str,
    /// What it is about.
    pub(super) name: &'static str,
    /// Its SQL.
    pub(super) text: &'static str,
}

/// All of them, oldest first.
pub(super) fn all() -> impl Iterator<Item = Migration> {
    FILES.iter().filter_map(|(stem, text)| {
        let (version, name) = stem.split_once('_')?;
        Some(Migration {
            version,
            name,
            text,
        })
    })
}

/// What of the CLI's records was not there before, so that it can go again: a schema, or a table.
///
/// # Errors
/// When the database refuses.
pub(super) async fn prepare_records(
    database: &mut PgConnection,
) -> Result<&'static str, sqlx::Error> {
    let (schema, table): (bool, bool) = sqlx::query_as(
        "select to_regnamespace('supabase_migrations') is not null,
                to_regclass('supabase_migrations.schema_migrations') is not null",
    )
    .fetch_one(&mut *database)
    .await?;
    sqlx::raw_sql(
        "create schema if not exists supabase_migrations;
         create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
         alter table supabase_migrations.schema_migrations add column if not exists statements text[];
         alter table supabase_migrations.schema_migrations add column if not exists name text",
    )
    .execute(database)
    .await?;
    Ok(match (schema, table) {
        (false, _) => "schema",
        (true, false) => "table",
        (true, true) => "nothing",
    })
}

impl Migration {
    /// Whether it is recorded.
    pub(super) async fn is_applied(self, database: &mut PgConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "select exists (select from supabase_migrations.schema_migrations where version = $1)",
        )
        .bind(self.version)
        .fetch_one(database)
        .await
    }

    /// Applies and records it, within the transaction that the connection is in.
    pub(super) async fn apply(self, database: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(self.text).execute(&mut *database).await?;
        // Whole: the CLI reads the version alone, and `supabase migration fetch` writes this text.
        sqlx::query(
            "insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, array[$2], $3)",
        )
        .bind(self.version)
        .bind(self.text)
        .bind(self.name)
        .execute(database)
        .await?;
        Ok(())
    }
}

/// Takes the records back, and what was made for them.
pub(super) async fn forget(database: &mut PgConnection, made: &str) -> Result<(), sqlx::Error> {
    let versions: Vec<&str> = all().map(|migration| migration.version).collect();
    sqlx::query("delete from supabase_migrations.schema_migrations where version = any ($1)")
        .bind(&versions)
        .execute(&mut *database)
        .await?;
    // Another migration may have been recorded since: its record stays, and what holds it.
    let others: bool =
        sqlx::query_scalar("select exists (select from supabase_migrations.schema_migrations)")
            .fetch_one(&mut *database)
            .await?;
    if others || made == "nothing" {
        return Ok(());
    }
    sqlx::raw_sql("drop table supabase_migrations.schema_migrations")
        .execute(&mut *database)
        .await?;
    if made == "schema" {
        sqlx::raw_sql("drop schema supabase_migrations")
            .execute(database)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn they_are_those_of_the_checkout_in_their_order() {
        let versions: Vec<_> = all().map(|migration| migration.version).collect();
        assert!(versions.is_sorted() && !versions.is_empty());
        assert!(versions.iter().all(|version| version.len() == 14));
        let files = std::fs::read_dir("../supabase/migrations")
            .into_iter()
            .flatten();
        assert_eq!(files.count(), versions.len());
    }
}
