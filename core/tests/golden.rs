//! Scores that every host (native, wasm, any build) must give, digit by digit.
//!
//! `GOLDEN=write cargo test -p bondhu-core --test golden` writes the file anew after the
//! model has changed.

use bondhu_core::score::{ENGINE_VERSION, score};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.tsv");

fn line(text: &str) -> String {
    let score = score(text);
    format!(
        "{text}\t{}\t{}\t{}\t{}",
        score.sentiment,
        score.mood.as_str(),
        score.mood_confidence,
        score.support.as_str()
    )
}

#[test]
fn the_golden_scores_are_met() {
    let golden = std::fs::read_to_string(FILE).unwrap();
    let texts = golden
        .lines()
        .skip(1)
        .map(|line| line.split('\t').next().unwrap_or(""));
    let header =
        format!("text\tsentiment\tmood\tmood_confidence\tsupport (engine {ENGINE_VERSION})");
    let said: Vec<String> = std::iter::once(header).chain(texts.map(line)).collect();
    if std::env::var_os("GOLDEN").is_some() {
        std::fs::write(FILE, said.join("\n") + "\n").unwrap();
        return;
    }
    assert_eq!(said, golden.lines().collect::<Vec<_>>());
}
