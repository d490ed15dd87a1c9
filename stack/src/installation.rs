//! An installed PostgreSQL, and private copies of one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where a PostgreSQL keeps its programs, libraries and shared files.
#[derive(Clone, Debug)]
pub struct Installation {
    /// `postgres`, `initdb`, …
    pub programs: PathBuf,
    /// `$libdir`.
    pub libraries: PathBuf,
    /// Holds `extension/`.
    pub shared: PathBuf,
    /// Major version.
    pub major: u32,
}

impl Installation {
    /// PostgreSQL 15 as Debian installs it.
    ///
    /// # Errors
    /// It is not installed.
    pub fn debian_15() -> Result<Self> {
        let pg_config = Path::new("/usr/lib/postgresql/15/bin/pg_config");
        if !pg_config.exists() {
            bail!(
                "PostgreSQL 15 is not installed: run dev/setup.sh (Debian packages postgresql-15 and postgresql-server-dev-15)"
            );
        }
        Self::of(pg_config)
    }

    /// The installation that a `pg_config` describes.
    ///
    /// # Errors
    /// It does not run, or is not `pg_config`.
    pub fn of(pg_config: &Path) -> Result<Self> {
        let query = |option: &str| -> Result<String> {
            let answer = Command::new(pg_config)
                .arg(option)
                .output()
                .with_context(|| format!("cannot run {}", pg_config.display()))?;
            if !answer.status.success() {
                bail!("{} {option} failed", pg_config.display());
            }
            Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
        };
        Ok(Self {
            programs: query("--bindir")?.into(),
            libraries: query("--pkglibdir")?.into(),
            shared: query("--sharedir")?.into(),
            major: major_version(&query("--version")?)?,
        })
    }

    /// The program `pg_config` of this installation.
    pub fn pg_config(&self) -> PathBuf {
        self.programs.join("pg_config")
    }

    /// A copy in `root` that behaves like this installation and can be changed without touching it.
    ///
    /// Postgres finds its libraries and shared files relative to its program. So the programs are
    /// copied, since a link would be resolved to the original, and the rest is linked file by file.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn private_tree(&self, root: &Path) -> Result<Self> {
        let ancestor = common_ancestor(
            &self.programs,
            &common_ancestor(&self.libraries, &self.shared),
        );
        let moved = |directory: &Path| -> Result<PathBuf> {
            Ok(root.join(
                directory
                    .strip_prefix(&ancestor)
                    .context("a directory outside its installation")?,
            ))
        };
        let tree = Self {
            programs: moved(&self.programs)?,
            libraries: moved(&self.libraries)?,
            shared: moved(&self.shared)?,
            major: self.major,
        };
        copy_files(&self.programs, &tree.programs)?;
        link_entries(&self.libraries, &tree.libraries)?;
        link_entries(&self.shared, &tree.shared)?;
        // The one shared directory that files are added to.
        let extensions = tree.shared.join("extension");
        fs::remove_file(&extensions)
            .with_context(|| format!("{} has no directory extension", self.shared.display()))?;
        link_entries(&self.shared.join("extension"), &extensions)?;
        Ok(tree)
    }
}

fn major_version(version: &str) -> Result<u32> {
    // "PostgreSQL 15.18 (Debian 15.18-0+deb12u1)"
    version
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|major| major.parse().ok())
        .with_context(|| format!("not a PostgreSQL version: {version:?}"))
}

fn common_ancestor(one: &Path, other: &Path) -> PathBuf {
    one.components()
        .zip(other.components())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a)
        .collect()
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in read(from)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default();
            fs::copy(&path, to.join(name))
                .with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

fn link_entries(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in read(from)? {
        let entry = entry?;
        // An engine installed on the machine stays out: the caller installs its own.
        if entry.file_name().to_string_lossy().starts_with("bondhu") {
            continue;
        }
        let link = to.join(entry.file_name());
        symlink(entry.path(), &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

fn read(directory: &Path) -> Result<fs::ReadDir> {
    fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_read_as_debian_and_others_write_them() {
        assert_eq!(
            major_version("PostgreSQL 15.18 (Debian 15.18-0+deb12u1)").unwrap(),
            15
        );
        assert_eq!(major_version("PostgreSQL 18devel").unwrap(), 18);
        assert!(major_version("MySQL").is_err());
    }

    #[test]
    fn debians_directories_meet_in_usr() {
        let ancestor = common_ancestor(
            Path::new("/usr/lib/postgresql/15/bin"),
            Path::new("/usr/share/postgresql/15"),
        );
        assert_eq!(ancestor, Path::new("/usr"));
    }
}
