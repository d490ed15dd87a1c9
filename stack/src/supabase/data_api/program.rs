//! The Data API's program, built when first needed: nothing else waits for it.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{extension, paths};

/// How it is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Soon.
    Dev,
    /// To be measured.
    Release,
}

impl Profile {
    fn program(self) -> Result<PathBuf> {
        let folder = match self {
            Self::Dev => "debug",
            Self::Release => "release",
        };
        let target = extension::target_directory()?;
        Ok(target.join(folder).join("bondhu-data-api"))
    }
}

/// Whether it has been built as `make up` builds it.
///
/// # Errors
/// The target directory's path cannot be made absolute.
pub fn is_built() -> Result<bool> {
    Ok(Profile::Dev.program()?.is_file())
}

/// Builds the crate `stack/data-api`, and returns its program; cargo's progress goes to `output`.
///
/// # Errors
/// It does not build.
pub async fn build(profile: Profile, output: impl Into<Stdio>) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "bondhu-data-api"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    let status = cargo
        .current_dir(paths::checkout())
        .env("CARGO_TARGET_DIR", extension::target_directory()?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .status()
        .await
        .context("cannot run cargo")?;
    ensure!(status.success(), "the Data API does not build");
    profile.program()
}
