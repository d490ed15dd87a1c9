//! The worker's process: arguments, configuration, log, runtime, in this order.

use std::process::ExitCode;

use sync_worker::cli::Cli;
use sync_worker::commands;
use sync_worker::config::Environment;
use sync_worker::error::Error;
use sync_worker::telemetry::{LogConfig, start_logging};

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<(), Error> {
    let env = Environment::load()?;
    start_logging(&LogConfig::from_env(&env)?);
    // Fails only when a provider has been installed before, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Process(format!("cannot start the runtime: {e}")))?;
    runtime.block_on(commands::run(cli.command, &env))
}
