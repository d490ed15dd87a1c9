//! What the command line says when it cannot do what it is asked to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn bondhu_dev(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bondhu-dev"));
    command.args(arguments).env("BONDHU_STATE_DIR", state);
    command
}

#[track_caller]
fn refused(output: &Output, says: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it went through: {said}");
    for part in says {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

fn demo_with(contents: &[u8]) -> Output {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("data.tsv");
    fs::write(&file, contents).unwrap();
    let file = file.to_str().unwrap();
    bondhu_dev(directory.path(), &["demo", "--data", file])
        .output()
        .unwrap()
}

#[test]
fn a_demo_without_its_file_says_which_one_is_missing() {
    let directory = TempDir::new().unwrap();
    let output = bondhu_dev(directory.path(), &["demo", "--data", "/nowhere/lines.tsv"])
        .output()
        .unwrap();
    refused(&output, &["/nowhere/lines.tsv", "DATA", "No such file"]);
}

#[test]
fn a_demo_refuses_a_directory() {
    let directory = TempDir::new().unwrap();
    let output = bondhu_dev(
        directory.path(),
        &["demo", "--data", directory.path().to_str().unwrap()],
    )
    .output()
    .unwrap();
    refused(&output, &["DATA", "directory"]);
}

#[test]
fn a_demo_refuses_a_file_with_nothing_to_say() {
    refused(&demo_with(b""), &["no line that can be sent"]);
    refused(
        &demo_with(b"text\tlabel\n\tjoy\n  \n"),
        &["no line that can be sent"],
    );
}

#[test]
fn a_demo_refuses_a_file_that_is_no_text() {
    refused(&demo_with(b"\x7fELF\0\0\0"), &["no text in UTF-8"]);
    refused(&demo_with(b"caf\xe9\n"), &["no text in UTF-8"]);
}

#[test]
fn a_port_in_use_is_named_with_the_variable_that_moves_it() {
    let state = TempDir::new().unwrap();
    for variable in [
        "BONDHU_POSTGRES_PORT",
        "BONDHU_REDIS_PORT",
        "BONDHU_WORKER_PORT",
        "BONDHU_STANDIN_PORT",
    ] {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let mut up = bondhu_dev(state.path(), &["up"]);
        for other in [
            "BONDHU_POSTGRES_PORT",
            "BONDHU_REDIS_PORT",
            "BONDHU_WORKER_PORT",
            "BONDHU_STANDIN_PORT",
        ] {
            up.env(other, free_port());
        }
        let output = up.env(variable, &port).output().unwrap();
        refused(&output, &[variable, &port]);
    }
}

#[test]
fn a_port_that_is_no_port_is_refused() {
    let state = TempDir::new().unwrap();
    let output = bondhu_dev(state.path(), &["up"])
        .env("BONDHU_POSTGRES_PORT", "postgres")
        .output()
        .unwrap();
    refused(&output, &["BONDHU_POSTGRES_PORT=postgres is not a port"]);
}

#[test]
fn a_running_stack_is_neither_started_again_nor_reset() {
    let state = TempDir::new().unwrap();
    fs::create_dir(state.path().join("up")).unwrap();
    let lock = File::create(state.path().join("up/lock")).unwrap();
    lock.lock().unwrap();
    for command in ["up", "reset"] {
        let output = bondhu_dev(state.path(), &[command]).output().unwrap();
        refused(&output, &["in use", "already runs", "Ctrl-C"]);
    }
}

#[test]
fn reset_removes_what_is_kept_and_nothing_else() {
    let state = TempDir::new().unwrap();
    fs::create_dir_all(state.path().join("up/data")).unwrap();
    fs::create_dir_all(state.path().join("downloads")).unwrap();
    assert!(
        bondhu_dev(state.path(), &["reset"])
            .status()
            .unwrap()
            .success()
    );
    assert!(!state.path().join("up").exists());
    assert!(state.path().join("downloads").exists());
    assert!(
        bondhu_dev(state.path(), &["reset"])
            .status()
            .unwrap()
            .success(),
        "resetting twice is no error"
    );
}

#[test]
fn a_step_that_does_not_exist_is_answered_with_those_that_do() {
    let state = TempDir::new().unwrap();
    let output = bondhu_dev(state.path(), &["test", "--only", "moonlight"])
        .output()
        .unwrap();
    refused(&output, &["moonlight", "pgTAP"]);
}

#[test]
fn a_migration_is_named_in_lower_case() {
    let state = TempDir::new().unwrap();
    let output = bondhu_dev(state.path(), &["migration", "Add Things"])
        .output()
        .unwrap();
    refused(&output, &["a-z, 0-9 and _"]);
}

fn free_port() -> String {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string()
}
