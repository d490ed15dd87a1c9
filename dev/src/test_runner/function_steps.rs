//! What edge functions do in a whole project.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::client_steps::{deno, expired_token, project};
use super::tally::{self, Tally};
use super::test_run::TestRun;
use bondhu_stack::job;

/// What it reads of the environment is in its README.
const SUITE: &str = "conformance/functions";

/// The suite against a stack of its own, which can be asked everything.
pub(super) async fn suite(run: &mut TestRun) -> Result<Tally> {
    let mut stack = project(run, "functions", &[]).await?;
    let supabase = stack.supabase.as_ref().context("Supabase's services")?;
    let mut suite = deno(run, Path::new(SUITE)).await?;
    suite
        .args(["task", "test", "--reporter=tap"])
        .envs(supabase.variables())
        .envs(stack.function_environment.iter().cloned())
        .env("SUPABASE_DB_URL", stack.database_url("postgres"))
        .env("EXPIRED_ACCESS_TOKEN", expired_token(supabase)?);
    let status = job::run(&mut suite, &run.log()).await?;
    stack.check_running()?;
    let said = run.read_log();
    ensure!(
        !said.contains("# SKIP"),
        "something was left out, though the stack has all that the suite asks for"
    );
    Ok(tally::verdict(status, tally::count_tap(&said)))
}
