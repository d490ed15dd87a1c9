//! `make bench-wasm`: what the npm package weighs, how soon it is there, and what a message takes,
//! against the native scorer on the golden texts.

mod report;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use bondhu_core::score::score;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::{downloads, extension, paths};

use crate::bench::figures::{Report, median};
use crate::wasm::{self, project::Project};
use report::{COMPARATORS, TARGETS};

/// All hosts take turns, so that a slow moment of the machine meets none of them alone.
const TURNS: usize = 5;

/// As in `wasm/tests/measure.js`.
const REPETITIONS: u32 = 10;
/// Natively there is nothing to wait for.
const ROUNDS: usize = 60;

const GOLDEN: &str = "golden/scores.tsv";

/// Names of what is measured of a host: a message, its start, its first score.
const HOSTS: [[&str; 4]; 3] = [
    ["node_ratio", "node_us", "node_start_ms", "node_first_ms"],
    ["deno_ratio", "deno_us", "deno_start_ms", "deno_first_ms"],
    [
        "chromium_ratio",
        "chromium_us",
        "chromium_start_ms",
        "chromium_first_ms",
    ],
];

/// Measures, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// The package does not build, or a host is missing.
pub async fn run() -> Result<()> {
    let run = RunDirectory::create("bench")?;
    let log = run.path().join("log");
    let target = extension::target_directory()?;
    let project = Project::make(&target, run.path(), &log).await?;
    let hosts = hosts(&project, run.path(), &log).await?;
    let data = paths::checkout().join("conformance");
    let golden = std::fs::read_to_string(data.join(GOLDEN))?;
    let texts: Vec<_> = golden
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .collect();

    let mut native = f64::INFINITY;
    let mut measured: [Vec<Value>; 3] = Default::default();
    for _ in 0..TURNS {
        native = native.min(microseconds(&texts));
        for (host, of_host) in hosts.iter().zip(&mut measured) {
            of_host.push(measure(host, &project.directory, &data).await?);
        }
    }

    let mut report = Report::new(&TARGETS, &COMPARATORS);
    for size in ["gzip_mb", "raw_mb"] {
        let bytes = measured[2].iter().map(|said| figure(said, size)).collect();
        report.ratio(size, median(bytes));
    }
    report.ratio("native_us", native);
    for ([ratio, us, start, first], said) in HOSTS.into_iter().zip(&measured) {
        let of = |name| {
            said.iter()
                .map(|said| figure(said, name))
                .collect::<Vec<_>>()
        };
        let fastest = of("us").into_iter().fold(f64::INFINITY, f64::min);
        report.ratio(us, fastest);
        report.ratio(ratio, fastest / native);
        report.quantity(start, median(of("start_ms")));
        report.quantity(first, median(of("first_ms")));
    }
    report.print();
    Ok(())
}

/// A program and its arguments in front of where the data are.
struct Host {
    program: PathBuf,
    before: Vec<String>,
    after: Vec<PathBuf>,
    deno_directory: PathBuf,
}

async fn hosts(project: &Project, directory: &Path, log: &Path) -> Result<[Host; 3]> {
    ensure!(
        Path::new(wasm::CHROMIUM).exists(),
        "there is no {}: run dev/setup.sh test (Debian package chromium)",
        wasm::CHROMIUM
    );
    let node = downloads::node(log).await?;
    let host = |program: &Path, before: &[&str], after| Host {
        program: program.to_owned(),
        before: before.iter().map(|&word| word.to_owned()).collect(),
        after,
        deno_directory: directory.join("deno"),
    };
    let browser = vec![wasm::CHROMIUM.into(), downloads::playwright(log).await?];
    let checks = project.directory.join("checks");
    let script = |name: &str| checks.join(name).display().to_string();
    let (bench, in_browser) = (script("bench.js"), script("bench_browser.js"));
    Ok([
        host(&node, &[&bench], Vec::new()),
        host(
            &downloads::deno(log).await?,
            &["run", "--quiet", "--no-remote", "--allow-read", &bench],
            Vec::new(),
        ),
        host(&node, &[&in_browser], browser),
    ])
}

async fn measure(host: &Host, project: &Path, data: &Path) -> Result<Value> {
    let output = Command::new(&host.program)
        .args(&host.before)
        .arg(data)
        .args(&host.after)
        .current_dir(project)
        .env("DENO_DIR", &host.deno_directory)
        .output()
        .await
        .with_context(|| format!("cannot run {}", host.program.display()))?;
    ensure!(
        output.status.success(),
        "{} failed:\n{}",
        host.before.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn figure(said: &Value, name: &str) -> f64 {
    said[name].as_f64().unwrap_or(f64::NAN)
}

/// Microseconds a message in the fastest round, as in `wasm/tests/measure.js`.
fn microseconds(texts: &[&str]) -> f64 {
    let mut fastest = f64::INFINITY;
    for _ in 0..ROUNDS {
        let from = Instant::now();
        for _ in 0..REPETITIONS {
            for text in texts {
                black_box(score(black_box(text)));
            }
        }
        fastest = fastest.min(from.elapsed().as_secs_f64());
    }
    fastest * 1e6 / (texts.len() as f64 * f64::from(REPETITIONS))
}
