//! What a process takes, as Linux counts it.

use std::time::Duration;

use anyhow::{Context, Result};

/// `USER_HZ` is 100 on every architecture that Linux still runs on.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// Counts of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    process: u32,
}

impl Usage {
    /// Of this process id.
    #[must_use]
    pub const fn of(process: u32) -> Self {
        Self { process }
    }

    /// Its resident memory in bytes: now, and the highest so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(self) -> Result<(u64, u64)> {
        let status = self.read("status")?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes =
                line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kilobytes.map(|kilobytes| kilobytes * 1024)
        };
        bytes("VmRSS:").zip(bytes("VmHWM:")).context("it has ended")
    }

    /// The processor time that it has used, user and system, in hundredths of a second
    /// (man 5 proc).
    ///
    /// # Errors
    /// It has ended.
    pub fn processor_time(self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // The second field is the program's name, in brackets, and may hold anything.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let fields = fields.split_whitespace().skip(11).take(2);
        let ticks: u32 = fields.flat_map(str::parse::<u32>).sum();
        Ok(CLOCK_TICK * ticks)
    }

    fn read(self, file: &str) -> Result<String> {
        Ok(std::fs::read_to_string(format!(
            "/proc/{}/{file}",
            self.process
        ))?)
    }
}
