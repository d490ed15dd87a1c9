//! A new project that has installed the package, for the checks of `wasm/tests` to run in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use bondhu_stack::{job, paths};

/// The project.
#[derive(Debug)]
pub struct Project {
    /// Where it is; the checks are in `checks/`.
    pub directory: PathBuf,
}

impl Project {
    /// Builds the package under `target`, packs it and installs it in a directory of `within`.
    ///
    /// # Errors
    /// It does not build, or npm is missing; `log` says why.
    pub async fn make(target: &Path, within: &Path, log: &Path) -> Result<Self> {
        let package = super::package(target, log).await?;
        let directory = within.join("npm");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        let checks = directory.join("checks");
        fs::create_dir_all(&checks)?;
        fs::write(
            directory.join("package.json"),
            r#"{ "private": true, "type": "module" }"#,
        )?;
        let npm = |arguments: &[&str]| {
            let mut npm = Command::new("npm");
            npm.args(arguments)
                .current_dir(&directory)
                .env("HOME", within.join("home"))
                .env("npm_config_update_notifier", "false");
            npm
        };
        let mut pack = npm(&["pack", "--silent"]);
        job::succeed(pack.arg(&package), log)
            .await
            .context("npm pack")?;
        let packed = format!("./bondhu-wasm-{}.tgz", env!("CARGO_PKG_VERSION"));
        let mut install = npm(&["install", "--offline", "--no-audit", "--no-fund", &packed]);
        job::succeed(&mut install, log)
            .await
            .context("npm install of what npm pack has made")?;
        for entry in fs::read_dir(paths::checkout().join("wasm/tests"))? {
            let file = entry?.path();
            fs::copy(&file, checks.join(file.file_name().unwrap_or_default()))?;
        }
        Ok(Self { directory })
    }
}
