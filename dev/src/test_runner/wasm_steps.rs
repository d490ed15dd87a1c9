//! The npm package, installed as people install it, where they run it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use tokio::process::Command;

use super::tally::{self, Tally};
use super::test_run::TestRun;
use crate::wasm::project::Project;
use crate::wasm::{self, CHROMIUM};
use bondhu_stack::{downloads, job, paths};

const PACKAGES: [&str; 4] = ["-p", "bondhu-wasm", "-p", "bondhu-wasm-pack"];

/// Both crates, and the tests of the glue that need no host.
pub(super) async fn clippy(run: &mut TestRun) -> Result<Tally> {
    let commands = [
        (
            ["clippy", "--locked", "--all-targets"],
            &["--", "-D", "warnings"][..],
        ),
        (["doc", "--locked", "--no-deps"], &[]),
        (["test", "--locked", "--no-fail-fast"], &[]),
    ];
    for (command, rest) in commands {
        let mut cargo = run.cargo(&command);
        cargo
            .args(PACKAGES)
            .args(rest)
            .env("RUSTDOCFLAGS", "-D warnings");
        job::succeed(&mut cargo, &run.log()).await?;
    }
    let mut tally = tally::count_cargo_tests(&run.read_log());
    tally.add(Tally {
        passed: 2,
        failed: 0,
    });
    Ok(tally)
}

/// What edge functions are deployed with is made of the present code.
pub(super) async fn is_current() -> Result<Tally> {
    wasm::is_current().await?;
    Ok(Tally::ONE)
}

/// In a new project, and its types as its authors' compiler sees them.
pub(super) async fn in_node(run: &mut TestRun) -> Result<Tally> {
    let project = project(run).await?;
    let node = downloads::node(&run.log()).await?;
    let node = || {
        let mut node = Command::new(&node);
        node.current_dir(&project);
        node
    };
    let mut tally = Tally::default();
    for how in [&[][..], &["embedded"], &["compiled"]] {
        let mut checks = node();
        checks.arg("checks/node.js").arg(data()).args(how);
        tally.add(tap(run, checks).await?);
    }
    let tsc = downloads::tsc(&run.log()).await?;
    for (module, resolution) in [("nodenext", "nodenext"), ("esnext", "bundler")] {
        let mut check = node();
        check
            .arg(&tsc)
            .args(["--noEmit", "--strict", "--target", "es2022"])
            .args(["--lib", "es2022,dom", "--module", module])
            .args(["--moduleResolution", resolution, "--ignoreConfig"])
            .arg("checks/types.ts");
        job::succeed(&mut check, &run.log()).await?;
        tally.add(Tally::ONE);
    }
    Ok(tally)
}

/// The package and the committed copy, whose types are checked, too.
pub(super) async fn in_deno(run: &mut TestRun) -> Result<Tally> {
    let project = project(run).await?;
    let deno = downloads::deno(&run.log()).await?;
    let home = run.directory("home")?;
    let deno = |arguments: &[&str]| {
        let mut deno = Command::new(&deno);
        deno.args(arguments)
            .current_dir(&project)
            .env("DENO_DIR", home.join("deno"))
            .env("DENO_NO_UPDATE_CHECK", "1")
            .env("NO_COLOR", "1");
        deno
    };
    let entry = wasm::entry();
    let (data, shared) = (data(), entry.with_file_name(""));
    let mut tally = Tally::default();
    for module in ["bondhu-wasm".as_ref(), entry.as_path()] {
        // The package needs no permission: the checks read their data, and Deno what it imports by path.
        let mut command = deno(&["run", "--no-remote", "--no-prompt"]);
        command
            .arg(format!(
                "--allow-read={},{}",
                data.display(),
                shared.display()
            ))
            .arg("checks/deno.js")
            .args([module, &data]);
        tally.add(tap(run, command).await?);
    }
    let consumer = project.join("checks/types_of_copy.ts");
    let types = fs::read_to_string(project.join("checks/types.ts"))?;
    let types = types.replace("'bondhu-wasm'", &format!("'{}'", entry.display()));
    fs::write(&consumer, types)?;
    let mut check = deno(&["check", "--no-remote"]);
    job::succeed(check.arg(&consumer), &run.log()).await?;
    tally.add(Tally::ONE);
    Ok(tally)
}

/// As it is, and in a bundle.
pub(super) async fn in_browser(run: &mut TestRun) -> Result<Tally> {
    let project = project(run).await?;
    ensure!(
        Path::new(CHROMIUM).exists(),
        "there is no {CHROMIUM}: run dev/setup.sh test (Debian package chromium)"
    );
    let mut node = Command::new(downloads::node(&run.log()).await?);
    node.arg("checks/browser.js")
        .arg(data())
        .arg(CHROMIUM)
        .arg(downloads::playwright(&run.log()).await?)
        .arg(downloads::vite(&run.log()).await?)
        .current_dir(&project)
        .env("HOME", run.directory("home")?);
    tap(run, node).await
}

/// Where the cases are that every host has to give.
fn data() -> PathBuf {
    paths::checkout().join("conformance")
}

async fn project(run: &TestRun) -> Result<PathBuf> {
    let directory = run.directory("wasm")?;
    let project = Project::make(run.target(), &directory, &run.log()).await?;
    Ok(project.directory)
}

/// Runs a command that writes lines of the Test Anything Protocol.
async fn tap(run: &TestRun, mut command: Command) -> Result<Tally> {
    let before = tally::count_tap(&run.read_log());
    let status = job::run(&mut command, &run.log()).await?;
    let all = tally::count_tap(&run.read_log());
    Ok(tally::verdict(
        status,
        Tally {
            passed: all.passed - before.passed,
            failed: all.failed - before.failed,
        },
    ))
}
