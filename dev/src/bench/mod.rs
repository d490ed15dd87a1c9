//! What `make bench-…` measures.

pub mod chat;
pub mod engine;
mod figures;
mod load;
pub mod mirror;
pub mod planning;
pub mod recommendations;
pub mod scale;
pub mod sync;
pub mod wasm;

use anyhow::{Context as _, Result};

use bondhu_stack::paths;

/// Comments as people write them; see `dev/data/README.md`.
fn texts() -> Result<Vec<String>> {
    let file = paths::checkout().join("dev/data/comments.tsv");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.lines().skip(1).map(str::to_owned).collect())
}
