//! As whom Postgres runs: it refuses to be root.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process;

/// The account that servers run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The one that we run as.
    Own,
    /// Another one, since we are root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl Account {
    /// `postgres` for root, otherwise our own.
    ///
    /// # Errors
    /// We are root and there is no account `postgres`.
    pub fn for_postgres() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        Ok(Self::Other {
            uid: id_of("-u")?,
            gid: id_of("-g")?,
        })
    }

    /// `command`, run as this account.
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Self::Own => Command::new(program),
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

    /// As [`Self::command`], for a server that must not outlive us (see [`process::leashed`]).
    pub fn leashed(&self, program: &Path, farewell: Signal) -> Command {
        match self {
            Self::Own => process::leashed(program, farewell),
            Self::Other { .. } => {
                // The leash comes last: a change of account takes it off.
                let mut command = self.command(Path::new("setpriv"));
                command
                    .arg("--pdeathsig")
                    .arg(process::signal_name(farewell))
                    .arg("--")
                    .arg(program);
                command
            }
        }
    }

    /// Makes a directory that this account owns.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn make_directory(&self, path: &Path) -> Result<()> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        if let Self::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(*uid), Some(*gid)).with_context(|| {
                format!("cannot give {} to the account postgres", path.display())
            })?;
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
            "there is no account `postgres` to run Postgres as, which refuses to be root: run dev/setup.sh, which installs the package postgresql-15"
        );
    }
    let text = String::from_utf8(answer.stdout).context("id")?;
    text.trim()
        .parse()
        .with_context(|| format!("id said {text:?}"))
}
