//! A model update: another version of the scorer beside the former one, as a migration of its own.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

use bondhu_stack::migrations::{ENGINE_VERSION, Migration};

use super::tables::{Table, pieces_in};
use super::{Engine, directory, read};

/// The templates whose functions bear the version, and what calls them.
const SCORER: Range<&str> = "20".."40";

/// Bytes that such a migration may have.
const LARGEST: usize = 2_500_000;

/// Name and text of the migration that brings a version of the scorer to a database with these
/// migrations. Tables that they have brought already are not sent again.
///
/// # Errors
/// They have brought that version or a later one, there is no engine to build on, or the text
/// becomes too large.
pub fn another(history: &[Migration], version: i32) -> Result<(String, String)> {
    let name = format!("{ENGINE_VERSION}_{version}");
    // Newest first. Itself it may be there from before: it is made again until it is released.
    let earlier: Vec<&Migration> = history
        .iter()
        .rev()
        .filter(|migration| migration.is_of_the_engine() && migration.name != name)
        .collect();
    let newest = earlier
        .first()
        .context("the migration portable_engine has to come first")?;
    let former = version_of(newest)?;
    ensure!(
        former < version,
        "there is nothing to do: migration {} has brought version {former} of the engine, and that of core is {version}; \
         it is raised in core/src/score/model.rs",
        newest.name
    );
    let text = text(&Engine::of(version)?, former, &earlier)?;
    ensure!(
        text.len() <= LARGEST,
        "{name} has {} bytes, and may have {LARGEST}",
        text.len()
    );
    Ok((name, text))
}

fn text(engine: &Engine, former: i32, earlier: &[&Migration]) -> Result<String> {
    let (unchanged, changed): (Vec<_>, Vec<_>) = engine
        .tables
        .iter()
        .partition(|table| is_unchanged(table, former, earlier));
    let names: Vec<_> = unchanged
        .iter()
        .map(|table| format!("'{}'", table.name))
        .collect();
    let template = |file: &str| {
        let files = read(&directory().join("versions"))?;
        let (_, text) = files
            .iter()
            .find(|(name, _)| name == file)
            .with_context(|| format!("there is no sql/portable/versions/{file}"))?;
        let text = text
            .replace("{{FORMER}}", &former.to_string())
            .replace("{{UNCHANGED}}", &names.join(", "));
        Ok::<_, anyhow::Error>(format!(
            "\n-- sql/portable/versions/{file}\n\n{}",
            engine.rendered(&text)?
        ))
    };
    let mut text = format!(
        "-- Version {} of the portable engine's scorer, made from version {former}: of sql/portable/ what bears the version,\n\
         -- with the numbers of core and of the model. Made by `bondhu-dev migration`; edit sql/portable/ instead.\n",
        engine.version
    );
    text.push_str(&template("before.sql")?);
    text.push_str(&engine.files(|name| SCORER.contains(&name), &changed)?);
    text.push_str(&template("after.sql")?);
    Ok(text)
}

/// Whether the former version has the table, with the bytes that were sent last.
fn is_unchanged(table: &Table, former: i32, earlier: &[&Migration]) -> bool {
    let has_it = earlier
        .first()
        .is_some_and(|newest| newest.sql.text.contains(&table.signature(former)));
    let mut sent = earlier
        .iter()
        .map(|migration| pieces_in(&migration.sql.text, table.name))
        .filter(|pieces| !pieces.is_empty());
    has_it && sent.next().is_some_and(|pieces| pieces == table.pieces())
}

