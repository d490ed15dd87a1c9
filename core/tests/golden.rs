//! Scores that every host (native, wasm, any build) must give, digit by digit.
//!
//! `GOLDEN=write cargo test -p bondhu-core --test golden` writes the file anew after the
//! model has changed.

#[path = "../golden/main.rs"]
mod golden;

#[test]
fn the_golden_scores_are_met() {
    if std::env::var_os("GOLDEN").is_some() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../conformance/golden/scores.tsv"
        );
        return std::fs::write(file, golden::said().join("\n") + "\n").unwrap();
    }
    golden::main();
}
