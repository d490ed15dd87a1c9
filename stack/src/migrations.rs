//! `supabase/migrations`: the history of `sql/`, applied as the Supabase CLI applies it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use sqlx::{Acquire as _, PgConnection};

use crate::{paths, schema};

/// One file `<version>_<name>.sql`.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Fourteen digits: when it was made, UTC.
    pub version: String,
    /// What it is about.
    pub name: String,
    /// Its SQL.
    pub source: schema::Source,
}

/// Where they are.
pub fn directory() -> PathBuf {
    paths::checkout().join("supabase/migrations")
}

/// All of them, oldest first.
///
/// # Errors
/// A file cannot be read, or is not named as the CLI wants it.
pub fn list() -> Result<Vec<Migration>> {
    let mut migrations = Vec::new();
    for entry in fs::read_dir(directory())
        .with_context(|| format!("cannot read {}", directory().display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            migrations.push(read(&path)?);
        }
    }
    migrations.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(migrations)
}

fn read(path: &Path) -> Result<Migration> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let (version, name) = stem
        .split_once('_')
        .filter(|(version, _)| version.len() == 14 && version.bytes().all(|b| b.is_ascii_digit()))
        .with_context(|| format!("{} is not named <14 digits>_<name>.sql", path.display()))?;
    Ok(Migration {
        version: version.to_owned(),
        name: name.to_owned(),
        source: schema::Source::read(path)?,
    })
}

/// Applies what a database has not got yet, and writes it down where the CLI does.
/// Returns how many were applied.
///
/// # Errors
/// A statement fails, or an applied migration has been changed since.
pub async fn apply(owner: &mut PgConnection) -> Result<usize> {
    sqlx::raw_sql(
        "create table if not exists supabase_migrations.schema_migrations \
         (version text not null primary key, statements text[], name text)",
    )
    .execute(&mut *owner)
    .await
    .context("supabase_migrations")?;
    let mut applied = 0;
    for migration in list()? {
        let recorded: Option<Vec<String>> =
            sqlx::query_scalar("select coalesce(statements, '{}') from supabase_migrations.schema_migrations where version = $1")
                .bind(&migration.version)
                .fetch_optional(&mut *owner)
                .await?;
        match recorded {
            None => {
                let mut transaction = owner.begin().await?;
                migration.source.run(&mut transaction).await?;
                sqlx::query("insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, array[$2], $3)")
                    .bind(&migration.version)
                    .bind(&migration.source.text)
                    .bind(&migration.name)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                applied += 1;
            }
            // One whole text is how we write it; the CLI splits it into statements.
            Some(texts) if texts.len() == 1 && texts[0] != migration.source.text => bail!(
                "{} has changed since it was applied to this database: start afresh with `make reset`",
                migration.source.path.display()
            ),
            Some(_) => {}
        }
    }
    Ok(applied)
}

/// Starts a migration.
///
/// The first one is the whole of `sql/`. A later one is an empty file to write the change
/// into, beside the change in `sql/`; `make test` tells when the two differ. With `rewrite`,
/// the only migration there is is made again from `sql/`: for as long as no database that
/// matters has it.
///
/// # Errors
/// The name is unfit, or there is nothing that may be rewritten.
pub fn start(name: &str, rewrite: bool, now: DateTime<Utc>) -> Result<PathBuf> {
    if name.is_empty()
        || !name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        bail!("a migration's name is made of a-z, 0-9 and _");
    }
    let existing = list()?;
    let version = now.format("%Y%m%d%H%M%S").to_string();
    let (path, text) = match (existing.as_slice(), rewrite) {
        ([], _) => (
            directory().join(format!("{version}_{name}.sql")),
            whole_schema()?,
        ),
        ([only], true) => (only.source.path.clone(), whole_schema()?),
        (_, true) => {
            bail!("there is more than one migration: they are history, and are not rewritten")
        }
        (_, false) => (
            directory().join(format!("{version}_{name}.sql")),
            "-- What changes; the same change goes into sql/.\n".to_owned(),
        ),
    };
    fs::create_dir_all(directory())?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn whole_schema() -> Result<String> {
    let mut text = String::from(
        "-- The schema of sql/, file by file. Made by `bondhu-dev migration`; edit sql/ instead.\n",
    );
    for source in schema::sources()? {
        text.push_str(&format!("\n-- sql/{}\n\n{}", source.name(), source.text));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Statements about roles, as far as they stand at the beginning of a line.
    fn role_statements(sql: &str) -> Vec<&str> {
        const ABOUT_ROLES: [&str; 6] = [
            "create role",
            "create user",
            "alter role",
            "alter user",
            "drop role",
            "comment on role",
        ];
        let is_about_roles = |line: &str| {
            let line = line.trim_start().to_lowercase();
            // A grant of rights names what they are on; one of a role does not.
            let grants_a_role = line.starts_with("grant ")
                && line.contains(" to ")
                && !line.contains(" on ")
                && line.ends_with(';');
            grants_a_role || ABOUT_ROLES.iter().any(|about| line.starts_with(about))
        };
        sql.lines().filter(|line| is_about_roles(line)).collect()
    }

    #[test]
    fn only_the_first_migration_says_anything_about_roles() {
        for migration in list().unwrap().iter().skip(1) {
            let found = role_statements(&migration.source.text);
            assert!(found.is_empty(), "{}: {found:?}", migration.source.name());
        }
        for source in schema::sources().unwrap() {
            // What it drops at the end it may lack the right to, and says so.
            let is_exempt =
                ["00_schemas.sql", "96_uninstall.sql"].contains(&source.name().as_str());
            let found = role_statements(&source.text);
            assert!(
                is_exempt || found.is_empty(),
                "{}: {found:?}",
                source.name()
            );
        }
    }

    #[test]
    fn a_statement_about_a_role_is_told_from_a_grant_to_one() {
        let sql = "create role a;\n  comment on role a is 'x';\ngrant a to b;\ngrant select on t to a;\n-- alter role a\n";
        assert_eq!(
            role_statements(sql),
            [
                "create role a;",
                "  comment on role a is 'x';",
                "grant a to b;"
            ]
        );
    }
}
