//! Child processes that end with this program.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::usage::Usage;

/// How long a server may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Below those that Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`).
const SERVER_PORTS: Range<u16> = 20_000..32_768;
const ATTEMPTS: usize = 100;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    stop_signal: Signal,
    log: PathBuf,
}

impl Server {
    /// Starts a command of [`with_death_signal`] with its output in `log`.
    ///
    /// The child is in a process group of its own, so that Ctrl-C reaches only this
    /// program, which then ends the stack in order.
    ///
    /// # Errors
    /// The program is missing, or the log cannot be written.
    pub fn start(
        name: &str,
        mut command: Command,
        stop_signal: Signal,
        log: &Path,
    ) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stop_signal,
            log: log.to_owned(),
        })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it takes.
    pub fn usage(&self) -> Usage {
        Usage::of(self.id())
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Fails, with the end of its log, when it is not running any more.
    ///
    /// # Errors
    /// It has ended.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "{} ended by itself ({status}); the end of its log:\n{}",
                self.name,
                tail(&self.log, 15)
            );
        }
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended just now.
            kill_process(pid, signal).ok();
        }
    }

    /// Ends it with its signal, and by force when it takes too long.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.stop_with(self.stop_signal)
    }

    /// As [`Self::stop`], with another signal.
    pub fn stop_with(&mut self, signal: Signal) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        self.signal(signal);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        self.child.kill().ok();
        self.child.wait().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A command that the kernel sends `signal` when the thread that started it has ended
/// (`PR_SET_PDEATHSIG`), so that it ends even when this program is killed.
pub fn with_death_signal(program: &Path, signal: Signal) -> Command {
    let mut setpriv = Command::new("setpriv");
    setpriv
        .arg("--pdeathsig")
        .arg(signal_name(signal))
        .arg("--")
        .arg(program);
    setpriv
}

/// A signal as `setpriv` and `kill` name it.
pub fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        _ => "TERM",
    }
}

/// The last lines of a file; empty when it cannot be read.
pub fn tail(file: &Path, lines: usize) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// A TCP port on the loopback address that is free now. No outgoing connection takes it
/// before its server does, or while that restarts.
///
/// # Errors
/// None is free.
pub fn free_port() -> Result<u16> {
    (0..ATTEMPTS)
        .map(|_| rand::random_range(SERVER_PORTS))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port on 127.0.0.1 between 20000 and 32767")
}
