//! Waiting for a condition, with a deadline and a word about it.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const LOOK_EVERY: Duration = Duration::from_millis(50);
const SPEAK_EVERY: Duration = Duration::from_secs(10);

/// A line about work that goes on: redrawn on a terminal, said now and then elsewhere.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    spoken: Instant,
    width: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            spoken: Instant::now(),
            width: 0,
        }
    }
}

impl Progress {
    /// Shows how far the work is.
    pub fn say(&mut self, text: &str) {
        if self.terminal {
            print!("\r  … {text:<width$}", width = self.width);
            std::io::stdout().flush().ok();
            self.width = text.chars().count();
        } else if self.spoken.elapsed() >= SPEAK_EVERY {
            println!("  … {text}");
            self.spoken = Instant::now();
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

/// Looks until there is something, and gives it back.
///
/// `look` returns `Err` when waiting has become useless, `Ok(Err(state))` with what it sees
/// meanwhile, and `Ok(Ok(value))` when the condition holds.
///
/// # Errors
/// The deadline passes, with the last state seen; or `look` fails.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let begun = Instant::now();
    let mut progress = Progress::default();
    loop {
        let state = match look().await? {
            Ok(value) => return Ok(value),
            Err(state) => state,
        };
        if begun.elapsed() > within {
            drop(progress);
            bail!(
                "waited {} s for {what}; the last that was seen: {state}",
                within.as_secs()
            );
        }
        progress.say(&format!(
            "{what}: {state} ({} s)",
            begun.elapsed().as_secs()
        ));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
