//! An app with people's data in it takes Bondhu, and lets go of it again: `sync-worker adopt`.

mod afterwards;
mod app;
mod claims;
mod killing;
mod meanwhile;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Deserialize;
use uuid::Uuid;

use super::migration_steps::push;
use super::tally::Tally;
use super::test_run::{CRON_DATABASE, Server, TestRun};
use app::{App, Generation};
use bondhu_stack::schema::SqlFile;
use meanwhile::Meanwhile;

/// Both generations of the app and both default grants with either engine.
const RUNS: [(Server, Generation, bool); 4] = [
    (Server::Fifteen, Generation::Messages, false),
    (Server::Seventeen, Generation::Exchanges, true),
    (Server::SeventeenBare, Generation::Messages, true),
    (Server::SeventeenBare, Generation::Exchanges, false),
];

/// Variable that says how often an apply is killed.
const KILLS_VARIABLE: &str = "BONDHU_ADOPTION_KILLS";
const KILLS: usize = 3;

/// Of the moments, freely chosen.
const SEED: u64 = 19;

/// By kind, what a plan says will be taken over.
const TAKEN: [(&str, &str); 4] = [
    (
        "messages",
        "select count(*) from expected_messages where left_because is null",
    ),
    ("assessments", "select count(*) from expected_assessments"),
    (
        "plays",
        "select count(*) from (select distinct user_id, played_at, track_id from expected_plays) p",
    ),
    ("linked accounts", "select count(*) from expected_links"),
];

/// What of the third app cannot be taken over.
const FOREIGN: [&str; 4] = [
    "chat_messages",
    "listening_history",
    "memories",
    "dashboard",
];

/// What `adopt plan --json` prints, as far as it is compared.
#[derive(Debug, Deserialize)]
struct Plan {
    kinds: Vec<PlannedKind>,
}

#[derive(Debug, Deserialize)]
struct PlannedKind {
    kind: String,
    taken: i64,
    /// Rows by the reason for which they are left.
    #[serde(default)]
    left: BTreeMap<String, i64>,
}

/// The newer generation, as it is before it is adopted.
pub(super) fn app() -> Result<Vec<SqlFile>> {
    Generation::Messages
        .files()
        .into_iter()
        .map(app::fixture)
        .collect()
}

/// The tally is of claims.
pub(super) async fn adopting(run: &mut TestRun) -> Result<Tally> {
    let mut passed = 0;
    for (place, (server, generation, new_project)) in RUNS.into_iter().enumerate() {
        let mut moments = StdRng::seed_from_u64(SEED + place as u64);
        passed += walk(run, server, generation, new_project, &mut moments)
            .await
            .with_context(|| {
                let grants = if new_project { "new" } else { "old" };
                format!("{}, {generation:?}, {grants} grants", server.label())
            })?;
    }
    for server in [Server::Fifteen, Server::SeventeenBare] {
        passed += foreign(run, server)
            .await
            .with_context(|| format!("{}, a foreign app", server.label()))?;
    }
    Ok(Tally { passed, failed: 0 })
}

/// The whole way: planned, refused without it, applied under fire, used, undone, applied again and confirmed.
async fn walk(
    run: &mut TestRun,
    server: Server,
    generation: Generation,
    new_project: bool,
    moments: &mut StdRng,
) -> Result<u64> {
    run.note(&format!("-- {}: {generation:?}", server.label()))?;
    let mut app = App::set_up(run, server, new_project, &generation.files()).await?;
    app.expect(generation).await?;
    let mut before = app.everything(run).await?;

    planned(run, &mut app, &before).await.context("the plan")?;
    refused_without(run, &mut app, &before).await?;
    applied(run, &mut app, moments).await?;
    afterwards::old_writers_are_refused(&mut app, generation).await?;
    afterwards::app_goes_on(&mut app).await?;
    afterwards::sealed_tokens_open(run, &mut app).await?;
    let pushed = push(run, &app.url).await?;
    ensure!(
        pushed.contains("up to date"),
        "supabase db push does something after the adoption:\n{pushed}"
    );
    app.passed += 1;

    let deleted = afterwards::delete_a_message(&mut app).await?;
    undone(run, &mut app, &mut before, deleted)
        .await
        .context("adopt undo")?;
    app.succeed(run, &["adopt", "apply", "--share", "100"])
        .await?;
    app.succeed(run, &["adopt", "verify"]).await?;
    claims::hold(&mut app).await.context("the second time")?;
    confirmed(run, &mut app).await.context("adopt confirm")?;
    app.api.close().await;
    Ok(app.passed)
}

async fn planned(run: &mut TestRun, app: &mut App, before: &[String]) -> Result<()> {
    let printed = app.succeed(run, &["adopt", "plan", "--json"]).await?;
    app.succeed(run, &["adopt", "plan"]).await?;
    app.unchanged(run, before, "adopt plan").await?;

    let plan: Plan = serde_json::from_str(&printed).context("adopt plan --json")?;
    let kind = |named: &str| {
        let found = plan.kinds.iter().find(|kind| kind.kind == named);
        found.with_context(|| format!("it has no {named}"))
    };
    for (named, expected) in TAKEN {
        let (taken, expected) = (kind(named)?.taken, app.count(expected).await?);
        ensure!(
            taken == expected,
            "it takes {taken} {named}, and {expected} are expected"
        );
        app.passed += 1;
    }
    let expected: Vec<(String, i64)> = sqlx::query_as(
        "select left_because, count(*) from expected_messages where left_because is not null group by left_because",
    )
    .fetch_all(&mut app.database)
    .await?;
    let (left, expected) = (&kind("messages")?.left, BTreeMap::from_iter(expected));
    ensure!(
        *left == expected,
        "of messages it leaves {left:?}, and {expected:?} is expected"
    );
    app.passed += 1;
    Ok(())
}

