//! The portable engine: SQL that gives the same digits as `core`, for servers that load no
//! library. The files of `sql/portable/` are templates, which are control flow; every number is
//! written into them from `core`, and what comes out is a migration.

mod characters;
mod folding;
mod numbers;
mod patterns;
mod seeded;
mod tables;
mod template;
mod versions;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use bondhu_core::score::{ENGINE_VERSION, blueprint};
use bondhu_stack::paths;
use bondhu_stack::schema::SqlFile;
use numbers::Numbers;
use tables::Table;

pub use versions::another;

/// The template behind which the bytes of the tables stand.
const BEFORE_PIECES: &str = "20_pieces.sql";

/// The template behind which the functions stand that read the tables.
const BEFORE_ACCESSORS: &str = "30_tables.sql";

/// The migration that brings the portable engine, and attaches it where there is no better one.
///
/// # Errors
/// A template cannot be read, or `core` has something that the templates have no form for.
pub fn migration() -> Result<String> {
    let engine = Engine::of(ENGINE_VERSION)?;
    let tables: Vec<_> = engine.tables.iter().collect();
    let mut text = String::from(
        "-- The portable engine: sql/portable/, file by file, with the numbers of core and of the model.\n\
         -- Made by `bondhu-dev migration`; edit sql/portable/ instead.\n",
    );
    text.push_str(&engine.files(|_| true, &tables)?);
    text.push_str("\nselect bondhu.install_engine();\n");
    Ok(text)
}

/// What is written into the templates.
struct Engine {
    version: i32,
    tables: Vec<Table>,
    numbers: Numbers,
}

impl Engine {
    /// The engine of `core` under a version.
    fn of(version: i32) -> Result<Self> {
        let patterns = blueprint::patterns();
        let vocabulary = patterns::Vocabulary::of(&patterns)?;
        let lexicon = seeded::Layout::of(&blueprint::lexicon())?;
        let weights = seeded::Layout::of(&blueprint::weights())?;
        let mut tables = characters::tables()?;
        tables.extend(vocabulary.tables()?);
        tables.extend(tables::of_lexicon(&lexicon));
        tables.extend(tables::of_weights(&weights));
        tables.extend([tables::of_heads(), tables::of_letters()?]);
        Ok(Self {
            version,
            tables,
            numbers: Numbers::of(version, &vocabulary, &lexicon, &weights)?,
        })
    }

    /// The templates that are wanted, filled in, with the bytes of some tables.
    fn files(&self, is_wanted: impl Fn(&str) -> bool, sent: &[&Table]) -> Result<String> {
        let parts = read(&directory().join("tokens"))?;
        let mut text = String::new();
        for (name, template) in read(&directory())? {
            if !is_wanted(&name) {
                continue;
            }
            let rendered = template::with_parts(&template, &parts)
                .and_then(|template| self.rendered(&template))
                .with_context(|| format!("sql/portable/{name}"))?;
            text.push_str(&format!("\n-- sql/portable/{name}\n\n{rendered}"));
            match name.as_str() {
                BEFORE_PIECES => text.extend(sent.iter().map(|table| table.pieces())),
                BEFORE_ACCESSORS => text.push_str(&tables::accessors(&self.tables, self.version)),
                _ => {}
            }
        }
        Ok(text)
    }

    fn rendered(&self, template: &str) -> Result<String> {
        // Names of numbers are in capitals.
        let meaning_of = |name: &str, rest: &str| {
            if name == "VERSION" {
                Ok(self.version.to_string())
            } else if name.starts_with(|first: char| first.is_ascii_uppercase()) {
                self.numbers.meaning(name, rest)
            } else {
                folding::meaning(format!("{name} {rest}").trim_end())
                    .context("nothing stands for this")
            }
        };
        template::rendered(template, &meaning_of)
    }
}

fn directory() -> PathBuf {
    paths::checkout().join("sql/portable")
}

/// The files of SQL in a directory with their names, in order.
fn read(directory: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.push((name.into_owned(), SqlFile::read(&path)?.text));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bondhu_core::score::ENGINE_VERSION;
    use bondhu_stack::migrations::{self, PORTABLE_ENGINE};

    use super::{another, migration};

    const LARGEST: usize = 2_700_000;

    #[test]
    fn the_newest_migration_is_what_core_and_the_templates_give() {
        let mut all = migrations::list().unwrap();
        all.retain(migrations::Migration::is_of_the_engine);
        let committed = all.pop().unwrap();
        let (command, text) = if committed.name == PORTABLE_ENGINE {
            (PORTABLE_ENGINE, migration().unwrap())
        } else {
            let (name, text) = another(&all, ENGINE_VERSION).unwrap();
            assert_eq!(committed.name, name);
            (migrations::ENGINE_VERSION, text)
        };
        assert!(
            committed.sql.text == text,
            "run `bondhu-dev migration {command}`"
        );
    }

    #[test]
    fn the_migration_is_small_enough_to_be_pushed() {
        let size = migration().unwrap().len();
        assert!(size < LARGEST, "{size} bytes");
    }
}
