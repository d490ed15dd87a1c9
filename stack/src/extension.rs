//! Building the engine's extension and installing it in a Postgres: `cargo build` and file copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::installation::Installation;
use crate::paths;

/// The files of a built extension.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The shared library.
    pub library: PathBuf,
    /// `bondhu.control`.
    pub control: PathBuf,
    /// The scripts that `create extension` and `alter extension update` run.
    pub scripts: Vec<PathBuf>,
}

/// Builds the extension for a Postgres that has headers.
///
/// Each major version has a target directory of its own, since pgrx's bindings differ and
/// cargo would build them again at every change of version.
///
/// # Errors
/// The build fails.
pub fn build(postgres: &Installation, output: impl Into<Stdio>) -> Result<Extension> {
    let feature = format!("pg{}", postgres.major);
    let target = target_directory()?.join(format!("extension-{feature}"));
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--release",
            "--locked",
            "-p",
            "bondhu",
            "--no-default-features",
            "--features",
            &feature,
        ])
        .current_dir(paths::checkout())
        .env("CARGO_TARGET_DIR", &target)
        .env("PGRX_PG_CONFIG_PATH", postgres.pg_config())
        .stdin(Stdio::null())
        .stderr(output)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!(
            "the extension does not build for PostgreSQL {}",
            postgres.major
        );
    }
    let source = paths::checkout().join("extension");
    Ok(Extension {
        library: target.join("release/libbondhu.so"),
        control: source.join("bondhu.control"),
        scripts: scripts(&source.join("sql"))?,
    })
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the checkout.
///
/// # Errors
/// The path cannot be made absolute.
pub fn target_directory() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => Ok(std::path::absolute(PathBuf::from(directory))?),
        None => Ok(paths::checkout().join("target")),
    }
}

impl Extension {
    /// Copies the files to where `postgres` looks for them.
    ///
    /// # Errors
    /// A file is missing, or a directory is not writable.
    pub fn install(&self, postgres: &Installation) -> Result<()> {
        let shared = postgres.shared.join("extension");
        replace(&self.library, &postgres.libraries.join("bondhu.so"))?;
        replace(&self.control, &shared.join("bondhu.control"))?;
        for script in &self.scripts {
            replace(script, &shared.join(script.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }
}

/// Replaces a file by renaming, so that a library that a server has mapped is never written to.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let draft = to.with_extension("new");
    fs::copy(from, &draft)
        .and_then(|_| fs::rename(&draft, to))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn scripts(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?
    {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("bondhu--") && name.ends_with(".sql") {
            scripts.push(path);
        }
    }
    if scripts.is_empty() {
        bail!("{} holds no bondhu--VERSION.sql", directory.display());
    }
    Ok(scripts)
}
