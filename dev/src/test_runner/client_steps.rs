//! TypeScript, and Supabase's own client against the stack.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use serde_json::json;
use sqlx::postgres::PgPool;
use tokio::process::Command;
use uuid::Uuid;

use super::adoption_steps;
use super::tally::{self, Tally};
use super::test_run::{Server, TestRun};
use bondhu_stack::ports::Ports;
use bondhu_stack::schema::SqlFile;
use bondhu_stack::stack::{APP_ORIGIN, Stack, StackConfig};
use bondhu_stack::supabase::data_api::{self, Profile};
use bondhu_stack::supabase::{Programs, Supabase};
use bondhu_stack::{consent, downloads, job, paths};

/// The suite; what it reads of the environment is in its README.
const SUITE: &str = "conformance/client";

/// Folders of code for Deno.
const FOLDERS: [&str; 4] = [
    SUITE,
    "conformance/functions",
    "stack/functions",
    "supabase/functions",
];

/// Format, lint and types of all that Deno runs.
pub(super) async fn typescript(run: &mut TestRun) -> Result<Tally> {
    let mut tally = Tally::default();
    for folder in FOLDERS {
        for arguments in [["fmt", "--check"].as_slice(), &["lint"], &["check"]] {
            let mut deno = deno(run, Path::new(folder)).await?;
            job::succeed(deno.args(arguments).arg("."), &run.log())
                .await
                .with_context(|| format!("{folder}: deno {}", arguments.join(" ")))?;
            tally.add(Tally::ONE);
        }
    }
    Ok(tally)
}

/// The suite against a stack of its own, which can be asked everything.
pub(super) async fn supabase_js(run: &mut TestRun) -> Result<Tally> {
    let stack = project(run, "supabase-js", &[]).await?;
    suite(run, stack).await
}

/// The same, where an app was before.
pub(super) async fn supabase_js_adopted(run: &mut TestRun) -> Result<Tally> {
    let stack = project(run, "supabase-js-adopted", &adoption_steps::app()?).await?;
    suite(run, stack).await
}

async fn suite(run: &mut TestRun, mut stack: Stack) -> Result<Tally> {
    let supabase = stack.supabase.as_ref().context("Supabase's services")?;

    let mut suite = deno(run, Path::new(SUITE)).await?;
    suite
        .args(["task", "test", "--reporter=tap"])
        .envs(supabase.variables())
        .env("EXPIRED_ACCESS_TOKEN", expired_token(supabase)?)
        .env("BONDHU_WORKER_URL", stack.worker.url())
        .env("BONDHU_APP_ORIGIN", APP_ORIGIN)
        .env("PROVIDER_REFRESH_TOKEN", refresh_token(&stack).await?);
    let status = job::run(&mut suite, &run.log()).await?;
    stack.check_running()?;
    let said = run.read_log();
    ensure!(
        !said.contains("# SKIP"),
        "something was left out, though the stack has all that the suite asks for"
    );
    Ok(tally::verdict(status, tally::count_tap(&said)))
}

/// A stack with Supabase's services, in a directory of this name; `app`: what was there before.
pub(super) async fn project(run: &mut TestRun, name: &str, app: &[SqlFile]) -> Result<Stack> {
    let engine = run.engine(Server::Fifteen).await?;
    let log = File::options().create(true).append(true).open(run.log())?;
    let programs = Programs {
        data_api: data_api::build(Profile::Dev, log).await?,
        deno: downloads::deno(&run.log()).await?,
    };
    let directory = run.directory(name)?;
    let config = StackConfig {
        directory: &directory,
        ports: Ports::free()?,
        keep: false,
        engine: Some(&engine),
        supabase: Some(&programs),
        app,
    };
    Stack::start(&config, |_| {}).await
}

/// `deno`, in a folder of the checkout.
pub(super) async fn deno(run: &TestRun, folder: &Path) -> Result<Command> {
    let mut deno = Command::new(downloads::deno(&run.log()).await?);
    deno.current_dir(paths::checkout().join(folder))
        .env("DENO_DIR", paths::state_directory()?.join("deno"))
        .env("DENO_NO_UPDATE_CHECK", "1")
        .env("NO_COLOR", "1");
    Ok(deno)
}

/// A token that was good until an hour ago.
pub(super) fn expired_token(supabase: &Supabase) -> Result<String> {
    let now = Utc::now();
    supabase.keys().sign(&json!({
        "iss": format!("{}/auth/v1", supabase.url()), "sub": Uuid::new_v4(),
        "aud": "authenticated", "role": "authenticated",
        "iat": (now - TimeDelta::hours(2)).timestamp(), "exp": (now - TimeDelta::hours(1)).timestamp(),
    }))
}

/// One of Spotify's for the worker's client, as Supabase Auth hands it to a frontend.
async fn refresh_token(stack: &Stack) -> Result<String> {
    let user = Uuid::new_v4();
    let owner = PgPool::connect(&stack.database_url("supabase_auth_admin")).await?;
    sqlx::query(
        "insert into auth.users (id, aud, role) values ($1, 'authenticated', 'authenticated')",
    )
    .bind(user)
    .execute(&owner)
    .await?;
    let api = PgPool::connect(&stack.database_url("authenticator")).await?;
    consent::code(&api, user, "spotify").await?;
    let mut tokens = stack.standin.refresh_tokens();
    tokens.pop().context("a consent brings a refresh token")
}
