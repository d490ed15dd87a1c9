//! Scores the golden messages and panics where a host (native, wasm, any build) gives another
//! digit than `scores.tsv`. It needs no operating system: wasm runs it too.

use bondhu_core::score::{ENGINE_VERSION, score};

const GOLDEN: &str = include_str!("../../conformance/golden/scores.tsv");

/// Compares this host's scores with the golden ones.
pub(crate) fn main() {
    assert_eq!(said(), GOLDEN.lines().collect::<Vec<_>>());
}

/// The lines of the file as this host writes them.
pub(crate) fn said() -> Vec<String> {
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
