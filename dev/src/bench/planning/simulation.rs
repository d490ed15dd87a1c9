//! Weeks of syncing in minutes: the planner, the claims and the completions of the database, the
//! rule of core, and no provider. Time is passed in.

use anyhow::{Context as _, Result, ensure};
use bondhu_core::planning::capacity::Budget;
use bondhu_core::planning::{Cadence, Pulled};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::people::{Crowd, Dice, Person};

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// `spotify` or `youtube`, as the database calls it.
    pub provider: &'static str,
    /// The budget that the database is given, and the intervals.
    pub budget: Budget,
    /// Seconds between two plans. A rolling window is made as long.
    pub step: i64,
    /// People with a linked account.
    pub people: usize,
    /// Days that are counted.
    pub days: i64,
    /// Of how many people one asks for a sync each day.
    pub one_asks_among: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Pulls that came to their end.
    pub pulls: u64,
    /// Times that somebody's data was older than the provider's term.
    pub missed_deadlines: u64,
    /// People who once waited more than a day longer than planned.
    pub starved: u64,
    /// The longest anybody waited beyond what was planned, seconds.
    pub latest: i64,
    /// Who asked and was not pulled at the next plan.
    pub asked_in_vain: u64,
    /// The fewest pulls of an active person, as a part of the median's; of a person away likewise: the
    /// worse of the two, inverted. 1 is perfectly fair.
    pub worst_to_median_interval: f64,
    /// Seconds between two pulls of an active person, in the median.
    pub active_interval: f64,
    /// The greatest part of a window's budget that was used.
    pub most_used: f64,
}

/// The first instant: a midnight in California, as the quota's day begins.
const BEGIN: i64 = 1_767_254_400;

/// Simulates; the database is one of its own, with the product's schema and nothing linked.
///
/// # Errors
/// The database refuses, or the planner claims what it should not.
pub async fn simulate(database: &PgPool, scenario: Scenario) -> Result<Figures> {
    let mut dice = Dice::new(scenario.people as u64);
    let mut crowd = Crowd::new(&scenario, BEGIN, &mut dice);
    prepare(database, &scenario, &crowd).await?;
    let mut figures = Figures::default();
    let end = BEGIN + scenario.days * 86_400;
    let mut at = BEGIN;
    let mut steps = 0_u32;
    while at < end {
        let asking = crowd.ask(&scenario, at, &mut dice);
        ask(database, &scenario, &asking, at).await?;
        let served = step(database, &scenario, &mut crowd, at, &mut dice, &mut figures).await?;
        figures.asked_in_vain += asking
            .iter()
            .filter(|&&person| !served.contains(&person))
            .count() as u64;
        at += scenario.step;
        steps += 1;
        // Autovacuum goes by the clock on the wall.
        if steps.is_multiple_of(200) {
            sqlx::query(
                "vacuum public.provider_connections, bondhu.sync_jobs, bondhu.provider_ledger",
            )
            .execute(database)
            .await?;
        }
    }
    crowd.conclude(&scenario, end, &mut figures);
    Ok(figures)
}

fn instant(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at, 0).unwrap_or_default()
}

async fn prepare(database: &PgPool, scenario: &Scenario, crowd: &Crowd) -> Result<()> {
    let Cadence {
        interval,
        library_interval,
        ..
    } = scenario.budget.cadence;
    let requests = scenario.budget.requests_a_day;
    sqlx::raw_sql(include_str!("../../../sql/bench/planned.sql"))
        .execute(database)
        .await?;
    for statement in [
        "truncate bondhu.provider_ledger",
        "delete from bondhu.provider_tokens",
    ] {
        sqlx::query(statement).execute(database).await?;
    }
    let window = scenario.step - 1;
    sqlx::query(
        "update bondhu.provider_settings
         set sync_interval_minutes = $2, library_interval_minutes = $3, blocked_until = null, blocked_reason = null,
             enabled = provider = $1,
             requests_per_window = case quota_resets when 'rolling' then $4 else $5 end,
             window_seconds = case quota_resets when 'rolling' then $6 end",
    )
    .bind(scenario.provider)
    .bind(i32::try_from(interval / 60)?)
    .bind(library_interval.map(|seconds| i32::try_from(seconds / 60)).transpose()?)
    .bind(i32::try_from(requests * scenario.step / 86_400)?)
    .bind(i32::try_from(requests)?)
    .bind(i32::try_from(window)?)
    .execute(database)
    .await?;
    let of = |value: fn(&Person) -> Option<i64>| -> Vec<Option<DateTime<Utc>>> {
        crowd
            .people
            .iter()
            .map(|person| value(person).map(instant))
            .collect()
    };
    let costs: Vec<i32> = crowd
        .people
        .iter()
        .map(|person| person.library_requests)
        .collect();
    sqlx::query("select public.bench_planned($1, $2, $3, $4, $5, $6, $7)")
        .bind(scenario.provider)
        .bind((0..crowd.people.len()).map(user).collect::<Vec<_>>())
        .bind(of(|person| Some(person.pulled_at)))
        .bind(of(|person| Some(person.due_at)))
        .bind(of(|person| Some(person.library_due_at)))
        .bind(of(|person| person.urgent_from))
        .bind(costs)
        .execute(database)
        .await?;
    sqlx::query("vacuum analyze").execute(database).await?;
    Ok(())
}

fn user(person: usize) -> Uuid {
    Uuid::from_u128(person as u128)
}

