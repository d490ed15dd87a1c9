//! The command line. What is configured comes from the environment (see [`crate::config`]), so
//! that no secret is ever an argument.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::variables;

/// Pulls Spotify and YouTube into Postgres on a schedule and mirrors hot documents into Redis.
#[derive(Debug, Parser)]
#[command(name = "sync-worker", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything: sync, mirror and HTTP, until SIGINT or SIGTERM
    Run,
    /// Sync due provider connections
    Sync(SyncArgs),
    /// Only the mirror: Postgres to Redis
    Mirror,
    /// Say what is missing or wrong, and what to do
    Doctor,
    /// Say how many people the providers' budgets carry, and how fresh what they see is
    Capacity(CapacityArgs),
    /// Take over an app that has people's data in it (as the owner: BONDHU_OWNER_URL)
    #[command(subcommand)]
    Adopt(AdoptCommand),
    /// Bring in what somebody said elsewhere (as the owner: BONDHU_OWNER_URL)
    #[command(subcommand)]
    Import(ImportCommand),
    /// The scheduled jobs in Postgres (pg_cron)
    #[command(subcommand)]
    Cron(CronCommand),
    /// Seal stored tokens anew with the first of BONDHU_TOKEN_KEYS; then the others may go
    Reseal,
    /// Print a new entry for BONDHU_TOKEN_KEYS
    Keygen(KeygenArgs),
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Sync what is due now, then exit
    #[arg(long)]
    pub once: bool,
}

/// Arguments of `capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// For programs: an array, one object a provider; durations in seconds
    #[arg(long)]
    pub json: bool,
}

/// Subcommands of `adopt`.
#[derive(Debug, Clone, Subcommand)]
pub enum AdoptCommand {
    /// Say what is there, what becomes of it and what cannot be taken; writes nothing
    Plan {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Move the app's tables to schema before_bondhu, install Bondhu and import; goes on where it was ended
    Apply {
        /// Leave linked accounts: their people link them again
        #[arg(long)]
        without_tokens: bool,
        /// For how many per cent of the time the import is busy (1 to 100); the rest is for the people who chat
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        share: u8,
    },
    /// Compare what was imported with what the app had, person by person
    Verify {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Put everything back as it was, with what people wrote since
    Undo,
    /// Drop what the app had, and empty its tokens in clear
    Confirm {
        /// Name of the project, which is asked for without
        #[arg(long)]
        project: Option<String>,
    },
}

/// Subcommands of `import`.
#[derive(Debug, Clone, Subcommand)]
pub enum ImportCommand {
    /// A conversation: JSON lines, or conversations.json of a ChatGPT data export
    Messages {
        /// The file
        file: PathBuf,
        /// Whose it is: the account's id or email
        #[arg(long)]
        user: String,
        /// For how many per cent of the time the import is busy (1 to 100); the rest is for the people who chat
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        share: u8,
    },
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// Name of the key; 1 to 32 of a-z, A-Z, 0-9, _ and -
    #[arg(default_value = "k1")]
    pub id: String,
}

/// Subcommands of `cron`.
#[derive(Debug, Clone, Subcommand)]
pub enum CronCommand {
    /// Schedule Bondhu's jobs; run it as often as you like
    Install,
    /// List Bondhu's jobs
    List,
    /// Unschedule Bondhu's jobs
    Remove,
    /// Show the latest runs
    History {
        /// How many runs to show, newest first (1 to 1000)
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        rows: u16,
    },
}

impl Cli {
    /// Parses the process's arguments; prints help or an error and exits where clap would.
    pub fn from_arguments() -> Self {
        let matches = Self::command().after_help(environment_help()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|e| e.exit())
    }
}

/// The part of `--help` that lists every variable. Values are never shown.
pub fn environment_help() -> String {
    let mut text = String::from("Environment (or .env; the environment wins):\n");
    for variable in variables::ALL {
        let default = match variable.default {
            Some(default) => format!(" [default: {default}]"),
            None if variable.secret => " [secret]".to_owned(),
            None => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {}\n          {}{default}",
            variable.name, variable.what
        );
    }
    text
}
