//! Paths: of the checkout, and of what is kept between runs.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The checkout that this binary was built from.
pub fn checkout() -> PathBuf {
    let dev = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    dev.parent().map_or(dev.clone(), PathBuf::from)
}

/// Directory for all that is kept between runs, made when missing.
///
/// `BONDHU_STATE_DIR` names it. Otherwise it is `~/.cache/bondhu`, and for root
/// `/var/cache/bondhu`: Postgres refuses to run as root, and the account that it runs as
/// cannot look into root's home.
///
/// # Errors
/// There is no home directory, or the directory cannot be made.
pub fn state_directory() -> Result<PathBuf> {
    let directory = match std::env::var_os("BONDHU_STATE_DIR") {
        Some(named) => std::path::absolute(PathBuf::from(named)).context("BONDHU_STATE_DIR")?,
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/cache/bondhu"),
        None => std::env::home_dir()
            .context("there is no home directory; set BONDHU_STATE_DIR to a directory for the stack's files")?
            .join(".cache/bondhu"),
    };
    std::fs::create_dir_all(&directory).with_context(|| {
        format!(
            "cannot make {}; set BONDHU_STATE_DIR to a writable directory",
            directory.display()
        )
    })?;
    Ok(directory)
}

/// The committed SQL of the extension's current version.
///
/// # Errors
/// The control file cannot be read, or names no version.
pub fn extension_sql() -> Result<PathBuf> {
    let extension = checkout().join("extension");
    let control = std::fs::read_to_string(extension.join("bondhu.control"))
        .context("extension/bondhu.control")?;
    let version = control
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "default_version")
        .map(|(_, value)| value.trim().trim_matches('\'').to_owned())
        .context("extension/bondhu.control names no default_version")?;
    Ok(extension.join(format!("sql/bondhu--{version}.sql")))
}
