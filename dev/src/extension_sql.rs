//! The extension's SQL from its built library, without cargo-pgrx.
//!
//! pgrx's macros leave a description of every SQL object in a section of the library; this
//! reads it with pgrx's own decoder and writes the script that `create extension` runs.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use object::{Object, ObjectSection};
use pgrx_sql_entity_graph::section::{decode_entities, is_schema_section_name};
use pgrx_sql_entity_graph::{ControlFile, PgrxSql, SqlGraphEntity};

/// The SQL script of the extension built as `library` and described by `control`.
///
/// Source lines are left out of pgrx's comments, so that the script changes only when an
/// object does.
///
/// # Errors
/// When a file cannot be read, or the library is not an extension built with pgrx.
pub fn generate(library: &Path, control: &Path) -> Result<String> {
    let name = control
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("the control file has no name")?;
    let control_text = fs::read_to_string(control)
        .with_context(|| format!("cannot read {}", control.display()))?;
    let control = ControlFile::from_str(&control_text).map_err(in_pgrx)?;

    let bytes = fs::read(library).with_context(|| {
        format!(
            "cannot read {}: build the extension first",
            library.display()
        )
    })?;
    let file = object::File::parse(bytes.as_slice())?;
    let section = file
        .sections()
        .find(|section| section.name().is_ok_and(is_schema_section_name))
        .with_context(|| {
            format!(
                "{} describes no SQL objects: it is no pgrx extension",
                library.display()
            )
        })?;
    let section = section.uncompressed_data()?;

    let mut entities = decode_entities(&section).map_err(in_pgrx)?;
    entities.push(SqlGraphEntity::ExtensionRoot(control));
    let sql = PgrxSql::build(entities.into_iter(), name.to_owned(), false).map_err(in_pgrx)?;
    Ok(without_positions(&sql.to_sql().map_err(in_pgrx)?))
}

fn in_pgrx(error: impl Display) -> anyhow::Error {
    anyhow!("pgrx: {error:#}")
}

/// Drops comments of the form `-- path/to/file.rs:12` and pgrx's brackets around them.
fn without_positions(sql: &str) -> String {
    let is_noise = |line: &&str| {
        let position = line
            .strip_prefix("-- ")
            .and_then(|rest| rest.rsplit_once(".rs:"));
        position.is_some_and(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit()))
            || line.starts_with("/* <begin connected objects>")
            || line.starts_with("/* </end connected objects>")
    };
    let mut script =
        String::from("\\echo Use \"create extension bondhu\" to load this file. \\quit\n");
    let mut blank = false;
    for line in sql.lines().filter(|line| !is_noise(line)) {
        let is_blank = line.trim().is_empty();
        if !(is_blank && blank) {
            script.push_str(line.trim_end());
            script.push('\n');
        }
        blank = is_blank;
    }
    script
}

#[cfg(test)]
mod tests {
    use super::without_positions;

    #[test]
    fn source_lines_do_not_reach_the_script() {
        let sql = "/* <begin connected objects> */\n-- src/score.rs:12\n-- bondhu::score\n\n\ncreate function f();\n";
        assert!(
            without_positions(sql).ends_with("\\quit\n-- bondhu::score\n\ncreate function f();\n")
        );
    }
}
