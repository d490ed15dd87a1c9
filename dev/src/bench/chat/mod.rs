//! `make bench-chat`: what the edge function `chat` adds to a model's own time, and what it takes.
//!
//! A whole stack, as `make up` has it: the model is the stand-in, which takes 200 ms to its first word.

mod report;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use sqlx::PgPool;
use uuid::Uuid;

use crate::bench::figures::{Report, median, percentile};
use crate::rig::companion::{Caller, Companion};
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::ports::Ports;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::stack::{Stack, StackConfig, build_engine};
use bondhu_stack::supabase::data_api::{self, Profile};
use bondhu_stack::supabase::{Programs, Supabase};
use bondhu_stack::{downloads, http, paths};
use bondhu_standin::Pace;
use report::{COMPARATORS, TARGETS};

const PEOPLE: usize = 20;
/// That each has told.
const MEMORIES: i32 = 100;
/// Exchanges of each, one after the other.
const EXCHANGES: usize = 15;
/// Callers at once, and for how long.
const AT_ONCE: usize = 16;
const LOADED: Duration = Duration::from_secs(20);
/// Until the first word; then as fast as it goes.
const PACE: Pace = Pace {
    first: Duration::from_millis(200),
    between: Duration::ZERO,
};
const NO_TIME: Pace = Pace {
    first: Duration::ZERO,
    between: Duration::ZERO,
};
/// Documents of an exchange: what is known of the person, and the conversation.
const DOCUMENTS: f64 = 2.0;
const TEXTS: [&str; 5] = [
    "I got the job, I am so happy!",
    "My sister is coming to see me on Friday.",
    "Work was long today and I am tired.",
    "ami aaj khub khushi",
    "What should I cook tonight?",
];

/// Measures, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// A part of the stack fails, or an exchange does.
pub async fn run() -> Result<()> {
    let engine = build_engine()?;
    let run = RunDirectory::create("bench-chat")?;
    let programs = Programs {
        data_api: data_api::build(Profile::Release, Stdio::inherit()).await?,
        deno: downloads::deno(&run.path().join("downloads.log")).await?,
    };
    let config = StackConfig {
        directory: run.path(),
        ports: Ports::free()?,
        keep: false,
        engine: Some(&engine),
        supabase: Some(&programs),
        app: &[],
    };
    let stack = Stack::start(&config, |_| {}).await?;
    let database = PgPool::connect(&stack.database_url(SUPERUSER)).await?;
    let supabase = stack.supabase.as_ref().context("Supabase's services")?;
    without_limits(&database).await?;
    let people = sign_up(supabase, &database).await?;
    let companion = Companion::of(supabase)?;
    stack.standin.set_model_pace(PACE);

    let mut report = Report::new(&TARGETS, &COMPARATORS);
    report.ratio("source_mb", megabytes(source_size()?));
    let begun = Instant::now();
    first_word(&companion, &people[0], 0).await?;
    report.quantity("start_ms", milliseconds(begun.elapsed()));

    one_at_a_time(&stack, &database, &companion, &people, &mut report).await?;
    stack.standin.set_model_pace(NO_TIME);
    many_at_once(&companion, &people, &mut report).await?;
    let usage = supabase.function_usage("chat").await.context("it runs")?;
    report.quantity("function_mb", megabytes(usage.memory()?.0));
    report.print();
    Ok(())
}

/// Nobody here is to be kept from asking.
async fn without_limits(database: &PgPool) -> Result<()> {
    sqlx::query(
        "update bondhu.companion_settings set messages_per_minute = 1000, tokens_per_day = 1000000000,
         project_tokens_per_day = 1000000000000",
    )
    .execute(database)
    .await?;
    // In connections that there are already, too.
    for statement in [
        "alter system set track_functions = 'pl'",
        "select pg_reload_conf()",
    ] {
        sqlx::query(statement).execute(database).await?;
    }
    Ok(())
}

async fn sign_up(supabase: &Supabase, database: &PgPool) -> Result<Vec<Caller>> {
    let mut people = Vec::new();
    for _ in 0..PEOPLE.max(AT_ONCE) {
        let id = Uuid::new_v4();
        sqlx::query(
            "insert into auth.users (id, aud, role) values ($1, 'authenticated', 'authenticated')",
        )
        .bind(id)
        .execute(database)
        .await?;
        sqlx::query(
            "insert into public.memories (user_id, memory_text, category, confidence)
             select $1, format('Their friend number %s works in %s.', n, md5(n::text)), 'person', 0.9
             from generate_series(1, $2) n",
        )
        .bind(id)
        .bind(MEMORIES)
        .execute(database)
        .await?;
        people.push(Caller::sign_in(supabase, id)?);
    }
    Ok(people)
}