/// `supabase db push` names what is in its way, and changes nothing.
async fn refused_without(run: &mut TestRun, app: &mut App, before: &[String]) -> Result<()> {
    let begun = run.read_log().len();
    let pushed = push(run, &app.url).await;
    let said = run.read_log().split_off(begun);
    ensure!(
        pushed.is_err() && said.contains("42710") && said.contains("public.chat_messages"),
        "supabase db push does not refuse an app's tables:\n{said}"
    );
    app.unchanged(run, before, "a refused supabase db push")
        .await
}

/// Applied and killed, while two people chat; then every claim holds.
async fn applied(run: &TestRun, app: &mut App, moments: &mut StdRng) -> Result<()> {
    let kills = match std::env::var(KILLS_VARIABLE) {
        Ok(times) => times.parse().context(KILLS_VARIABLE)?,
        Err(_) => KILLS,
    };
    let people = [app.person(1).await?, app.person(2).await?];
    let meanwhile = Meanwhile::start(&app.api, people);
    let killed = killing::apply(run, app, kills, moments).await;
    let spoken = meanwhile.end().await;
    let (killed, spoken) = (killed?, spoken?);
    run.note(&format!(
        "-- killed {killed} times, {} messages meanwhile",
        spoken.len()
    ))?;
    ensure!(killed > 0 || kills == 0, "it was over before it was killed");
    ensure!(!spoken.is_empty(), "nobody could write meanwhile");
    app.remember(&spoken).await?;
    app.succeed(run, &["adopt", "verify"]).await?;
    app.passed += 1;
    claims::hold(app).await
}

/// All is as it was, with what was said meanwhile, and without what was deleted.
async fn undone(
    run: &mut TestRun,
    app: &mut App,
    before: &mut Vec<String>,
    deleted: Uuid,
) -> Result<()> {
    app.succeed(run, &["adopt", "undo"]).await?;
    let lost = app
        .count(
            "select count(*) from spoken s \
             left join public.chat_messages m on m.id = s.id and m.user_id = s.user_id and m.message_text = s.message_text \
             where m.sender_type is distinct from 'user'",
        )
        .await?;
    ensure!(lost == 0, "{lost} messages of the meantime are lost");
    app.passed += 1;

    for statement in [
        "delete from public.chat_messages m using spoken s where m.id = s.id",
        "delete from spoken",
    ] {
        sqlx::query(statement).execute(&mut app.database).await?;
    }
    let (rows, gone) = (before.len(), format!("{deleted}\t"));
    before.retain(|line| !line.starts_with(&gone));
    ensure!(
        before.len() + 1 == rows,
        "the dump of before has {deleted} {} times",
        rows - before.len()
    );
    app.unchanged(run, before, "adopt apply and adopt undo")
        .await
}

/// Confirmed under the right name alone; then there is no way back, and no token in clear.
async fn confirmed(run: &mut TestRun, app: &mut App) -> Result<()> {
    const LEFT: &str =
        "select count(*) from pg_catalog.pg_namespace where nspname = 'before_bondhu'";
    let other = ["adopt", "confirm", "--project", "another_project"];
    ensure!(
        !app.worker(run, &other).await?.status.success() && app.count(LEFT).await? == 1,
        "it is confirmed under the name of another project"
    );
    app.succeed(run, &["adopt", "confirm", "--project", CRON_DATABASE])
        .await?;
    ensure!(app.count(LEFT).await? == 0, "before_bondhu is still there");
    let everything = app.everything(run).await?;
    let in_clear = everything
        .iter()
        .filter(|line| line.contains("not-sealed-"))
        .count();
    ensure!(in_clear == 0, "{in_clear} rows still have tokens in clear");
    ensure!(
        !app.worker(run, &["adopt", "undo"]).await?.status.success(),
        "it is undone after it was confirmed"
    );
    app.passed += 4;
    claims::hold(app).await
}

/// An app of other shapes is refused with a list, and left as it is.
async fn foreign(run: &mut TestRun, server: Server) -> Result<u64> {
    let mut app = App::set_up(run, server, false, &["foreign.sql"]).await?;
    let before = app.everything(run).await?;
    let attempts: [&[&str]; 3] = [
        &["adopt", "plan"],
        &["adopt", "plan", "--json"],
        &["adopt", "apply"],
    ];
    for attempt in attempts {
        let said = app.refuse(run, attempt).await?;
        let unnamed: Vec<_> = FOREIGN
            .iter()
            .filter(|name| !said.contains(**name))
            .collect();
        ensure!(
            unnamed.is_empty(),
            "{} does not name {unnamed:?}:\n{said}",
            attempt.join(" ")
        );
        app.passed += 1;
        app.unchanged(run, &before, &attempt.join(" ")).await?;
    }
    app.api.close().await;
    Ok(app.passed)
}
