//! `adopt apply`, killed at moments that are random and the same each time.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::process::Child;

use super::app::App;
use crate::test_runner::test_run::TestRun;

const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The move and the migrations are over by then, and the import has begun.
const EARLY: Duration = Duration::from_millis(1500);
/// No apply takes as long.
const STUCK: Duration = Duration::from_secs(900);

/// When a run is killed, whichever comes first.
#[derive(Clone, Copy, Debug)]
struct Moment {
    after: Duration,
    at_messages: i64,
}

/// Kills it up to `kills` times, and lets the last one end. How often it was killed.
pub(super) async fn apply(
    run: &TestRun,
    app: &mut App,
    kills: usize,
    moments: &mut StdRng,
) -> Result<usize> {
    for killed in 0..kills {
        let moment = draw(app, kills - killed, moments).await?;
        run.note(&format!("-- kill {} of {kills}: {moment:?}", killed + 1))?;
        let mut child = app.spawn(run, &["adopt", "apply"])?;
        match ended_before(&mut child, app, moment).await? {
            Some(status) => {
                ensure!(status.success(), "adopt apply failed ({status})");
                return Ok(killed);
            }
            None => child.kill().await?,
        }
    }
    let mut child = app.spawn(run, &["adopt", "apply"])?;
    let never = Moment {
        after: Duration::MAX,
        at_messages: i64::MAX,
    };
    match ended_before(&mut child, app, never).await? {
        Some(status) if status.success() => Ok(kills),
        status => bail!("adopt apply failed ({status:?}) after {kills} kills"),
    }
}

/// By turns early, and so far on that the moments spread over all messages.
async fn draw(app: &mut App, left: usize, moments: &mut StdRng) -> Result<Moment> {
    let all = app
        .count("select count(*) from expected_messages where left_because is null")
        .await?;
    let there = imported(app).await?;
    if left % 2 == 1 || there >= all {
        return Ok(Moment {
            after: EARLY.mul_f64(moments.random()),
            at_messages: i64::MAX,
        });
    }
    let farthest = 2 * (all - there) / (i64::try_from(left)? + 1);
    Ok(Moment {
        after: STUCK,
        at_messages: there + moments.random_range(1..=farthest.max(1)),
    })
}

/// How it ended; `None` once the moment has come.
async fn ended_before(
    child: &mut Child,
    app: &mut App,
    moment: Moment,
) -> Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        // Asking waits where tables are being moved: only when it matters.
        if begun.elapsed() >= moment.after
            || moment.at_messages < i64::MAX && imported(app).await? >= moment.at_messages
        {
            return Ok(None);
        }
        ensure!(
            begun.elapsed() < STUCK,
            "adopt apply has not ended for {} s",
            STUCK.as_secs()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Messages in Bondhu's table; none as long as the app's has that name.
async fn imported(app: &mut App) -> Result<i64> {
    app.count(
        "select case when to_regclass('bondhu.settings') is null then 0 \
           else (select count(*) from public.chat_messages) end",
    )
    .await
}