/// How long the first word takes.
async fn first_word(companion: &Companion, person: &Caller, number: usize) -> Result<Duration> {
    let text = TEXTS.get(number % TEXTS.len()).copied().unwrap_or_default();
    let events = companion.ask(person, Uuid::new_v4(), text).await?;
    let first = events.iter().find(|event| event.name == "delta");
    let first = first.with_context(|| format!("a reply: {events:?}"))?;
    ensure!(
        events.last().is_some_and(|event| event.name == "reply"),
        "an exchange failed: {events:?}"
    );
    Ok(first.after)
}

async fn one_at_a_time(
    stack: &Stack,
    database: &PgPool,
    companion: &Companion,
    people: &[Caller],
    report: &mut Report,
) -> Result<()> {
    let supabase = stack.supabase.as_ref().context("Supabase's services")?;
    let usage = supabase.function_usage("chat").await.context("it runs")?;
    // What comes first in a person's day is read from Postgres.
    for person in people {
        first_word(companion, person, 0).await?;
    }
    let (spent, reads) = (
        usage.processor_time()?,
        Reads::so_far(stack, database).await?,
    );
    let mut added = Vec::new();
    for number in 0..EXCHANGES {
        for person in people {
            let after = first_word(companion, person, number).await?;
            added.push(milliseconds(after) - milliseconds(PACE.first));
        }
    }
    let exchanges = added.len() as f64;
    let spent = usage.processor_time()? - spent;
    let reads = Reads::so_far(stack, database).await?.since(&reads);
    report.quantity("first_token_added_ms_p50", median(added.clone()));
    report.quantity("first_token_added_ms_p99", percentile(&mut added, 99));
    report.quantity("cpu_ms_per_exchange", milliseconds(spent) / exchanges);
    let documents = exchanges * DOCUMENTS;
    report.ratio("worker_share", reads.worker / documents);
    report.ratio(
        "redis_share",
        1.0 - (reads.worker + reads.postgres) / documents,
    );
    Ok(())
}

/// Reads that Redis did not answer, by who did.
struct Reads {
    worker: f64,
    postgres: f64,
}

impl Reads {
    async fn so_far(stack: &Stack, database: &PgPool) -> Result<Self> {
        // Backends hand their counts in when they rest.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let metrics = http::client()?
            .get(format!("http://{}/metrics", stack.metrics))
            .send()
            .await?
            .text()
            .await?;
        let worker = metrics
            .lines()
            .filter(|line| line.contains("hot_reads_total{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        let postgres: i64 = sqlx::query_scalar(
            "select coalesce(sum(calls), 0)::bigint from pg_stat_user_functions where funcname = 'hot_document'",
        )
        .fetch_one(database)
        .await?;
        Ok(Self {
            worker,
            postgres: postgres as f64,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            worker: self.worker - before.worker,
            postgres: self.postgres - before.postgres,
        }
    }
}

async fn many_at_once(companion: &Companion, people: &[Caller], report: &mut Report) -> Result<()> {
    let begun = Instant::now();
    let callers = people.iter().take(AT_ONCE).map(async |person| {
        let mut exchanges = 0_u32;
        while begun.elapsed() < LOADED {
            first_word(companion, person, 0).await?;
            exchanges += 1;
        }
        anyhow::Ok(exchanges)
    });
    let exchanges: u32 = try_join_all(callers).await?.into_iter().sum();
    report.quantity(
        "exchanges_per_s",
        f64::from(exchanges) / begun.elapsed().as_secs_f64(),
    );
    Ok(())
}

/// Bytes of the function's own files and of what it shares.
fn source_size() -> Result<u64> {
    fn size(path: &Path) -> Result<u64> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_dir() {
            return Ok(metadata.len());
        }
        let entries = fs::read_dir(path)?;
        entries.map(|entry| size(&entry?.path())).sum()
    }
    let functions = paths::checkout().join("supabase/functions");
    Ok(size(&functions.join("chat"))? + size(&functions.join("_shared"))?)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
