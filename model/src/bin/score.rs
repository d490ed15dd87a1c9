//! Scores each line of the standard input:
//! `sentiment<TAB>mood<TAB>mood_confidence<TAB>support`, then the model's outputs.
//!
//! `score [MODEL]`: the model at that path instead of the one that is compiled in.

use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;

use bondhu_core::score::{MODEL, Model};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::env::args().nth(1).map(std::fs::read).transpose()?;
    let model = match &bytes {
        Some(bytes) => &Model::parse(bytes).ok_or("no model of this version")?,
        None => &MODEL,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let score = model.score(&line);
        write!(
            out,
            "{}\t{}\t{}\t{}",
            score.sentiment,
            score.mood.as_str(),
            score.mood_confidence,
            score.support.as_str()
        )?;
        for output in model.outputs(&line) {
            write!(out, "\t{output}")?;
        }
        writeln!(out)?;
    }
    Ok(out.flush()?)
}
