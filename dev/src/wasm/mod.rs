//! `core` for JavaScript: the npm package, and the copy of it that edge functions are deployed with.

mod compiler;
mod inputs;
pub mod project;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use bondhu_stack::{extension, job, paths};

/// Where Debian puts the browser.
pub const CHROMIUM: &str = "/usr/bin/chromium";

/// What an edge function needs of the package.
const EMBEDDED: [&str; 7] = [
    "api.js",
    "bondhu.js",
    "code.js",
    "embedded.js",
    "index.d.ts",
    "model.js",
    "names.d.ts",
];

/// Builds the package under the target directory: what `npm publish` would be given.
///
/// # Errors
/// There is no compiler for wasm32, or something does not build; `log` says why.
pub async fn package(target: &Path, log: &Path) -> Result<PathBuf> {
    let module = compiler::compile(target, log).await?;
    let package = target.join("npm/bondhu-wasm");
    let mut pack = Command::new("cargo");
    pack.args(["run", "--locked", "--quiet", "-p", "bondhu-wasm-pack", "--"])
        .arg(module)
        .arg(&package)
        .current_dir(paths::checkout())
        .env("CARGO_TARGET_DIR", target);
    job::succeed(&mut pack, log).await?;
    Ok(package)
}

/// Builds the package and writes the edge functions' copy of it anew; both paths.
///
/// # Errors
/// As [`package`], or a file cannot be written.
pub async fn write() -> Result<[PathBuf; 2]> {
    let target = extension::target_directory()?;
    fs::create_dir_all(&target)?;
    let log = target.join("wasm.log");
    fs::write(&log, "")?;
    let package = package(&target, &log)
        .await
        .with_context(|| format!("{} says why", log.display()))?;
    let (entry, parts) = (entry(), parts());
    if parts.exists() {
        fs::remove_dir_all(&parts)?;
    }
    fs::create_dir_all(&parts)?;
    for file in EMBEDDED {
        fs::copy(package.join(file), parts.join(file)).with_context(|| file)?;
    }
    fs::write(&entry, text_of_entry(&inputs::digest().await?))?;
    Ok([package, entry])
}

/// That the committed copy is made of the present code. Its bytes cannot be compared: another
/// compiler makes others of the same code.
///
/// # Errors
/// It is not; the error says what to do.
pub async fn is_current() -> Result<()> {
    let entry = entry();
    let committed = fs::read_to_string(&entry)
        .with_context(|| format!("cannot read {}: run `make wasm`", entry.display()))?;
    ensure!(
        committed == text_of_entry(&inputs::digest().await?),
        "{} is made of other code than the present one: run `make wasm`",
        entry.display()
    );
    for file in EMBEDDED {
        ensure!(
            parts().join(file).is_file(),
            "{file} is missing beside {}: run `make wasm`",
            entry.display()
        );
        // What is compiled differs by compiler; what is written by hand does not.
        if let Ok(written) = fs::read(paths::checkout().join("wasm/npm").join(file)) {
            ensure!(
                written == fs::read(parts().join(file))?,
                "{file} beside {} is not that of wasm/npm: run `make wasm`",
                entry.display()
            );
        }
    }
    Ok(())
}

/// What edge functions import.
#[must_use]
pub fn entry() -> PathBuf {
    paths::checkout().join("supabase/functions/_shared/bondhu.ts")
}

fn parts() -> PathBuf {
    entry().with_extension("")
}

fn text_of_entry(digest: &str) -> String {
    format!(
        "// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.\n\
         // SHA-256 of what it is made of: {digest}\n\
         export * from './bondhu/embedded.js'\n"
    )
}
