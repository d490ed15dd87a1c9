//! `bondhu-wasm` to wasm32, by a toolchain that can.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use bondhu_stack::{job, paths};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm";

/// Sources of Rust's standard library as Debian has them.
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust";

/// Compiles the module; its path.
pub(super) async fn compile(target: &Path, log: &Path) -> Result<PathBuf> {
    let target = target.join("wasm");
    let mut cargo = if has_standard_library().await? {
        Command::new("cargo")
    } else {
        // The toolchain has no standard library for wasm32, and a rustup without network
        // gets none: Debian's compiler builds it from source.
        ensure!(
            Path::new(DEBIAN_LIBRARY).join("library").exists(),
            "no standard library for {TARGET}: `rustup target add {TARGET}`, or dev/setup.sh test (Debian packages rustc-web cargo-web rust-web-src lld)"
        );
        let mut cargo = Command::new("/usr/bin/cargo");
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                "/usr/bin/wasm-ld",
            );
        cargo
    };
    cargo
        .args([
            "build",
            "--locked",
            "--lib",
            "-p",
            "bondhu-wasm",
            "--profile",
            PROFILE,
            "--target",
            TARGET,
        ])
        .current_dir(paths::checkout())
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_ENCODED_RUSTFLAGS", without_paths()?.join("\x1f"));
    job::succeed(&mut cargo, log).await?;
    Ok(target.join(TARGET).join(PROFILE).join("bondhu_wasm.wasm"))
}

async fn has_standard_library() -> Result<bool> {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .await
        .context("cannot run rustc")?;
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout)?.trim());
    Ok(sysroot
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir())
}

/// The module is published: where it was built is nobody's business, and makes it another one.
fn without_paths() -> Result<Vec<String>> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(named) => PathBuf::from(named),
        None => std::env::home_dir()
            .context("there is no home directory")?
            .join(".cargo"),
    };
    let mut remapped = vec![
        (PathBuf::from(DEBIAN_LIBRARY), "rust"),
        (paths::checkout(), "bondhu"),
    ];
    let sources = home.join("registry/src");
    if sources.is_dir() {
        for registry in fs::read_dir(sources)? {
            remapped.push((registry?.path(), "crates"));
        }
    }
    let flag = |(from, to): (PathBuf, &str)| format!("--remap-path-prefix={}={to}", from.display());
    Ok(remapped.into_iter().map(flag).collect())
}
