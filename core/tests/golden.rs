//! Scores that every host (native, wasm, any build) must give, digit by digit.
//!
//! `GOLDEN=write cargo test -p bondhu-core --test golden` writes the file anew after the
//! model has changed.
#![allow(clippy::unwrap_used)]

use bondhu_core::score::{ENGINE_VERSION, score};

const GOLDEN: &str = include_str!("../../conformance/golden/scores.tsv");

#[test]
fn the_golden_scores_are_met() {
    let said = said();
    if std::env::var_os("GOLDEN").is_some() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../conformance/golden/scores.tsv"
        );
        return std::fs::write(file, said.join("\n") + "\n").unwrap();
    }
    assert_eq!(said, GOLDEN.lines().collect::<Vec<_>>());
}

/// The lines of the file as this host writes them.
fn said() -> Vec<String> {
    let header =
        format!("text\tsentiment\tmood\tmood_confidence\tsupport (engine {ENGINE_VERSION})");
    let texts = GOLDEN.lines().skip(1);
    let lines = texts.map(|line| of_text(line.split('\t').next().unwrap_or("")));
    std::iter::once(header).chain(lines).collect()
}

fn of_text(text: &str) -> String {
    let score = score(text);
    format!(
        "{text}\t{}\t{}\t{}\t{}",
        score.sentiment,
        score.mood.as_str(),
        score.mood_confidence,
        score.support.as_str()
    )
}
