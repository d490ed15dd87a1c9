//! `up`: the stack left running; `reset`: what it keeps, removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench;
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::ports::Ports;
use bondhu_stack::stack::{Engine, Stack, StackConfig};
use bondhu_stack::supabase::Programs;
use bondhu_stack::supabase::data_api::{self, Profile};
use bondhu_stack::{downloads, paths, run_directory};

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
    let programs = supabase_programs(&directory).await?;
    println!(
        "Starting the stack; it keeps its data in {}",
        directory.display()
    );
    let config = StackConfig {
        directory: &directory,
        ports,
        keep: true,
        engine: engine.as_ref(),
        supabase: Some(&programs),
        app: &[],
    };
    let mut stack = Stack::start(&config, |said| println!("  ✓ {said}")).await?;
    let variables = directory.join("supabase.env");
    write_variables(&stack, &variables)?;
    println!("{}", directions(&stack, &variables, &programs.deno));
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
    let kept = [directory()?, bench::scale::directory()?];
    let kept: Vec<_> = kept.into_iter().filter(|of| of.exists()).collect();
    if kept.is_empty() {
        println!("Nothing is kept in {}.", directory()?.display());
    }
    for directory in kept {
        let _lock = run_directory::lock(&directory)?;
        fs::remove_dir_all(&directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
        println!(
            "Removed {}. What cargo has built stays.",
            directory.display()
        );
    }
    Ok(())
}

/// What Supabase's services run: the first time that takes minutes.
async fn supabase_programs(directory: &Path) -> Result<Programs> {
    let log = directory.join("downloads.log");
    Ok(Programs {
        data_api: data_api::build(Profile::Dev, Stdio::inherit()).await?,
        deno: downloads::deno(&log)
            .await
            .with_context(|| format!("see {}", log.display()))?,
    })
}

/// The file is its owner's alone: it holds the secret keys.
fn write_variables(stack: &Stack, file: &Path) -> Result<()> {
    fs::remove_file(file).ok();
    run_directory::write_secret(file, &(variables(stack) + &of_servers(stack)))
}

/// What servers and the functions' tests read besides.
fn of_servers(stack: &Stack) -> String {
    let database = ("SUPABASE_DB_URL".to_owned(), stack.database_url("postgres"));
    let variables = stack.function_environment.iter().chain([&database]);
    variables
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

fn variables(stack: &Stack) -> String {
    let supabase = stack.supabase.as_ref();
    supabase.map_or_else(String::new, |supabase| {
        supabase
            .variables()
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    })
}

fn directions(stack: &Stack, env_file: &Path, deno: &Path) -> String {
    let owner = stack.database_url("postgres");
    let superuser = stack.database_url(SUPERUSER);
    let (redis, worker, standin) = (
        stack.redis.url(),
        stack.worker.url(),
        stack.standin.base_url(),
    );
    let log = stack.worker.log().display();
    let (variables, env_file, deno) = (variables(stack), env_file.display(), deno.display());
    format!(
        r#"
  Postgres   {owner}   (owner of the schema, no superuser)
             {superuser}
  Redis      {redis}
  Worker     {worker}/healthz  /readyz      log: {log}
  Stand-in   {standin}

The project, for apps (these lines, and more for servers, are in {env_file}):
{variables}
Try this, as try.ts:
  import {{ createClient }} from 'npm:@supabase/supabase-js@2.119.1'
  const supabase = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_PUBLISHABLE_KEY')!)
  await supabase.auth.signInAnonymously()
  await supabase.rpc('start_session', {{ device_id: 'laptop' }})
  const sent = await supabase.from('chat_messages')
    .insert({{ message_text: 'I got the job, I am so happy!' }}).select('mood_detected, sentiment_score')
  console.log(sent.error ?? sent.data)
  console.log((await supabase.rpc('personality_context')).data)
  await supabase.auth.signOut()
Run it:
  {deno} run --allow-net --allow-env --env-file={env_file} try.ts

Ctrl-C ends the stack; the data stay for the next `make up` (`make reset` removes them)."#
    )
}
