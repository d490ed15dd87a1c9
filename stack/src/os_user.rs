//! The operating system's user that Postgres runs as: it refuses root.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process;

/// The user that servers run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OsUser {
    /// The one that this program runs as.
    Current,
    /// Another one, because this program runs as root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl OsUser {
    /// `postgres` for root, otherwise the current user.
    ///
    /// # Errors
    /// This program runs as root and there is no user `postgres`.
    pub fn for_postgres() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Current);
        }
        Ok(Self::Other {
            uid: id_of("-u")?,
            gid: id_of("-g")?,
        })
    }

    /// A command that runs `program` as this user.
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Self::Current => Command::new(program),
            Self::Other { uid, gid } => {
                let mut command = Command::new("setpriv");
                command.args([
                    format!("--reuid={uid}"),
                    format!("--regid={gid}"),
                    "--init-groups".into(),
                    "--".into(),
                ]);
                command.arg(program);
                command
            }
        }
    }

    /// As [`Self::command`], for a server that ends with this program: see
    /// [`process::with_death_signal`].
    pub fn command_with_death_signal(&self, program: &Path, signal: Signal) -> Command {
        match self {
            Self::Current => process::with_death_signal(program, signal),
            Self::Other { .. } => {
                // Set last: a change of user clears it.
                let mut command = self.command(Path::new("setpriv"));
                command
                    .arg("--pdeathsig")
                    .arg(process::signal_name(signal))
                    .arg("--")
                    .arg(program);
                command
            }
        }
    }

    /// Makes a directory that this user owns.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn make_directory(&self, path: &Path) -> Result<()> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        if let Self::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(*uid), Some(*gid))
                .with_context(|| format!("cannot give {} to the user postgres", path.display()))?;
        }
        Ok(())
    }
}

fn id_of(option: &str) -> Result<u32> {
    let answer = Command::new("id")
        .args([option, "postgres"])
        .output()
        .context("cannot run id")?;
    if !answer.status.success() {
        bail!(
            "there is no user `postgres` to run Postgres as, which refuses to run as root: run dev/setup.sh, which installs the package postgresql-15"
        );
    }
    let text = String::from_utf8(answer.stdout).context("id")?;
    text.trim()
        .parse()
        .with_context(|| format!("id said {text:?}"))
}
