//! What the package is made of, as one number.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use bondhu_stack::paths;

/// Folders and files whose every byte counts.
const SOURCES: [&str; 8] = [
    "core/Cargo.toml",
    "core/data",
    "core/src",
    "wasm/Cargo.toml",
    "wasm/npm",
    "wasm/pack/Cargo.toml",
    "wasm/pack/src",
    "wasm/src",
];

/// From where on the workspace's manifest is about profiles.
const PROFILES: &str = "[profile.";

/// SHA-256 of the sources, the profiles and the versions of all dependencies.
pub(super) async fn digest() -> Result<String> {
    let checkout = paths::checkout();
    let mut files = BTreeSet::new();
    for source in SOURCES {
        collect(&checkout.join(source), &mut files)?;
    }
    let mut hash = Sha256::new();
    let mut take = |name: &str, bytes: &[u8]| {
        hash.update(format!("{name}\0{}\0", bytes.len()));
        hash.update(bytes);
    };
    for file in files {
        let name = file.strip_prefix(&checkout)?.display().to_string();
        take(&name, &fs::read(&file)?);
    }
    let manifest = fs::read_to_string(checkout.join("Cargo.toml"))?;
    let at = manifest
        .find(PROFILES)
        .context("Cargo.toml has no profiles")?;
    take(
        "profiles",
        manifest.get(at..).unwrap_or_default().as_bytes(),
    );
    take("versions", versions().await?.as_bytes());
    let digits = hash.finalize();
    Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Every file, but for those of tests.
fn collect(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            if path.file_stem().is_none_or(|name| name != "tests") {
                collect(&path, files)?;
            }
        }
    } else {
        files.insert(path.to_owned());
    }
    Ok(())
}

/// Names and locked versions of the dependencies, a line each.
async fn versions() -> Result<String> {
    let tree = Command::new("cargo")
        .args(["tree", "--locked", "--quiet", "--prefix=none"])
        .args(["--edges=normal,build", "--target=wasm32-unknown-unknown"])
        .args(["-p", "bondhu-wasm", "-p", "bondhu-wasm-pack"])
        .current_dir(paths::checkout())
        .output()
        .await
        .context("cannot run cargo")?;
    ensure!(
        tree.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout)?;
    let lines: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(format!("{} {}\n", words.next()?, words.next()?))
        })
        .collect();
    Ok(lines.into_iter().collect())
}
