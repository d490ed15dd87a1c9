//! Configuration: what is required, what is refused, and what the words are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::{Command, Output};

use sync_worker::config::variables::{self, Variable};
use sync_worker::config::{
    ConfigError, DatabaseConfig, Environment, HttpConfig, MirrorConfig, SyncConfig, TokenKey,
};
use sync_worker::telemetry::LogConfig;

fn env(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().copied().collect()
}

fn worker(arguments: &[&str], pairs: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_sync-worker"))
        .args(arguments)
        .current_dir(&directory)
        .env_clear()
        .envs(pairs.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_missing_variable_is_named_with_what_it_is_and_an_example() {
    let error = DatabaseConfig::from_env(&env(&[])).unwrap_err();
    assert_eq!(error.variable(), Some("DATABASE_URL"));
    assert_eq!(
        error.to_string(),
        "DATABASE_URL is not set.\n  \
         It is: Postgres as role bondhu_worker (session mode: not Supabase's transaction pooler).\n  \
         Example: DATABASE_URL=postgres://bondhu_worker:secret@db.example.com:5432/postgres?sslmode=verify-full"
    );
}

#[test]
fn the_process_says_so_on_standard_error_and_fails() {
    for subcommand in [
        &["run"][..],
        &["sync", "--once"],
        &["mirror"],
        &["cron", "list"],
    ] {
        let output = worker(subcommand, &[]);
        assert!(!output.status.success(), "{subcommand:?}");
        let said = text(&output.stderr);
        assert!(
            said.starts_with("error: DATABASE_URL is not set.\n"),
            "{subcommand:?}: {said}"
        );
    }
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let error = DatabaseConfig::from_env(&env(&[("DATABASE_URL", "  ")])).unwrap_err();
    assert!(matches!(error, ConfigError::Missing(_)), "{error}");
}

#[test]
fn a_value_that_cannot_be_used_is_refused_and_never_shown() {
    let wrong = |variable: &'static str, value: &str| -> String {
        let mut pairs = vec![
            ("DATABASE_URL", "postgres://u:hunter2@h/d"),
            ("BONDHU_REPLICATION_URL", "postgres://u:hunter2@h/d"),
            ("REDIS_URL", "redis://:hunter2@h"),
            (
                "BONDHU_TOKEN_KEYS",
                "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            ),
            ("SPOTIFY_CLIENT_ID", "id"),
            ("SPOTIFY_CLIENT_SECRET", "hunter2"),
        ];
        pairs.retain(|(name, _)| *name != variable);
        pairs.push((variable, value));
        let env = env(&pairs);
        let error = DatabaseConfig::from_env(&env)
            .map(drop)
            .and_then(|()| MirrorConfig::from_env(&env).map(drop))
            .and_then(|()| SyncConfig::from_env(&env).map(drop))
            .and_then(|()| HttpConfig::from_env(&env).map(drop))
            .and_then(|()| LogConfig::from_env(&env).map(drop))
            .unwrap_err();
        assert_eq!(error.variable(), Some(variable), "{error}");
        let said = error.to_string();
        assert!(!said.contains("hunter2"), "{said}");
        said
    };
    assert!(
        wrong("DATABASE_URL", "mysql://u:hunter2@h/d").contains("postgres:// or postgresql://")
    );
    assert!(wrong("REDIS_URL", "http://hunter2").contains("redis:// or rediss://"));
    assert!(wrong("BONDHU_SLOT", "Bondhu-Mirror").contains("a-z, 0-9 and _"));
    assert!(wrong("BONDHU_SYNC_CONCURRENCY", "0").contains("from 1 to 256"));
    assert!(wrong("BONDHU_HTTP_ADDR", "8787").contains("address and port"));
    assert!(wrong("BONDHU_PUBLIC_URL", "worker.example.com").contains("URL"));
    assert!(wrong("BONDHU_LOG", "sync_worker=loud").contains("filter"));
    assert!(wrong("BONDHU_LOG_FORMAT", "xml").contains("text nor json"));
    assert!(wrong("BONDHU_TOKEN_KEYS", "hunter2").contains("entry 1"));
    assert!(wrong("BONDHU_TOKEN_KEYS", "k1:aHVudGVyMg==").contains("7 bytes, not 32"));
    assert!(wrong("SPOTIFY_CLIENT_SECRET", "").contains("is not set"));
}

#[test]
fn secrets_do_not_show_when_a_configuration_is_debugged() {
    let env = env(&[
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        (
            "BONDHU_TOKEN_KEYS",
            "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ),
        ("SPOTIFY_CLIENT_ID", "id"),
        ("SPOTIFY_CLIENT_SECRET", "hunter2"),
    ]);
    let shown = format!(
        "{:?}{:?}",
        DatabaseConfig::from_env(&env).unwrap(),
        SyncConfig::from_env(&env).unwrap()
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("AAECAw"),
        "{shown}"
    );
}

#[test]
fn what_is_not_needed_is_not_asked_for() {
    let bare = env(&[("DATABASE_URL", "postgres://h/d")]);
    assert!(
        MirrorConfig::optional_from_env(&bare).unwrap().is_none(),
        "no Redis, no mirror"
    );
    assert!(
        SyncConfig::optional_from_env(&bare).unwrap().is_none(),
        "no provider, no sync"
    );

    let with_redis = env(&[("REDIS_URL", "redis://h")]);
    let error = MirrorConfig::optional_from_env(&with_redis).unwrap_err();
    assert_eq!(
        error.variable(),
        Some("BONDHU_REPLICATION_URL"),
        "a mirror needs a stream"
    );
}

#[test]
fn a_new_key_is_one_the_worker_takes() {
    let output = worker(&["keygen", "2026-01"], &[]);
    assert!(output.status.success());
    let keys = TokenKey::parse_list(text(&output.stdout).trim()).unwrap();
    assert_eq!(keys[0].id, "2026-01");
    assert_ne!(
        output.stdout,
        worker(&["keygen", "2026-01"], &[]).stdout,
        "each is new"
    );

    let refused = worker(&["keygen", "no spaces"], &[]);
    assert!(
        text(&refused.stderr).contains("1 to 32 of a-z"),
        "{refused:?}"
    );
}

#[test]
fn a_dot_env_file_is_read_and_the_environment_wins() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join(".env"),
        "BONDHU_LOG_FORMAT=xml\nBONDHU_LOG=\"info\"\n",
    )
    .unwrap();
    let keygen = |pairs: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-worker"));
        command
            .arg("keygen")
            .current_dir(&directory)
            .env_clear()
            .envs(pairs.iter().copied());
        command.output().unwrap()
    };
    assert!(text(&keygen(&[]).stderr).contains("BONDHU_LOG_FORMAT cannot be used"));
    assert!(keygen(&[("BONDHU_LOG_FORMAT", "json")]).status.success());

    std::fs::write(
        directory.path().join(".env"),
        "SPOTIFY_CLIENT_SECRET=hunter2 'and more\n",
    )
    .unwrap();
    let broken = text(&keygen(&[]).stderr);
    assert!(broken.contains(".env cannot be read"), "{broken}");
    assert!(
        broken.contains("SPOTIFY_CLIENT_SECRET") && !broken.contains("hunter2"),
        "{broken}"
    );
}

#[test]
fn help_the_example_file_and_the_page_for_operators_list_every_variable() {
    let help = text(&worker(&["--help"], &[("DATABASE_URL", "postgres://u:hunter2@h/d")]).stdout);
    assert!(!help.contains("hunter2"), "values are never shown");
    let example = include_str!("../../.env.example");
    let page = include_str!("../../docs/operating.md");
    for Variable {
        name,
        what,
        default,
        secret,
        ..
    } in variables::ALL
    {
        let shown = match default {
            Some(default) => format!("`{default}`"),
            None if *secret => "secret".to_owned(),
            None => String::new(),
        };
        let row = format!("| `{name}` | {what} | {shown} |");
        assert!(page.contains(&row), "docs/operating.md lacks the row {row}");
        assert!(
            help.contains(&format!("\n  {name}\n")),
            "--help lacks {name}"
        );
        let written = example.lines().find_map(|line| {
            line.trim_start_matches("# ")
                .strip_prefix(&format!("{name}="))
        });
        let written = written.unwrap_or_else(|| panic!(".env.example lacks {name}"));
        if let Some(default) = default {
            assert_eq!(
                written, *default,
                ".env.example shows another default of {name}"
            );
        }
    }
}
