//! The items of the questionnaires as SQL: those of `core`, so that both ask and score the same.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bondhu_core::assessment::{Form, Item};
use bondhu_core::traits::Traits;
use bondhu_stack::paths;

/// Where `sql/` has them.
fn file() -> PathBuf {
    paths::checkout().join("sql/40_engine/47_assessment_items_data.sql")
}

/// Writes the file anew.
///
/// # Errors
/// It cannot be written.
pub fn write() -> Result<PathBuf> {
    let file = file();
    std::fs::write(&file, sql()).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn sql() -> String {
    let forms = Form::ALL.map(|form| (form, form.items()));
    let items = forms.iter().flat_map(|(form, items)| {
        items
            .iter()
            .zip(1..)
            .map(|(item, place)| row(*form, item, place))
    });
    let texts = forms.iter().flat_map(|(_, items)| items).flat_map(texts);
    format!(
        "-- The items of core/data/assessment_*.txt, which say where they are from. Written by\n\
         -- `bondhu-dev assessment-items`: do not edit.\n\n\
         insert into bondhu.assessment_items (id, form, place, trait, is_reversed) values\n  {};\n\n\
         insert into bondhu.assessment_texts (item_id, locale, item_text, is_validated) values\n  {};\n",
        items.collect::<Vec<_>>().join(",\n  "),
        texts.collect::<Vec<_>>().join(",\n  "),
    )
}

fn row(form: Form, item: &Item, place: usize) -> String {
    format!(
        "('{}', '{}', {place}, '{}', {})",
        item.id,
        form.name(),
        Traits::NAMES[item.of_trait],
        item.is_reversed
    )
}

fn texts(item: &Item) -> impl Iterator<Item = String> {
    item.texts.iter().map(|(locale, text)| {
        format!(
            "('{}', '{}', '{}', {})",
            item.id,
            locale.tag(),
            text.replace('\'', "''"),
            locale.is_validated()
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{file, sql};

    #[test]
    fn the_items_in_sql_are_those_of_core() {
        let committed = std::fs::read_to_string(file()).unwrap();
        assert!(
            committed == sql(),
            "run `bondhu-dev assessment-items`, then `bondhu-dev migration foundation`"
        );
    }
}
