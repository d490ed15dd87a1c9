//! `make test`: every check that has to pass, on servers of its own.

mod adoption_steps;
mod client_steps;
mod function_steps;
mod lifecycle_steps;
mod migration_steps;
mod rust_steps;
mod schema_snapshot;
mod supabase_steps;
mod tally;
mod test_run;
mod wasm_steps;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::extension_sql;
use bondhu_stack::installation::Installation;
use bondhu_stack::paths;
use tally::Tally;
use test_run::{Server, TestRun};

/// What a failed step shows; the rest is in its log.
const LINES_OF_A_FAILURE: usize = 120;

/// In this order: what fails fast and says most comes first.
const STEPS: [(&str, Step); 40] = [
    ("format", Step::Format),
    ("clippy", Step::Clippy),
    ("docs", Step::Docs),
    ("fuzz targets: clippy", Step::ClippyFuzz),
    ("engine: build for PostgreSQL 15", Step::EngineFifteen),
    ("engine: clippy", Step::ClippyEngine),
    ("engine: committed SQL is current", Step::ExtensionSql),
    ("engine: build for PostgreSQL 17", Step::EngineSeventeen),
    ("engine: build for PostgreSQL 18", Step::EngineEighteen),
    ("tests", Step::Tests),
    ("engine tests on PostgreSQL 17", Step::EngineTestsOn17),
    ("engine tests on PostgreSQL 18", Step::EngineTestsOn18),
    ("engine tests with the portable engine", Step::PortableTests),
    (
        "engine tests with the portable engine on PostgreSQL 17",
        Step::PortableTestsOn17,
    ),
    (
        "engine tests with the portable engine on PostgreSQL 18",
        Step::PortableTestsOn18,
    ),
    ("pgTAP", Step::Pgtap),
    ("pgTAP on PostgreSQL 17", Step::PgtapOn17),
    ("pgTAP on PostgreSQL 18", Step::PgtapOn18),
    ("pgTAP with the portable engine", Step::PgtapPortable),
    ("migrations build what sql/ builds", Step::Migrations),
    // The next one gives its server an engine.
    ("supabase db lint without the engine", Step::LintBare),
    ("an engine can come later", Step::EngineLater),
    ("an engine that goes leaves no trace", Step::EngineGone),
    ("a project upgraded from 15", Step::Upgraded),
    ("uninstalling leaves no trace", Step::Uninstalling),
    ("adopting an app's data", Step::Adopting),
    ("supabase db advisors", Step::Advisors),
    ("supabase db lint", Step::Lint),
    ("generated types are current", Step::Types),
    ("wasm: clippy and docs", Step::ClippyWasm),
    ("wasm: the committed copy is current", Step::WasmCurrent),
    ("wasm: in Node", Step::WasmInNode),
    ("wasm: in Deno", Step::WasmInDeno),
    ("wasm: in a browser", Step::WasmInBrowser),
    ("TypeScript", Step::TypeScript),
    ("supabase-js", Step::SupabaseJs),
    (
        "supabase-js where an app was adopted",
        Step::SupabaseJsAdopted,
    ),
    ("edge functions", Step::Functions),
    ("end to end: the demo", Step::Demo),
    ("the demo with the portable engine", Step::DemoPortable),
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Format,
    Clippy,
    Docs,
    ClippyFuzz,
    EngineFifteen,
    ClippyEngine,
    ExtensionSql,
    EngineSeventeen,
    EngineEighteen,
    Tests,
    EngineTestsOn17,
    EngineTestsOn18,
    PortableTests,
    PortableTestsOn17,
    PortableTestsOn18,
    Pgtap,
    PgtapOn17,
    PgtapOn18,
    PgtapPortable,
    Migrations,
    EngineLater,
    EngineGone,
    Upgraded,
    Uninstalling,
    Adopting,
    Advisors,
    Lint,
    LintBare,
    Types,
    ClippyWasm,
    WasmCurrent,
    WasmInNode,
    WasmInDeno,
    WasmInBrowser,
    TypeScript,
    SupabaseJs,
    SupabaseJsAdopted,
    Functions,
    Demo,
    DemoPortable,
}

