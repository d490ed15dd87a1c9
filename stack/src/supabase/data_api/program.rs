//! The Data API's program, built when first needed: nothing else waits for it.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{extension, paths};

/// The program, if it has been built.
///
/// # Errors
/// The target directory's path cannot be made absolute.
pub fn built() -> Result<Option<PathBuf>> {
    let program = path()?;
    Ok(program.is_file().then_some(program))
}

fn path() -> Result<PathBuf> {
    Ok(extension::target_directory()?.join("debug/bondhu-data-api"))
}

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
    path()
}
