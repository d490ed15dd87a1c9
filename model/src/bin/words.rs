//! Writes the tokens of each line of the standard input as the scorer knows them, one
//! space apart. `words MODEL`: the lexicon of the model at that path is used.

use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;

use bondhu_core::score::Model;

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
    let path = std::env::args().nth(1).ok_or("usage: words MODEL")?;
    let bytes = std::fs::read(path)?;
    let model = Model::parse(&bytes).ok_or("no model of this version")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", model.words(&line?).join(" "))?;
    }
    Ok(out.flush()?)
}