/// The version that a migration of the engine brings.
fn version_of(migration: &Migration) -> Result<i32> {
    let text = &migration.sql.text;
    text.split_once("function bondhu_portable.engine_version() returns integer")
        .and_then(|(_, rest)| rest.split_once("as 'select "))
        .and_then(|(_, rest)| rest.split_once('\''))
        .and_then(|(version, _)| version.parse().ok())
        .with_context(|| format!("migration {} says no version", migration.name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bondhu_core::score::ENGINE_VERSION;
    use bondhu_stack::migrations;
    use bondhu_stack::schema::SqlFile;

    use super::super::{characters, tables::Values};
    use super::*;

    fn history() -> Vec<Migration> {
        migrations::list().unwrap()
    }

    fn as_migration((name, text): (String, String)) -> Migration {
        Migration {
            version: "99991231235959".to_owned(),
            sql: SqlFile {
                path: format!("{name}.sql").into(),
                text,
            },
            name,
        }
    }

    fn others<T: Copy>(values: &[T], other: impl Fn(T) -> T) -> Vec<T> {
        values.iter().map(|&value| other(value)).collect()
    }

    /// As many numbers, every one another, and no zeros in a row that would take less room.
    fn replaced(table: &Table) -> Table {
        let values = match &table.values {
            Values::Bytes(values) => Values::Bytes(others(values, |value| value ^ 0x5a)),
            Values::Small(values) => Values::Small(others(values, |value| value ^ 0x5a5a)),
            Values::Whole(values) => Values::Whole(others(values, |value| value ^ 0x5a5a_5a5a)),
            Values::Big(values) => {
                Values::Big(others(values, |value| value ^ 0x5a5a_5a5a_5a5a_5a5a))
            }
        };
        Table::new(table.name, values)
    }

    #[test]
    fn a_version_with_the_same_model_sends_no_table() {
        let (name, text) = another(&history(), ENGINE_VERSION + 1).unwrap();
        assert_eq!(name, format!("engine_version_{}", ENGINE_VERSION + 1));
        assert!(!text.contains("insert into bondhu_portable.pieces"));
        assert!(text.len() < 100_000, "{} bytes", text.len());
    }

    #[test]
    fn a_version_copies_what_the_one_before_it_has_copied() {
        let mut history = history();
        history.push(as_migration(another(&history, ENGINE_VERSION + 1).unwrap()));
        let (_, text) = another(&history, ENGINE_VERSION + 2).unwrap();
        assert!(!text.contains("insert into bondhu_portable.pieces"));
        let copied = format!("where t.version = {} and t.name = any", ENGINE_VERSION + 1);
        assert!(text.contains(&copied));
    }

    #[test]
    fn a_table_is_sent_if_it_has_changed_or_the_former_version_lacked_it() {
        let all = history();
        let first = |version| another(&all, version).unwrap();
        let table = &Engine::of(ENGINE_VERSION).unwrap().tables[0];
        let whole = all
            .iter()
            .rfind(|migration| migration.is_of_the_engine())
            .unwrap();
        assert!(is_unchanged(table, ENGINE_VERSION, &[whole]));
        assert!(!is_unchanged(&replaced(table), ENGINE_VERSION, &[whole]));
        let (name, text) = first(ENGINE_VERSION + 1);
        let without = text.replace(&table.signature(ENGINE_VERSION + 1), "");
        let between = as_migration((name, without));
        let earlier = [&between, whole];
        assert!(!is_unchanged(table, ENGINE_VERSION + 1, &earlier));
    }

    #[test]
    fn a_version_with_another_model_is_small_enough_to_be_pushed() {
        let mut engine = Engine::of(ENGINE_VERSION + 1).unwrap();
        let of_characters: Vec<_> = characters::tables().unwrap();
        let is_kept = |table: &Table| of_characters.iter().any(|kept| kept.name == table.name);
        for table in &mut engine.tables {
            if !is_kept(table) {
                *table = replaced(table);
            }
        }
        let history = history();
        let earlier: Vec<_> = history
            .iter()
            .rev()
            .filter(|migration| migration.is_of_the_engine())
            .collect();
        let text = text(&engine, ENGINE_VERSION, &earlier).unwrap();
        for table in &engine.tables {
            let is_sent = !pieces_in(&text, table.name).is_empty();
            assert_eq!(is_sent, !is_kept(table), "{}", table.name);
        }
        println!("{} bytes", text.len());
        assert!(text.len() <= LARGEST, "{} bytes", text.len());
    }

    #[test]
    fn the_version_that_is_there_is_not_brought_again() {
        for version in [ENGINE_VERSION, ENGINE_VERSION - 1] {
            let error = another(&history(), version).unwrap_err().to_string();
            assert!(error.contains("nothing to do"), "{error}");
            assert!(error.contains("core/src/score/model.rs"), "{error}");
        }
    }
}
