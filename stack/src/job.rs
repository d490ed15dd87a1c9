//! Commands that run to their end and write to a log.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// How long a cancelled command may take to clean up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a command to its end with its output appended to `log`. When it is cancelled, all
/// that it started is told to end.
///
/// # Errors
/// The program is missing, or the log cannot be written.
pub async fn run(command: &mut Command, log: &Path) -> Result<ExitStatus> {
    let out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", command.as_std().get_program().display()))?;
    let mut group = Group { child };
    Ok(group.child.wait().await?)
}

/// As [`run`], failing when the command does.
///
/// # Errors
/// It fails; its log says why.
pub async fn succeed(command: &mut Command, log: &Path) -> Result<()> {
    let status = run(command, log).await?;
    if !status.success() {
        bail!(
            "{} failed ({status})",
            command.as_std().get_program().display()
        );
    }
    Ok(())
}

struct Group {
    child: Child,
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(pid) = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
        else {
            return;
        };
        kill_process_group(pid, Signal::TERM).ok();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process_group(pid, Signal::KILL).ok();
    }
}
