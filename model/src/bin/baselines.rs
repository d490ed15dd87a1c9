//! Compound scores (−1 to 1) of the two Rust crates that implement VADER, for each line of
//! the standard input: `vader_sentiment<TAB>vader-sentimental`.

use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;

use bondhu_model::Baselines;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<()> {
    let baselines = Baselines::default();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (first, second) = (
            baselines.vader_sentiment(&line),
            baselines.vader_sentimental(&line),
        );
        writeln!(out, "{first}\t{second}")?;
    }
    out.flush()
}
