//! Writes what the model sees of each line of the standard input, for training.
//!
//! `features MODEL`: the lexicon of the model at that path is used, its weights are not.
//! For each line: number of features (u32), their ids (u32 each), their groups and weights
//! in sixteenths (u8 each: group × 64 + weight). Little-endian.

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
    let path = std::env::args().nth(1).ok_or("usage: features MODEL")?;
    let bytes = std::fs::read(path)?;
    let model = Model::parse(&bytes).ok_or("no model of this version")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut ids, mut weights) = (Vec::new(), Vec::new());
    for line in std::io::stdin().lock().lines() {
        ids.clear();
        weights.clear();
        model.features(&line?, |feature| {
            ids.extend_from_slice(&feature.id.to_le_bytes());
            weights.push((feature.group as u8) << 6 | feature.weight);
        });
        out.write_all(&(weights.len() as u32).to_le_bytes())?;
        out.write_all(&ids)?;
        out.write_all(&weights)?;
    }
    Ok(out.flush()?)
}
