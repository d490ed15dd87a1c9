//! The module as text, for where there are neither files nor addresses to read it from.
//!
//! The model is most of it and changes seldom; the code around it changes often. Each is a file of
//! its own, so that a repository which keeps them does not store the model again with each change.

use std::io::Write as _;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Written into the module as it is.
const MODEL: &[u8] = include_bytes!("../../../core/data/scorer.bin");

/// Names and texts of the files.
///
/// # Errors
/// The module does not have the model in one piece.
pub(super) fn modules(module: &[u8]) -> Result<[(&'static str, String); 2]> {
    let at = memchr::memmem::find(module, MODEL)
        .context("the module does not hold core/data/scorer.bin in one piece")?;
    let (before, rest) = module.split_at(at);
    let after = rest.get(MODEL.len()..).unwrap_or_default();
    let code = format!(
        "// The module without the model, gzip in base64. Made by bondhu-wasm-pack.\n\
         /** Where the model belongs, in bytes. */\n\
         export const modelAt = {at}\n\
         export const code = '{}'\n",
        compressed(&[before, after].concat())?
    );
    let model = format!(
        "// The model, gzip in base64. Made by bondhu-wasm-pack.\nexport const model = '{}'\n",
        compressed(MODEL)?
    );
    Ok([("code.js", code), ("model.js", model)])
}

fn compressed(bytes: &[u8]) -> Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(STANDARD.encode(encoder.finish()?))
}
