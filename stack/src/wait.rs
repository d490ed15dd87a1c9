//! Waiting for a condition, with a deadline and a progress line.

use std::io::{IsTerminal as _, Write as _};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::net::TcpStream;

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// A progress line: redrawn on a terminal, printed now and then elsewhere.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    printed_at: Instant,
    width: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            printed_at: Instant::now(),
            width: 0,
        }
    }
}

impl Progress {
    /// Shows how far the work is.
    pub fn show(&mut self, text: &str) {
        if self.terminal {
            print!("\r  … {text:<width$}", width = self.width);
            std::io::stdout().flush().ok();
            self.width = text.chars().count();
        } else if self.printed_at.elapsed() >= REPORT_INTERVAL {
            println!("  … {text}");
            self.printed_at = Instant::now();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.width > 0 {
            print!("\r{:width$}\r", "", width = self.width + 4);
            std::io::stdout().flush().ok();
        }
    }
}

/// Waits until something listens on a port of 127.0.0.1; `check` fails when waiting is useless.
///
/// # Errors
/// The deadline passes, or `check` fails.
pub async fn for_port(
    port: u16,
    within: Duration,
    mut check: impl FnMut() -> Result<()>,
) -> Result<()> {
    let deadline = Instant::now() + within;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .is_err()
    {
        check()?;
        if Instant::now() > deadline {
            bail!("nothing listens on port {port}");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Checks until the condition holds, and returns the value.
///
/// `check` returns `Ok(Ok(value))` when the condition holds, `Ok(Err(observed))` with what holds
/// instead, and `Err` when waiting is useless.
///
/// # Errors
/// The deadline passes, with what was last observed; or `check` fails.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut check: impl AsyncFnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let begun = Instant::now();
    let mut progress = Progress::default();
    loop {
        let observed = match check().await? {
            Ok(value) => return Ok(value),
            Err(observed) => observed,
        };
        if begun.elapsed() > within {
            drop(progress);
            bail!(
                "waited {} s for {what}; last seen: {observed}",
                within.as_secs()
            );
        }
        progress.show(&format!(
            "{what}: {observed} ({} s)",
            begun.elapsed().as_secs()
        ));
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
