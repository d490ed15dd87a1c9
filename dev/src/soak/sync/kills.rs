//! SIGKILL at random moments, with pages in flight.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::Rng as _;
use sqlx::PgPool;

use super::undisturbed::{Reference, Soak};
use crate::rig::sync::{Difference, Rig, abandon_leases, settled, unsettled};
use bondhu_stack::worker::Worker;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// A worker that asks for nothing for so long may have nothing to do.
const IDLE: Duration = Duration::from_millis(500);
/// No worker idles longer while there is work.
const STUCK: Duration = Duration::from_secs(60);

/// What became of it.
#[derive(Debug)]
pub struct Killed {
    /// How often the worker was killed.
    pub kills: usize,
    /// Requests for pages, those in flight at a kill too.
    pub calls: u64,
    /// How the end differs from the undisturbed one.
    pub difference: Difference,
}

impl Soak {
    /// Kills the worker up to `kills` times, not after `until`, and lets the last one finish.
    ///
    /// # Errors
    /// A connection does not come to rest.
    pub async fn kill(
        &mut self,
        undisturbed: &Reference,
        kills: usize,
        until: Instant,
    ) -> Result<Killed> {
        const NAME: &str = "killed";
        let database = self.rig.database(NAME, undisturbed.people).await?;
        let begun = self.rig.standin.calls();
        // Twice the mean: the moments spread evenly over all pages.
        let farthest = (2 * undisturbed.pages()).div_ceil(kills + 1) as u64;
        let mut killed = 0;
        while killed < kills && Instant::now() < until {
            let mut worker = self.rig.spawn_worker(NAME, &[])?;
            let calls = self.rig.standin.calls() + self.moments.random_range(1..=farthest);
            if !in_flight_after(calls, &self.rig, &mut worker, &database).await? {
                break;
            }
            worker.kill();
            killed += 1;
            abandon_leases(&database).await?;
        }
        let mut worker = self.rig.worker(NAME, &[]).await?;
        settled(&database, &mut worker).await?;
        ensure!(worker.stop(), "the worker did not end well");
        let outcome = Killed {
            kills: killed,
            calls: self.rig.standin.calls() - begun,
            difference: self
                .stored_rows(&database)
                .await?
                .difference(&undisturbed.rows),
        };
        database.close().await;
        self.rig.remove(NAME).await?;
        Ok(outcome)
    }
}

/// Waits for the moment: that many calls have come and one is being answered. False: there is
/// nothing left to call for.
async fn in_flight_after(
    calls: u64,
    rig: &Rig,
    worker: &mut Worker,
    database: &PgPool,
) -> Result<bool> {
    let (mut last, mut since) = (rig.standin.calls(), Instant::now());
    loop {
        let now = rig.standin.calls();
        if now >= calls && rig.standin.calls_in_flight() > 0 {
            return Ok(true);
        }
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > IDLE {
            worker.check_running()?;
            if unsettled(database).await? == 0 {
                return Ok(false);
            }
            ensure!(
                since.elapsed() < STUCK,
                "the worker asks for nothing although there is work"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
