//! The log, to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `BONDHU_LOG`: tracing filter directives.
    pub filter: String,
    /// `BONDHU_LOG_FORMAT`.
    pub format: LogFormat,
}

/// Starts logging. Does nothing when logging has been started before.
pub fn start_logging(config: &LogConfig) {
    let filter = EnvFilter::new(&config.filter);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Only a second start can fail, and then there is a log.
    let _ = match config.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}
