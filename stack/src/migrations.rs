//! `supabase/migrations`: the history of `sql/`, applied as the Supabase CLI applies it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use sqlx::{Acquire as _, PgConnection};

use crate::schema::SqlFile;
use crate::{paths, schema};

mod functions;

/// A migration: one file `<version>_<name>.sql`.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Fourteen digits: when it was made, UTC.
    pub version: String,
    /// What it is about.
    pub name: String,
    /// Its SQL.
    pub sql: SqlFile,
}

impl Migration {
    /// Whether it brings a version of the portable engine.
    #[must_use]
    pub fn is_of_the_engine(&self) -> bool {
        self.name == PORTABLE_ENGINE || self.name.starts_with(ENGINE_VERSION)
    }

    /// Name of its file.
    fn file_name(&self) -> String {
        format!("{}_{}.sql", self.version, self.name)
    }
}

/// Their directory.
pub fn directory() -> PathBuf {
    paths::checkout().join("supabase/migrations")
}

/// All of them, oldest first.
///
/// # Errors
/// A file cannot be read, or its name is not one that the CLI accepts.
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
        sql: SqlFile::read(path)?,
    })
}

/// Applies the migrations that a database lacks, and records them where the CLI does.
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
                migration.sql.run(&mut transaction).await?;
                sqlx::query("insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, array[$2], $3)")
                    .bind(&migration.version)
                    .bind(&migration.sql.text)
                    .bind(&migration.name)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                applied += 1;
            }
            // One whole text is how we write it; the CLI splits it into statements.
            Some(texts) if texts.len() == 1 && texts[0] != migration.sql.text => bail!(
                "{} has changed since it was applied to this database: start afresh with `make reset`",
                migration.sql.path.display()
            ),
            Some(_) => {}
        }
    }
    Ok(applied)
}

/// What the migration of `sql/` is called.
pub const FOUNDATION: &str = "foundation";

/// What the migration is called that brings the portable engine as a whole.
pub const PORTABLE_ENGINE: &str = "portable_engine";

/// How the name of each migration begins that brings another version of its scorer.
pub const ENGINE_VERSION: &str = "engine_version";

/// Starts a migration.
///
/// It begins with each function of `sql/` that the migrations so far define otherwise or not at
/// all; the rest of the change is written into it by hand, and `make test` tells when the two
/// differ.
///
/// # Errors
/// The name is invalid, or a file cannot be read or written.
pub fn start(name: &str, now: DateTime<Utc>) -> Result<PathBuf> {
    write(
        new_file(name, now)?,
        &changed_functions(&list()?, &schema::files()?),
    )
}

/// Makes a migration of the given text, or makes the one of that name again unless it is released.
///
/// # Errors
/// The name is invalid, the migration is released, or the file cannot be written.
pub fn make(name: &str, text: &str, now: DateTime<Utc>) -> Result<PathBuf> {
    match list()?.iter().find(|migration| migration.name == name) {
        None => write(new_file(name, now)?, text),
        Some(made) if is_released(made)? => {
            bail!("{} is released: write a new migration", made.file_name())
        }
        Some(made) => write(made.sql.path.clone(), text),
    }
}

fn new_file(name: &str, now: DateTime<Utc>) -> Result<PathBuf> {
    if name.is_empty()
        || !name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        bail!("a migration's name is made of a-z, 0-9 and _");
    }
    Ok(directory().join(format!("{}_{name}.sql", now.format("%Y%m%d%H%M%S"))))
}

fn write(path: PathBuf, text: &str) -> Result<PathBuf> {
    fs::create_dir_all(directory())?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn is_released(migration: &Migration) -> Result<bool> {
    let released = released()?;
    Ok(released
        .iter()
        .any(|(file, _)| *file == migration.file_name()))
}

fn changed_functions(history: &[Migration], current: &[SqlFile]) -> String {
    let texts = |files: Vec<&SqlFile>| -> String {
        files
            .into_iter()
            .map(|file| format!("{}\n", file.text))
            .collect()
    };
    let before = functions::definitions(&texts(history.iter().map(|m| &m.sql).collect()));
    let now = functions::definitions(&texts(current.iter().collect()));
    let mut text = String::from("-- What changes; the same change goes into sql/.\n");
    for (signature, definition) in &now {
        if before.get(signature) != Some(definition) {
            text.push_str(&format!("\n{definition}\n"));
        }
    }
    // The portable engine's are not written by hand.
    let is_gone = |signature: &&String| {
        !now.contains_key(*signature) && !signature.starts_with("bondhu_portable.")
    };
    for signature in before.keys().filter(is_gone) {
        text.push_str(&format!(
            "\n-- No longer in sql/: drop function {signature};\n"
        ));
    }
    text
}

/// The released migrations: file name and SHA-256 in hex, from `supabase/released-migrations.sha256`,
/// in the format of sha256sum with comments after `#`.
fn released() -> Result<Vec<(String, String)>> {
    let path = paths::checkout().join("supabase/released-migrations.sha256");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (hash, file) = line
                .split_once("  migrations/")
                .with_context(|| format!("{}: no line of sha256sum: {line}", path.display()))?;
            Ok((file.to_owned(), hash.to_owned()))
        })
        .collect()
}

/// The text of the migration [`FOUNDATION`]: the whole of `sql/`.
///
/// # Errors
/// A file cannot be read.
pub fn foundation() -> Result<String> {
    let mut text = String::from(
        "-- The schema of sql/, file by file. Made by `bondhu-dev migration`; edit sql/ instead.\n",
    );
    for file in schema::files()? {
        text.push_str(&format!("\n-- sql/{}\n\n{}", file.name(), file.text));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use sha2::{Digest as _, Sha256};

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
    fn released_migrations_are_what_they_were() {
        let migrations = list().unwrap();
        for (file, hash) in released().unwrap() {
            let migration = migrations
                .iter()
                .find(|migration| migration.file_name() == file)
                .unwrap_or_else(|| panic!("{file} is released and gone"));
            let found: String = Sha256::digest(&migration.sql.text)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(
                found, hash,
                "{file} is released: undo the change, and write a new migration"
            );
        }
    }

    #[test]
    fn a_migration_begins_with_the_functions_that_changed() {
        let file = |text: &str| SqlFile {
            path: "x.sql".into(),
            text: text.to_owned(),
        };
        let first = Migration {
            version: "20260101000000".to_owned(),
            name: "first".to_owned(),
            sql: file(
                "create function same() as $$1$$;\ncreate function other() as $$1$$;\ncreate function gone(a int) as $$1$$;",
            ),
        };
        let now = file(
            "create function same() as $$1$$;\ncreate function other() as $$2$$;\ncreate function new() as $$1$$;",
        );
        assert_eq!(
            changed_functions(&[first], &[now]),
            "-- What changes; the same change goes into sql/.\n\n\
             create or replace function new() as $$1$$;\n\n\
             create or replace function other() as $$2$$;\n\n\
             -- No longer in sql/: drop function gone(a int);\n"
        );
    }

    #[test]
    fn only_the_first_migration_says_anything_about_roles() {
        for migration in list().unwrap().iter().skip(1) {
            let found = role_statements(&migration.sql.text);
            assert!(found.is_empty(), "{}: {found:?}", migration.sql.name());
        }
        for file in schema::files().unwrap() {
            // What it drops at the end it may lack the right to, and says so.
            let is_exempt =
                file.name().ends_with("_schemas.sql") || file.name().ends_with("_uninstall.sql");
            let found = role_statements(&file.text);
            assert!(is_exempt || found.is_empty(), "{}: {found:?}", file.name());
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
