//! The local stack, from the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use bondhu_core::score::ENGINE_VERSION;
use bondhu_dev::{assessment_items, bench, demo, figures, portable, soak, test_runner, up, wasm};
use bondhu_stack::stack::Engine;
use bondhu_stack::{extension, installation, migrations};

/// Runs Bondhu on this machine: a private Postgres and Redis, stand-ins for the providers.
#[derive(Debug, Parser)]
#[command(name = "bondhu-dev", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the way of a message once, check every claim, report
    Demo {
        /// UTF-8, tab-separated, text in the first column [default: dev/data/conversation.tsv]
        #[arg(long, value_name = "FILE")]
        data: Option<PathBuf>,
        /// native or portable
        #[arg(long, default_value = "native")]
        engine: Engine,
    },
    /// Start the stack and leave it running until Ctrl-C
    Up {
        /// native or portable
        #[arg(long, default_value = "native")]
        engine: Engine,
    },
    /// Remove what `up` keeps
    Reset,
    /// Run everything that has to pass
    Test {
        /// Only the steps whose name contains this
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Measure what the engine costs, as ratios to the same table without it
    BenchEngine,
    /// Measure the mirror and hot reads
    BenchMirror,
    /// Measure what the companion's edge function adds to a model's own time
    BenchChat,
    /// Measure whether what is recommended is what people then play
    BenchRecommendations,
    /// Measure what runs beside the chat, and the chat itself, at a million people
    BenchScale,
    /// Measure the npm package: its size, its start, and a message against the native scorer
    BenchWasm,
    /// Break everything around the mirror under load, and count what readers saw of it
    SoakMirror {
        /// Seconds
        #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
        seconds: u64,
        /// Go on until this many processes were killed
        #[arg(long, value_name = "COUNT", default_value_t = 0)]
        kills: u64,
    },
    /// Measure what syncing takes and costs, against the providers' latency
    BenchSync,
    /// Simulate weeks of syncing of many people, with the planner of the database
    SimulateSync {
        /// People with a linked account
        #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
        people: usize,
        /// Days
        #[arg(long, value_name = "DAYS", default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=365))]
        days: i64,
    },
    /// Kill the worker and let the providers fail, again and again; nothing may be lost
    SoakSync {
        /// Seconds, from when everything has started
        #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
        seconds: u64,
        /// Seed of an earlier run, which breaks the same things [default: random]
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Write the output that the pages show anew: of the demo and of `make help`
    Figures {
        /// Instead, what `make TARGET` prints, such as bench-mirror
        #[arg(long, value_name = "TARGET")]
        of: Option<String>,
    },
    /// Start a migration with the functions of sql/ that changed; foundation, portable_engine and
    /// engine_version (a model update of the portable engine) are made whole, and made again until
    /// they are released
    Migration {
        /// What it is about: a-z, 0-9 and _
        name: String,
    },
    /// Write the items of the questionnaires in sql/ anew from core/data
    AssessmentItems,
    /// Write supabase/functions/_shared/database.types.ts anew
    Types,
    /// Write extension/sql/bondhu--VERSION.sql anew from the built library
    ExtensionSql,
    /// Build the npm package, and write supabase/functions/_shared/bondhu anew
    Wasm,
    /// Build the extension and copy its three files into a Postgres
    InstallExtension {
        /// The pg_config of that Postgres
        #[arg(long, env = "PGRX_PG_CONFIG_PATH", value_name = "FILE")]
        pg_config: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // `up` is ended by Ctrl-C and nothing else: that is no failure.
    let interrupted = match cli.command {
        Command::Up { .. } => ExitCode::SUCCESS,
        _ => ExitCode::from(130),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bondhu-dev: no async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The future is dropped before the runtime: its servers end in order.
    match runtime.block_on(until_interrupted(run(cli.command), interrupted)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bondhu-dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo { data, engine } => return demo::run(data.as_deref(), engine).await,
        Command::Test { only } => return test_runner::run(only.as_deref()).await,
        Command::SoakSync { seconds, seed } => {
            return soak::sync::run(Duration::from_secs(seconds), seed).await;
        }
        Command::BenchSync => bench::sync::run().await?,
        Command::SimulateSync { people, days } => bench::planning::run(people, days).await?,
        Command::BenchEngine => bench::engine::run().await?,
        Command::BenchMirror => bench::mirror::run().await?,
        Command::BenchChat => bench::chat::run().await?,
        Command::BenchRecommendations => bench::recommendations::run(),
        Command::BenchScale => bench::scale::run().await?,
        Command::BenchWasm => bench::wasm::run().await?,
        Command::SoakMirror { seconds, kills } => {
            return soak::mirror::run(Duration::from_secs(seconds), kills).await;
        }
        Command::Figures { of } => figures::refresh(of.as_deref()).await?,
        Command::Up { engine } => up::up(engine).await?,
        Command::Reset => up::reset()?,
        Command::Migration { name } => {
            let now = chrono::Utc::now();
            let path = match name.as_str() {
                migrations::FOUNDATION => migrations::make(&name, &migrations::foundation()?, now)?,
                migrations::PORTABLE_ENGINE => {
                    migrations::make(&name, &portable::migration()?, now)?
                }
                migrations::ENGINE_VERSION => {
                    let (name, text) = portable::another(&migrations::list()?, ENGINE_VERSION)?;
                    migrations::make(&name, &text, now)?
                }
                _ => migrations::start(&name, now)?,
            };
            println!("{}", path.display());
        }
        Command::AssessmentItems => println!("{}", assessment_items::write()?.display()),
        Command::Types => println!("{}", test_runner::write_types().await?.display()),
        Command::ExtensionSql => println!("{}", test_runner::write_extension_sql()?.display()),
        Command::Wasm => {
            for path in wasm::write().await? {
                println!("{}", path.display());
            }
        }
        Command::InstallExtension { pg_config } => {
            let postgres = installation::Installation::of(&pg_config)?;
            extension::build(&postgres, std::process::Stdio::inherit())?.install(&postgres)?;
            println!(
                "installed into {} and {}",
                postgres.libraries.display(),
                postgres.shared.display()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Ctrl-C, a closed terminal and SIGTERM all end the work by dropping it.
async fn until_interrupted(
    work: impl Future<Output = Result<ExitCode>>,
    interrupted: ExitCode,
) -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let name = tokio::select! {
        done = work => return done,
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    };
    eprintln!("\n{name}: ended, and cleaned up");
    Ok(interrupted)
}
