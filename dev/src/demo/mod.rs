//! The way of a message, once, on a stack of its own; every claim checked.

mod chat;
mod claims;
mod companion;
mod lines;
mod linking;
mod mirror;
mod people;
mod recount;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::paths;
use bondhu_stack::ports::Ports;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::stack::{Engine, Stack, StackConfig};

use claims::Claims;
use lines::Lines;
use people::Person;

/// Runs the demo on `data`, or on the conversation that lies in the repository.
///
/// # Errors
/// The data cannot be used, or a part of the stack fails. A claim that does not hold is no
/// error here: it is named, and the exit code says so.
pub async fn run(data: Option<&Path>, engine: Engine) -> Result<ExitCode> {
    let file = data.map_or_else(
        || paths::checkout().join("dev/data/conversation.tsv"),
        Path::to_owned,
    );
    let lines = Lines::read(&file)?;
    let engine = engine.build()?;

    let run = RunDirectory::create("demo")?;
    let programs = companion::programs(&run.path().join("downloads.log")).await?;
    let begun = Instant::now();
    println!("\n1. The stack, private and temporary");
    let config = StackConfig {
        directory: run.path(),
        ports: Ports::free()?,
        keep: false,
        engine: engine.as_ref(),
        supabase: programs.as_ref(),
        app: &[],
    };
    let mut stack = Stack::start(&config, |said| println!("  ✓ {said}")).await?;

    let mut claims = Claims::default();
    let report = walk(&mut stack, &lines, &mut claims).await?;
    println!("\n7. The end");
    claims.check(
        "the worker ends cleanly when asked to",
        if stack.worker.stop() {
            Ok("")
        } else {
            Err("it had to be killed, or failed")
        },
    );
    drop(stack);
    drop(run);

    println!("{report}");
    let (kept, broken) = claims.verdict();
    println!(
        "{kept} claims hold, {} do not ({:.0} s)",
        broken.len(),
        begun.elapsed().as_secs_f64()
    );
    if broken.is_empty() {
        println!("demo: ok");
        return Ok(ExitCode::SUCCESS);
    }
    println!("demo: failed");
    for claim in broken {
        println!("  {claim}");
    }
    Ok(ExitCode::FAILURE)
}

async fn walk(stack: &mut Stack, lines: &Lines, claims: &mut Claims) -> Result<String> {
    let database = pool(&stack.database_url(SUPERUSER)).await?;
    let api = pool(&stack.database_url("authenticator")).await?;
    let client = redis::Client::open(stack.redis.url())?;
    let mut redis = client
        .get_multiplexed_async_connection()
        .await
        .context("Redis")?;

    let people = people::sign_up(&database, &api).await?;
    let names: Vec<_> = people.iter().map(|person| person.name).collect();
    println!(
        "\n2. Chat: {} write {} messages through row-level security",
        names.join(", "),
        lines.fit.len()
    );
    let sent = chat::send(&api, &people, lines).await?;
    println!(
        "  ✓ {:.0} messages a second, scored and folded in as they came",
        sent.per_second
    );
    let imported = chat::import(&api, &people, lines).await?;
    chat::forge(&api, &people, claims).await?;
    check_chat(&database, &people, lines, &sent, imported, claims).await?;

    println!("\n3. Consent: {} links Spotify and YouTube", people[0].name);
    linking::link(stack, &api, &people, claims).await?;

    println!("\n4. Sync: pg_cron plans at the full minute, the worker pulls");
    linking::synced(stack, &database, &people[0]).await?;
    linking::check(stack, &database, &people[0], claims).await?;

    println!("\n5. Mirror: Postgres to Redis");
    let lags = mirror::lag(&api, &database, &mut redis, &people[1], claims).await?;
    let entries = mirror::check(stack, &database, &mut redis, &people, claims).await?;

    println!("\n6. The companion: {} talks with it", people[0].name);
    match &stack.supabase {
        Some(supabase) => companion::exchange(supabase, &api, &people[0], claims).await?,
        None => println!("  – not yet: `make up` builds what the edge function needs, once"),
    }
    report::compose(&database, &api, &people, &entries, &lags).await
}

async fn check_chat(
    database: &PgPool,
    people: &[Person],
    lines: &Lines,
    sent: &chat::Sent,
    imported: i64,
    claims: &mut Claims,
) -> Result<()> {
    let (stored, scored): (i64, i64) =
        sqlx::query_as("select count(*), count(engine_version) from public.chat_messages")
            .fetch_one(database)
            .await?;
    let accepted: i64 = sent.stored.iter().sum();
    claims.equal(
        "every message sent or imported is stored",
        &(accepted + imported),
        &stored,
    );
    claims.equal("every stored message is scored", &stored, &scored);
    if !lines.unfit.is_empty() {
        claims.equal(
            "blank and over-long rows of the file are refused",
            &lines.unfit.len(),
            &sent.refused,
        );
    }

    for person in people {
        let raw = recount::raw_messages(database, person.id).await?;
        claims.check(
            &format!("{}'s buckets agree with a recount", person.name),
            recount::buckets(database, person.id, &raw).await?,
        );
        let document = recount::sentiment_document(database, person.id).await?;
        claims.check(
            &format!("{}'s last 24 hours agree with a recount", person.name),
            recount::window(&document, &raw),
        );

        // A check that cannot fail proves nothing.
        let wrong = recount::one_left_out(&raw);
        let found_out = match (
            recount::buckets(database, person.id, &wrong).await?,
            recount::window(&document, &wrong),
        ) {
            (Err(_), Err(_)) => Ok("as it must"),
            _ => Err("a recount with one message left out was believed"),
        };
        claims.check(
            &format!(
                "{}'s recount without the newest message disagrees",
                person.name
            ),
            found_out,
        );
    }
    Ok(())
}

async fn pool(url: &str) -> Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(4)
        .connect(url)
        .await
        .with_context(|| url.to_owned())
}