impl Step {
    async fn run(self, run: &mut TestRun) -> Result<Tally> {
        match self {
            Self::Format => rust_steps::format(run).await,
            Self::Clippy => rust_steps::clippy(run).await,
            Self::Docs => rust_steps::docs(run).await,
            Self::ClippyFuzz => rust_steps::clippy_fuzz(run).await,
            Self::EngineFifteen => run.server(Server::Fifteen).await.map(|_| Tally::ONE),
            Self::ClippyEngine => rust_steps::clippy_engine(run).await,
            Self::ExtensionSql => rust_steps::extension_sql_is_current(run).await,
            Self::EngineSeventeen => run.server(Server::Seventeen).await.map(|_| Tally::ONE),
            Self::EngineEighteen => run.server(Server::Eighteen).await.map(|_| Tally::ONE),
            Self::Tests => rust_steps::tests(run).await,
            Self::EngineTestsOn17 => rust_steps::engine_tests_on(run, Server::Seventeen).await,
            Self::EngineTestsOn18 => rust_steps::engine_tests_on(run, Server::Eighteen).await,
            Self::PortableTests => rust_steps::portable_tests_on(run, Server::Fifteen).await,
            Self::PortableTestsOn17 => rust_steps::portable_tests_on(run, Server::Seventeen).await,
            Self::PortableTestsOn18 => rust_steps::portable_tests_on(run, Server::Eighteen).await,
            Self::Pgtap => supabase_steps::pgtap(run, Server::Fifteen).await,
            Self::PgtapOn17 => supabase_steps::pgtap(run, Server::Seventeen).await,
            Self::PgtapOn18 => supabase_steps::pgtap(run, Server::Eighteen).await,
            Self::PgtapPortable => supabase_steps::pgtap(run, Server::SeventeenBare).await,
            Self::Migrations => migration_steps::same_database(run).await,
            Self::EngineLater => lifecycle_steps::engine_comes_later(run).await,
            Self::EngineGone => lifecycle_steps::engine_leaves_no_trace(run).await,
            Self::Upgraded => lifecycle_steps::upgraded_project(run).await,
            Self::Uninstalling => lifecycle_steps::uninstalling(run).await,
            Self::Adopting => adoption_steps::adopting(run).await,
            Self::Advisors => supabase_steps::advisors(run).await,
            Self::Lint => supabase_steps::lint(run, Server::Fifteen).await,
            Self::LintBare => supabase_steps::lint_detached(run, Server::FifteenBare).await,
            Self::Types => supabase_steps::types_are_current(run).await,
            Self::ClippyWasm => wasm_steps::clippy(run).await,
            Self::WasmCurrent => wasm_steps::is_current().await,
            Self::WasmInNode => wasm_steps::in_node(run).await,
            Self::WasmInDeno => wasm_steps::in_deno(run).await,
            Self::WasmInBrowser => wasm_steps::in_browser(run).await,
            Self::TypeScript => client_steps::typescript(run).await,
            Self::SupabaseJs => client_steps::supabase_js(run).await,
            Self::SupabaseJsAdopted => client_steps::supabase_js_adopted(run).await,
            Self::Functions => function_steps::suite(run).await,
            Self::Demo => rust_steps::demo(run, "native").await,
            Self::DemoPortable => rust_steps::demo(run, "portable").await,
        }
    }
}

/// Runs the steps whose name contains `only`, one line each, and sums up.
///
/// # Errors
/// There is no step to run, or its directory cannot be made. A failed test is no error here: the
/// summary and the exit code say so.
pub async fn run(only: Option<&str>) -> Result<ExitCode> {
    let chosen: Vec<_> = STEPS
        .iter()
        .filter(|(name, _)| only.is_none_or(|part| name.contains(part)))
        .collect();
    if chosen.is_empty() {
        bail!(
            "no step's name contains {:?}; there are: {}",
            only.unwrap_or_default(),
            STEPS.map(|(name, _)| name).join(", ")
        );
    }
    let mut run = TestRun::set_up()?;
    let mut total = Tally::default();
    for (name, step) in chosen {
        total.add(report(&mut run, name, *step).await?);
    }
    drop(run);
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn report(run: &mut TestRun, name: &str, step: Step) -> Result<Tally> {
    run.begin(name);
    print!("{name:<36}");
    std::io::stdout().flush()?;
    let begun = Instant::now();
    let (tally, complaint) = match step.run(run).await {
        Ok(tally) => (tally, None),
        Err(error) => (
            Tally {
                passed: 0,
                failed: 1,
            },
            Some(format!("{error:#}")),
        ),
    };
    let failures = if tally.failed == 0 {
        "ok".to_owned()
    } else {
        format!("{} FAILED", tally.failed)
    };
    println!(
        "{:>6} passed  {:>7.1} s  {failures}",
        tally.passed,
        begun.elapsed().as_secs_f64()
    );
    if tally.failed > 0 {
        let log = std::fs::read(run.log()).unwrap_or_default();
        println!(
            "{}",
            tally::what_failed(&String::from_utf8_lossy(&log), LINES_OF_A_FAILURE)
        );
        if let Some(complaint) = complaint {
            println!("{complaint}");
        }
        println!("  all of it: {}", run.log().display());
    }
    Ok(tally)
}

/// Writes the database's TypeScript types anew.
///
/// # Errors
/// The CLI fails, or the file cannot be written.
pub async fn write_types() -> Result<PathBuf> {
    let mut run = TestRun::set_up()?;
    run.begin("types");
    let types = supabase_steps::generate_types(&mut run).await?;
    let file = supabase_steps::types_file();
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(&file, types).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Writes the extension's SQL anew.
///
/// # Errors
/// The extension does not build, or the file cannot be written.
pub fn write_extension_sql() -> Result<PathBuf> {
    let engine = bondhu_stack::extension::build(
        &Installation::debian_15()?,
        std::process::Stdio::inherit(),
    )?;
    let file = paths::extension_sql()?;
    std::fs::write(
        &file,
        extension_sql::generate(&engine.library, &engine.control)?,
    )?;
    Ok(file)
}
