//! What cargo checks.

use std::fs::File;

use anyhow::{Result, ensure};
use tokio::process::Command;

use super::tally::{self, Tally};
use super::test_run::{Server, TestRun};
use crate::{extension_sql, figures};
use bondhu_stack::installation::Installation;
use bondhu_stack::supabase::data_api::{self, Profile};
use bondhu_stack::{job, paths, template, testing};

pub(super) async fn format(run: &mut TestRun) -> Result<Tally> {
    job::succeed(&mut run.cargo(&["fmt", "--all", "--check"]), &run.log()).await?;
    Ok(Tally::ONE)
}

pub(super) async fn clippy(run: &mut TestRun) -> Result<Tally> {
    let arguments = [
        "clippy",
        "--locked",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    job::succeed(&mut run.cargo(&arguments), &run.log()).await?;
    Ok(Tally::ONE)
}

/// The engine for 15; it shares its dependencies' build scripts with the release build.
pub(super) async fn clippy_engine(run: &mut TestRun) -> Result<Tally> {
    let arguments = [
        "clippy",
        "--release",
        "--locked",
        "-p",
        "bondhu",
        "--no-default-features",
        "--features",
        "pg15",
        "--",
        "-D",
        "warnings",
    ];
    let mut cargo = run.cargo(&arguments);
    cargo
        .env("CARGO_TARGET_DIR", run.target().join("extension-pg15"))
        .env(
            "PGRX_PG_CONFIG_PATH",
            Installation::debian_15()?.pg_config(),
        );
    job::succeed(&mut cargo, &run.log()).await?;
    Ok(Tally::ONE)
}

/// The fuzz targets, without the fuzzer that only a nightly compiler can link.
pub(super) async fn clippy_fuzz(run: &mut TestRun) -> Result<Tally> {
    let arguments = [
        "clippy",
        "--locked",
        "-p",
        "bondhu-fuzz",
        "--",
        "-D",
        "warnings",
    ];
    let mut cargo = run.cargo(&arguments);
    // Otherwise its build script would compile libFuzzer, and need a C++ compiler.
    cargo.env("CUSTOM_LIBFUZZER_PATH", "/nowhere/libfuzzer.a");
    job::succeed(&mut cargo, &run.log()).await?;
    Ok(Tally::ONE)
}

pub(super) async fn docs(run: &mut TestRun) -> Result<Tally> {
    let mut cargo = run.cargo(&["doc", "--locked", "--no-deps", "--document-private-items"]);
    job::succeed(
        cargo.env(
            "RUSTDOCFLAGS",
            "-D warnings -A rustdoc::private_intra_doc_links",
        ),
        &run.log(),
    )
    .await?;
    Ok(Tally::ONE)
}

/// Every test of `core`, `sync-worker` and `dev`, on PostgreSQL 15.
pub(super) async fn tests(run: &mut TestRun) -> Result<Tally> {
    let cargo = run.cargo(&["test", "--locked", "--no-fail-fast"]);
    cargo_test(run, Server::Fifteen, cargo).await
}

/// Not of one package: its dependencies would be built again, with other features.
const ENGINE_TESTS: [&str; 5] = ["test", "--locked", "--no-fail-fast", "--test", "engine"];

/// The engine's tests again, on another PostgreSQL.
pub(super) async fn engine_tests_on(run: &mut TestRun, server: Server) -> Result<Tally> {
    let cargo = run.cargo(&ENGINE_TESTS);
    cargo_test(run, server, cargo).await
}

/// The same with the portable engine.
pub(super) async fn portable_tests_on(run: &mut TestRun, server: Server) -> Result<Tally> {
    let mut cargo = run.cargo(&ENGINE_TESTS);
    cargo.env(template::ENGINE, template::PORTABLE);
    cargo_test(run, server, cargo).await
}

async fn cargo_test(run: &mut TestRun, server: Server, mut cargo: Command) -> Result<Tally> {
    let url = run.server(server).await?.superuser()?;
    cargo.env(testing::POSTGRES_URL, url.as_str());
    let status = job::run(&mut cargo, &run.log()).await?;
    Ok(tally::verdict(
        status,
        tally::count_cargo_tests(&run.read_log()),
    ))
}

/// The committed SQL of the extension is what the library describes.
pub(super) async fn extension_sql_is_current(run: &mut TestRun) -> Result<Tally> {
    let engine = run.engine(Server::Fifteen).await?;
    let generated = extension_sql::generate(&engine.library, &engine.control)?;
    let committed = std::fs::read_to_string(paths::extension_sql()?)?;
    ensure!(
        generated == committed,
        "{} is not what the extension describes: run `bondhu-dev extension-sql`",
        paths::extension_sql()?.display()
    );
    Ok(Tally::ONE)
}

/// The way of a message, in a process of its own; the pages show what it prints.
pub(super) async fn demo(run: &mut TestRun, engine: &str) -> Result<Tally> {
    // Without it the demo leaves out its talk with the companion.
    let log = File::options().create(true).append(true).open(run.log())?;
    data_api::build(Profile::Dev, log).await?;
    // Not the program that runs: cargo may have put a newer one in its place.
    let mut demo = Command::new(run.target().join("debug/bondhu-dev"));
    let status = job::run(
        demo.args(["demo", "--engine", engine])
            .env("CARGO_TARGET_DIR", run.target()),
        &run.log(),
    )
    .await?;
    let said = run.read_log();
    let mut tally = Tally::default();
    for line in said.lines().map(str::trim_start) {
        tally.passed += u64::from(line.starts_with("✓ "));
        tally.failed += u64::from(line.starts_with("✗ "));
    }
    ensure!(
        status.success() == said.trim_end().ends_with("demo: ok"),
        "the demo's last line and its exit code disagree"
    );
    if status.success() {
        // In front of the demo stands what cargo had to say.
        let begin = said.find("\n1. ").unwrap_or_default();
        // Another engine says the same, but for its name.
        let said = said[begin..].replace(&format!("bondhu_{engine}"), "bondhu_native");
        figures::same("make demo", &said)?;
        tally.add(Tally::ONE);
    }
    Ok(tally::verdict(status, tally))
}
