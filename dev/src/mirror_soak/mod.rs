//! `make soak-mirror`: people write and read while what they depend on is killed, stopped, flushed
//! and cut off; no read may lack what its reader wrote, and in the end Redis must be right.

mod faults;
mod people;
pub(crate) mod rest;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::mirror_stage::MirrorStage;
use crate::wait;
use faults::Faults;
use people::{People, Seen};

/// A read may lag so far behind the commits of others: a mirror that is older is not believed.
const MOST_STALE: Duration = Duration::from_secs(5);

/// How long the mirror may take to come to rest once nothing breaks any more.
const AT_REST_WITHIN: Duration = Duration::from_secs(60);

/// Breaks things for so long and until so many processes were killed, then compares; prints
/// `name value` lines.
///
/// # Errors
/// A server does not start, or does not come back.
pub async fn run(time: Duration, kills: u64) -> Result<ExitCode> {
    let stage = MirrorStage::start("soak", false).await?;
    let people = People::sign_up(&stage).await?;
    let mut faults = Faults::over(stage).await?;
    let seen = Arc::new(Seen::default());
    let stop = CancellationToken::new();
    let load = people.act(&faults, &seen, &stop)?;

    let begun = Instant::now();
    while begun.elapsed() < time || faults.kills() < kills {
        faults.cause_one().await?;
    }
    faults.mend().await?;
    stop.cancel();
    load.await;
    let redis = faults.redis_url();
    let database = faults.stage().superuser()?;
    wait::until("the mirror to come to rest", AT_REST_WITHIN, async || {
        Ok(rest::caught_up(&database, &redis)
            .await
            .map_err(|error| format!("{error:#}")))
    })
    .await?;
    let wrong = rest::wrong_keys(&database, &redis).await?;
    for key in &wrong {
        println!("  wrong: {key}");
    }

    let worst = seen.worst_staleness();
    println!("reads {}", seen.reads());
    println!("reads_from_redis {}", seen.served_by_redis());
    println!("writes {}", seen.writes());
    println!("stale_reads {}", seen.stale());
    println!("lost_updates {}", wrong.len());
    println!("worst_staleness_s {:.2}", worst.as_secs_f64());
    println!("faults {}", faults.caused());
    println!("kills {}", faults.kills());
    let held =
        seen.stale() == 0 && wrong.is_empty() && worst <= MOST_STALE && seen.served_by_redis() > 0;
    println!("{}", if held { "pass" } else { "short" });
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
