//! Output that the pages show: written there by a command, and found stale by a test.

mod blocks;
mod volatile;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use bondhu_stack::paths;

/// What is written anew unless somebody asks for another one: nothing here is measured, so that it
/// is the same on each machine.
const REPEATABLE: [&str; 2] = ["make demo", "make help"];

/// The pages of the repository, README first.
///
/// # Errors
/// `docs/` cannot be listed.
pub fn pages() -> Result<Vec<PathBuf>> {
    let checkout = paths::checkout();
    let mut pages = Vec::new();
    for entry in fs::read_dir(checkout.join("docs")).context("docs/")? {
        let page = entry?.path();
        if page.extension().is_some_and(|extension| extension == "md") {
            pages.push(page);
        }
    }
    pages.sort();
    let first = ["README.md", "CONTRIBUTING.md"].map(|page| checkout.join(page));
    pages.splice(0..0, first);
    Ok(pages)
}

/// Runs the commands whose output the pages show, and writes it there: those of [`REPEATABLE`], or the
/// one whose target is `target`. What is measured gets the commit and the machine in front.
///
/// # Errors
/// No page shows that target, or a command fails: its block stays as it was.
pub async fn refresh(target: Option<&str>) -> Result<()> {
    let mut shown: Vec<String> = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        shown.extend(blocks::commands(&text).map(str::to_owned));
    }
    shown.sort();
    shown.dedup();
    let wanted = |command: &String| match target {
        None => REPEATABLE.contains(&command.as_str()),
        Some(target) => command.split_whitespace().nth(1) == Some(target),
    };
    let chosen: Vec<_> = shown.iter().filter(|command| wanted(command)).collect();
    if chosen.is_empty() {
        bail!(
            "no page shows the output of `make {}`; they show: {}",
            target.unwrap_or_default(),
            shown.join(", ")
        );
    }
    for command in chosen {
        let mut output = output(command).await?;
        if !REPEATABLE.contains(&command.as_str()) {
            // A bench prints its figures as they come, and ends with the table of all of them.
            let table = output.rsplit("\n\n").next().unwrap_or_default();
            output = format!("{}\n\n{table}", origin().await?);
        }
        for page in pages()? {
            let text = fs::read_to_string(&page)?;
            let (Some(shown), Some(written)) = (
                blocks::shown(&text, command),
                blocks::filled(&text, command, &output),
            ) else {
                continue;
            };
            if volatile::difference(shown, &output).is_none() {
                println!("{}: {command} is current", page.display());
                continue;
            }
            fs::write(&page, written)
                .with_context(|| format!("cannot write {}", page.display()))?;
            println!("{}: {command}", page.display());
        }
    }
    Ok(())
}

/// That the pages show what `command` has just printed, apart from what differs in every run.
///
/// # Errors
/// No page shows it, or one shows another output: the first line that differs is told.
pub fn same(command: &str, printed: &str) -> Result<()> {
    let mut found = false;
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        let Some(shown) = blocks::shown(&text, command) else {
            continue;
        };
        found = true;
        if let Some((shown, printed)) = volatile::difference(shown, printed) {
            bail!(
                "{} shows another output of `{command}` than the present one; run `make figures`\n  shown   {shown}\n  printed {printed}",
                page.display()
            );
        }
    }
    ensure!(found, "no page shows the output of `{command}`");
    Ok(())
}

/// What a command prints on its standard output; it is shown while it comes.
async fn output(command: &str) -> Result<String> {
    let mut words = command.split_whitespace();
    let program = words.next().context("a command")?;
    let mut child = Command::new(program)
        .args(words)
        .current_dir(paths::checkout())
        // What the make that runs this was told is not meant for the next one.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKEOVERRIDES")
        .env_remove("MAKELEVEL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {command}"))?;
    let stdout = child.stdout.take().context("a pipe")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut output = String::new();
    while let Some(line) = lines.next_line().await? {
        println!("{line}");
        if !volatile::is_progress(&line) {
            output += line.trim_end();
            output.push('\n');
        }
    }
    let status = child.wait().await?;
    ensure!(
        status.success(),
        "`{command}` failed ({status}): the pages stay as they were"
    );
    Ok(output.trim_matches('\n').to_owned())
}

/// The commit and the machine that a figure is of.
async fn origin() -> Result<String> {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .current_dir(paths::checkout())
        .output()
        .await
        .context("cannot run git")?;
    ensure!(git.status.success(), "git does not know this checkout");
    let commit = String::from_utf8_lossy(&git.stdout).trim().to_owned();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    Ok(format!("commit {commit}, {model}, {cores} cores"))
}
