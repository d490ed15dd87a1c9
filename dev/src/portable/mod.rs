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

use std::path::Path;

use anyhow::{Context, Result};

use bondhu_core::score::{ENGINE_VERSION, blueprint};
use bondhu_stack::paths;
use bondhu_stack::schema::SqlFile;
use numbers::Numbers;

/// What its migration is called.
pub const MIGRATION: &str = "portable_engine";

/// The template behind which the bytes of the tables stand.
const BEFORE_PIECES: &str = "10_schema.sql";

/// The template behind which the functions stand that read the tables.
const BEFORE_ACCESSORS: &str = "30_tables.sql";

/// The migration that brings the portable engine, and attaches it where there is no better one.
///
/// # Errors
/// A template cannot be read, or `core` has something that the templates have no form for.
pub fn migration() -> Result<String> {
    let patterns = blueprint::patterns();
    let vocabulary = patterns::Vocabulary::of(&patterns)?;
    let lexicon = seeded::Layout::of(&blueprint::lexicon())?;
    let weights = seeded::Layout::of(&blueprint::weights())?;
    let mut tables = characters::tables()?;
    tables.extend(vocabulary.tables()?);
    tables.extend(tables::of_lexicon(&lexicon));
    tables.extend(tables::of_weights(&weights));
    tables.extend([tables::of_heads(), tables::of_letters()?]);

    let numbers = Numbers::of(&vocabulary, &lexicon, &weights)?;
    // Names of numbers are in capitals.
    let meaning_of = |name: &str, rest: &str| {
        if name == "VERSION" {
            Ok(ENGINE_VERSION.to_string())
        } else if name.starts_with(|first: char| first.is_ascii_uppercase()) {
            numbers.meaning(name, rest)
        } else {
            folding::meaning(format!("{name} {rest}").trim_end()).context("nothing stands for this")
        }
    };
    let mut text = String::from(
        "-- The portable engine: sql/portable/, file by file, with the numbers of core and of the model.\n\
         -- Made by `bondhu-dev migration`; edit sql/portable/ instead.\n",
    );
    let directory = paths::checkout().join("sql/portable");
    let parts = read(&directory.join("tokens"))?;
    for (name, template) in read(&directory)? {
        let rendered = template::with_parts(&template, &parts)
            .and_then(|template| template::rendered(&template, &meaning_of))
            .with_context(|| format!("sql/portable/{name}"))?;
        text.push_str(&format!("\n-- sql/portable/{name}\n\n{rendered}"));
        match name.as_str() {
            BEFORE_PIECES => text.push_str(&tables::pieces(&tables)),
            BEFORE_ACCESSORS => text.extend(tables.iter().map(tables::Table::accessor)),
            _ => {}
        }
    }
    text.push_str("\nselect bondhu.install_engine();\n");
    Ok(text)
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
    use bondhu_stack::migrations;

    use super::{MIGRATION, migration};

    const LARGEST: usize = 2_700_000;

    #[test]
    fn the_migration_is_what_core_and_the_templates_give() {
        let all = migrations::list().unwrap();
        let committed = all.iter().find(|migration| migration.name == MIGRATION);
        assert!(
            committed.unwrap().sql.text == migration().unwrap(),
            "run `bondhu-dev migration {MIGRATION}`"
        );
    }

    #[test]
    fn the_migration_is_small_enough_to_be_pushed() {
        let size = migration().unwrap().len();
        assert!(size < LARGEST, "{size} bytes");
    }
}
