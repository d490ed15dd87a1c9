//! The Data API's program, built when first needed: nothing else waits for it.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{extension, paths};

/// Builds the crate `stack/data-api`, and returns its program; cargo's progress goes to `output`.
///
/// # Errors
/// It does not build.
pub async fn build(output: impl Into<Stdio>) -> Result<PathBuf> {
    let target = extension::target_directory()?;
    let status = Command::new("cargo")
        .args(["build", "--locked", "--package", "bondhu-data-api"])
        .current_dir(paths::checkout())
        .env("CARGO_TARGET_DIR", &target)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .status()
        .await
        .context("cannot run cargo")?;
    ensure!(status.success(), "the Data API does not build");
    Ok(target.join("debug/bondhu-data-api"))
}
