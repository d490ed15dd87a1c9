//! The schema in `sql/`, and how it is applied to a database.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use sqlx::postgres::PgDatabaseError;

use crate::paths;

/// One file of SQL.
#[derive(Clone, Debug)]
pub struct SqlFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

impl SqlFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// Path below `sql/`, such as `30_chat/10_messages.sql`; the file's name if it is not there.
    pub fn name(&self) -> String {
        let name = self.path.strip_prefix(directory()).ok();
        let name = name.or_else(|| self.path.file_name().map(Path::new));
        name.unwrap_or(&self.path).to_string_lossy().into_owned()
    }

    /// Runs the file in one transaction.
    ///
    /// # Errors
    /// The first statement that fails, with file, line, detail and hint.
    pub async fn run(&self, connection: &mut PgConnection) -> Result<()> {
        match sqlx::raw_sql(self.text.as_str()).execute(connection).await {
            Ok(_) => Ok(()),
            Err(error) => bail!("{}", self.describe(&error)),
        }
    }

    fn describe(&self, error: &sqlx::Error) -> String {
        let Some(reported) = error
            .as_database_error()
            .and_then(|e| e.try_downcast_ref::<PgDatabaseError>())
        else {
            return format!("{}: {error}", self.path.display());
        };
        let line = match reported.position() {
            Some(sqlx::postgres::PgErrorPosition::Original(character)) => {
                format!(
                    ":{}",
                    self.text
                        .chars()
                        .take(character)
                        .filter(|c| *c == '\n')
                        .count()
                        + 1
                )
            }
            _ => String::new(),
        };
        let more = [
            ("detail", reported.detail()),
            ("hint", reported.hint()),
            ("where", reported.r#where()),
        ]
        .into_iter()
        .filter_map(|(label, text)| text.map(|text| format!("\n  {label}: {text}")))
        .collect::<String>();
        format!(
            "{}{line}: {} ({}){more}",
            self.path.display(),
            reported.message(),
            reported.code()
        )
    }
}

/// Makes a plain Postgres look like a Supabase project; run it as the superuser.
///
/// # Errors
/// The file cannot be read.
pub fn bootstrap() -> Result<SqlFile> {
    SqlFile::read(&paths::checkout().join("stack/sql/bootstrap.sql"))
}

/// What Supabase's Realtime makes of a project's database when it first starts; run it as the superuser,
/// after the bootstrap.
///
/// # Errors
/// The file cannot be read.
pub fn realtime() -> Result<SqlFile> {
    SqlFile::read(&paths::checkout().join("stack/sql/realtime.sql"))
}

fn directory() -> PathBuf {
    paths::checkout().join("sql")
}

/// The files of `sql/` in the order in which they apply: by the number of their folder, then
/// by their own. A folder without a number is not applied.
///
/// # Errors
/// A directory or a file cannot be read, or there is none.
pub fn files() -> Result<Vec<SqlFile>> {
    let mut paths = Vec::new();
    for folder in entries(&directory())? {
        let is_numbered = |name: &str| name.starts_with(|first: char| first.is_ascii_digit());
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if !(folder.is_dir() && is_numbered(&name)) {
            continue;
        }
        for path in entries(&folder)? {
            if path.extension().is_some_and(|extension| extension == "sql") {
                paths.push(path);
            }
        }
    }
    if paths.is_empty() {
        bail!("{} holds no .sql file", directory().display());
    }
    paths.iter().map(|path| SqlFile::read(path)).collect()
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read {}", directory.display());
    let mut paths = std::fs::read_dir(directory)
        .with_context(unreadable)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()
        .with_context(unreadable)?;
    paths.sort();
    Ok(paths)
}

/// Applies `sql/` as the role of the connection.
///
/// # Errors
/// A file cannot be read, or a statement fails.
pub async fn apply(owner: &mut PgConnection) -> Result<()> {
    for file in files()? {
        file.run(owner).await?;
    }
    Ok(())
}

/// A hash of the bootstrap, of `sql/`, and of a file beside it.
///
/// # Errors
/// A file cannot be read.
pub fn digest(and: Option<SqlFile>) -> Result<String> {
    let mut hash = Sha256::new();
    for file in std::iter::once(bootstrap()?).chain(files()?).chain(and) {
        hash.update(file.name());
        hash.update([0]);
        hash.update(&file.text);
        hash.update([0]);
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
