//! The support detector, a category in a language at a time.

use std::collections::BTreeMap;

use bondhu_core::score::score;

/// The patterns were written with these in view.
const CASES: &str = include_str!("support_cases.tsv");

#[test]
fn every_case_is_told() {
    let mut wrong: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for line in CASES.lines().skip(1) {
        let [language, category, level, text] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not four fields: {line}");
        };
        let said = score(text).support.as_str();
        if said != level {
            let said = format!("{text:?}: {said} instead of {level}");
            wrong.entry((language, category)).or_default().push(said);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
