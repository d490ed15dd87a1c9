//! `up`: the stack left running; `reset`: what it keeps, removed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::ports::Ports;
use bondhu_stack::stack::{APP_ORIGIN, Engine, Stack, StackConfig};
use bondhu_stack::{paths, run_directory};

const LOOK_EVERY: Duration = Duration::from_millis(500);

fn directory() -> Result<PathBuf> {
    Ok(paths::state_directory()?.join("up"))
}

/// Starts the stack on fixed ports and keeps it up until a part of it fails; ending it is
/// the caller's, by dropping the future.
///
/// # Errors
/// It already runs, a port is in use, or a part does not start or ends by itself.
pub async fn up(engine: Engine) -> Result<()> {
    let directory = directory()?;
    let _lock = run_directory::lock(&directory)?;
    let ports = Ports::fixed()?;
    let engine = engine.build()?;
    println!(
        "Starting the stack; it keeps its data in {}",
        directory.display()
    );
    let config = StackConfig {
        directory: &directory,
        ports,
        keep: true,
        engine: engine.as_ref(),
    };
    let mut stack = Stack::start(&config, |said| println!("  ✓ {said}")).await?;
    println!("{}", directions(&stack));
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        stack.check_running()?;
    }
}

/// Removes what `up` keeps.
///
/// # Errors
/// The stack runs, or a file cannot be removed.
pub fn reset() -> Result<()> {
    let directory = directory()?;
    if !directory.exists() {
        println!("Nothing is kept in {}.", directory.display());
        return Ok(());
    }
    let _lock = run_directory::lock(&directory)?;
    fs::remove_dir_all(&directory)
        .with_context(|| format!("cannot remove {}", directory.display()))?;
    println!(
        "Removed {}. What cargo has built stays.",
        directory.display()
    );
    Ok(())
}

fn directions(stack: &Stack) -> String {
    let owner = stack.database_url("postgres");
    let superuser = stack.database_url(SUPERUSER);
    let api = stack.database_url("authenticator");
    let (redis, worker, standin) = (
        stack.redis.url(),
        stack.worker.url(),
        stack.standin.base_url(),
    );
    let log = stack.worker.log().display();
    format!(
        r#"
  Postgres   {owner}   (owner of the schema, no superuser)
             {superuser}
  Redis      {redis}
  Worker     {worker}/healthz  /readyz      log: {log}
  Stand-in   {standin}

Try this. Sign somebody up:
  psql {superuser} -c "insert into auth.users (id, email) values ('11111111-1111-4111-8111-111111111111', 'ada@example.org')"
Write as that person, as the Data API would:
  psql {api}
    begin;
    select set_config('role', 'authenticated', true),
           set_config('request.jwt.claims', '{{"sub": "11111111-1111-4111-8111-111111111111", "role": "authenticated"}}', true);
    select start_session('laptop');
    insert into chat_messages (message_text) values ('I got the job, I am so happy!') returning mood_detected, sentiment_score;
    select jsonb_pretty(personality_context());
    select begin_connect('spotify', '{APP_ORIGIN}/');   -- open the URL; its answer carries the code for confirm_connect
    commit;
See it in Redis:
  redis-cli -u {redis} get 'chat:history:{{11111111-1111-4111-8111-111111111111}}:50'

Ctrl-C ends the stack; the data stay for the next `make up` (`make reset` removes them)."#
    )
}
