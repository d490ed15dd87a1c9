//! `make soak-mirror`: people write and read while what they depend on is killed, stopped, flushed
//! and cut off; no read may lack what its reader wrote, and whenever they pause Redis must be right.
//!
//! It goes in rounds: some of it breaks, the mirror comes to follow again, and a moment of calm in
//! which reads should come from Redis once more.

mod faults;
mod people;
pub(crate) mod rest;
mod rounds;
mod seen;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bondhu_core::cache::FRESHNESS_LEAST;
use tokio_util::sync::CancellationToken;

use crate::rig::mirror::MirrorRig;
use faults::Faults;
use people::People;
use rounds::Rounds;
use seen::Seen;

/// A read may lag so far behind the commits of others: a mirror that is older is not believed. Instants
/// are written down in whole milliseconds.
const MOST_STALE: Duration = FRESHNESS_LEAST.saturating_add(Duration::from_millis(1));

/// Breaks things for so long and until so many processes were killed, comparing every key now and
/// then; prints a line for each round and `name value` lines in the end. With `kills`, most rounds
/// kill several processes. It passes unless something was wrong: how much Redis served depends on who else
/// uses the processors, and is only told. That it served nothing at all would be no luck, and would prove
/// nothing.
///
/// # Errors
/// A server does not start, or the mirror does not come back.
pub async fn run(time: Duration, kills: u64) -> Result<ExitCode> {
    let rig = MirrorRig::start("soak", false).await?;
    let people = People::sign_up(&rig).await?;
    let gate = people.gate();
    let faults = Faults::start(rig).await?;
    let seen = Arc::new(Seen::default());
    let stop = CancellationToken::new();
    let load = people.act(&faults, &seen, &stop)?;

    let mut rounds = Rounds::new(faults, Arc::clone(&seen), gate, kills > 0);
    let begun = Instant::now();
    while begun.elapsed() < time || rounds.kills() < kills {
        rounds.one().await?;
    }
    rounds.compare().await?;
    stop.cancel();
    load.await;

    let [plain, own] = seen.between_faults();
    println!("seconds {}", begun.elapsed().as_secs());
    println!("writes {}", seen.writes());
    println!("reads {}", seen.reads());
    println!("reads_from_redis {}", seen.served_by_redis());
    println!(
        "reads_from_postgres {}",
        seen.reads() - seen.served_by_redis()
    );
    println!("plain_reads_between_faults {}", plain.all());
    println!("plain_from_redis {:.2}", plain.share());
    println!("own_writes_read_between_faults {}", own.all());
    println!("own_from_redis {:.2}", own.share());
    rounds.report();
    println!("stale_reads {}", seen.stale());
    println!("lost_updates {}", rounds.wrong());
    println!(
        "worst_staleness_s {:.2}",
        seen.worst_staleness().as_secs_f64()
    );
    println!("faults {}", rounds.caused());
    println!("kills {}", rounds.kills());
    let held = seen.stale() == 0
        && rounds.wrong() == 0
        && seen.worst_staleness() <= MOST_STALE
        && seen.served_by_redis() > 0;
    println!("{}", if held { "pass" } else { "short" });
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