/// As `request_sync()` does, for many.
async fn ask(database: &PgPool, scenario: &Scenario, people: &[usize], at: i64) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let people: Vec<Uuid> = people.iter().map(|&person| user(person)).collect();
    for statement in [
        "update bondhu.sync_jobs set requested_at = $3 where user_id = any ($1) and provider = $2",
        "update public.provider_connections set next_sync_at = $3 where user_id = any ($1) and provider = $2",
    ] {
        sqlx::query(statement)
            .bind(&people)
            .bind(scenario.provider)
            .bind(instant(at))
            .execute(database)
            .await?;
    }
    Ok(())
}

/// Completions of one step, column by column.
#[derive(Default)]
struct Completions {
    people: Vec<Uuid>,
    leases: Vec<Uuid>,
    outcomes: Vec<&'static str>,
    not_before: Vec<Option<DateTime<Utc>>>,
    requests: Vec<i32>,
    pull_at: Vec<Option<DateTime<Utc>>>,
    library_at: Vec<Option<DateTime<Utc>>>,
    urgent_from: Vec<Option<DateTime<Utc>>>,
}

/// Plans, claims, pulls as far as the budget goes, completes. Returns who was pulled.
async fn step(
    database: &PgPool,
    scenario: &Scenario,
    crowd: &mut Crowd,
    at: i64,
    dice: &mut Dice,
    figures: &mut Figures,
) -> Result<std::collections::HashSet<usize>> {
    sqlx::query("select bondhu.plan_syncs($1)")
        .bind(instant(at))
        .execute(database)
        .await?;
    let claims: Vec<(Uuid, Uuid, bool)> = sqlx::query_as(
        "select user_id, lease_token, library_due from bondhu.claim_syncs('simulation', 10000000, array[$1], $2)",
    )
    .bind(scenario.provider)
    .bind(instant(at))
    .fetch_all(database)
    .await?;
    let (used, window, again_at): (i64, i64, DateTime<Utc>) = sqlx::query_as(
        "select coalesce(sum(l.requests), 0)::bigint, max(s.requests_per_window)::bigint,
                max(case s.quota_resets when 'rolling' then $2::timestamptz + make_interval(secs => $3)
                     else bondhu.quota_window_start(s, $2 + interval '1 day') end)
         from bondhu.provider_settings s
         left join bondhu.provider_ledger l
           on l.provider = s.provider and l.counted_from >= bondhu.quota_window_start(s, $2)
         where s.provider = $1",
    )
    .bind(scenario.provider)
    .bind(instant(at))
    .bind(scenario.step as f64)
    .fetch_one(database)
    .await?;
    let mut left = window - used;
    let mut served = std::collections::HashSet::new();
    let mut done = Completions::default();
    for (id, lease, walks_all) in claims {
        let number = usize::try_from(id.as_u128())?;
        let person = crowd
            .people
            .get_mut(number)
            .context("a stranger was claimed")?;
        let requests = if walks_all {
            person.library_requests
        } else {
            1
        };
        done.people.push(id);
        done.leases.push(lease);
        if i64::from(requests) > left {
            done.outcomes.push("queued");
            done.not_before.push(Some(again_at));
            done.requests.push(0);
            done.pull_at.push(None);
            done.library_at.push(None);
            done.urgent_from.push(None);
            continue;
        }
        left -= i64::from(requests);
        served.insert(number);
        let pulled = Pulled {
            now: at,
            last_active: person.last_active(at),
            walked_all: walks_all,
            is_whole: true,
            urgent_from: person.urgent_from,
        };
        let next = scenario.budget.cadence.next_pull(pulled, dice.number());
        person.pulled(at, next, scenario.budget.cadence, figures);
        done.outcomes.push("ok");
        done.not_before.push(None);
        done.requests.push(requests);
        done.pull_at.push(Some(instant(next.pull_at)));
        done.library_at.push(next.library_at.map(instant));
        done.urgent_from.push(next.urgent_from.map(instant));
    }
    figures.pulls += served.len() as u64;
    figures.most_used = figures
        .most_used
        .max((window - left) as f64 / window as f64);
    complete(database, scenario, at, &done, window - used - left).await?;
    Ok(served)
}

async fn complete(
    database: &PgPool,
    scenario: &Scenario,
    at: i64,
    done: &Completions,
    spent: i64,
) -> Result<()> {
    let completed: i64 = sqlx::query_scalar(
        "select count(*) filter (where bondhu.complete_sync(
             d.person, $1, d.lease, d.outcome, '{}', null, null, d.not_before, d.requests,
             d.pull_at, d.library_at, d.urgent_from, $2))
         from unnest($3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::integer[],
                     $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
           d (person, lease, outcome, not_before, requests, pull_at, library_at, urgent_from)",
    )
    .bind(scenario.provider)
    .bind(instant(at))
    .bind(&done.people)
    .bind(&done.leases)
    .bind(&done.outcomes)
    .bind(&done.not_before)
    .bind(&done.requests)
    .bind(&done.pull_at)
    .bind(&done.library_at)
    .bind(&done.urgent_from)
    .fetch_one(database)
    .await?;
    ensure!(
        completed == done.people.len() as i64,
        "{completed} of {} leases were completed",
        done.people.len()
    );
    sqlx::query(
        "insert into bondhu.provider_ledger as l (provider, counted_from, requests)
         select s.provider, case s.quota_resets when 'rolling' then $2 else bondhu.quota_window_start(s, $2) end, $3
         from bondhu.provider_settings s where s.provider = $1
         on conflict (provider, counted_from) do update set requests = l.requests + excluded.requests",
    )
    .bind(scenario.provider)
    .bind(instant(at))
    .bind(spent)
    .execute(database)
    .await?;
    Ok(())
}
