//! Child processes that never outlive us.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take over a polite end.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Below those that Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`).
const SERVER_PORTS: Range<u16> = 20_000..32_768;
const ATTEMPTS: usize = 100;

/// A server that runs for us. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    farewell: Signal,
    log: PathBuf,
}

impl Server {
    /// Starts a [`leashed`] command with its output in `log`.
    ///
    /// The child is in a process group of its own, so that Ctrl-C reaches us alone and we
    /// end the stack in order.
    ///
    /// # Errors
    /// The program is missing, or the log cannot be written.
    pub fn start(name: &str, mut command: Command, farewell: Signal, log: &Path) -> Result<Self> {
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
            farewell,
            log: log.to_owned(),
        })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
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

    /// Ends it: politely, and by force when it takes too long.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.stop_with(self.farewell)
    }

    /// As [`Self::stop`], with another signal.
    pub fn stop_with(&mut self, signal: Signal) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        self.signal(signal);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(LOOK_EVERY);
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

/// A command that the kernel sends `farewell` to when the thread that started it is gone:
/// so that nothing outlives us when we are killed.
pub fn leashed(program: &Path, farewell: Signal) -> Command {
    let mut setpriv = Command::new("setpriv");
    setpriv
        .arg("--pdeathsig")
        .arg(signal_name(farewell))
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
/// None can be had.
pub fn free_port() -> Result<u16> {
    (0..ATTEMPTS)
        .map(|_| rand::random_range(SERVER_PORTS))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port on 127.0.0.1 between 20000 and 32767")
}
