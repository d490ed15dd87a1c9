//! `make bench-mirror`: how far behind Redis is, what that costs, and what it is good for.
//!
//! 10,000 users have every document in Redis; each is as likely to be written or read as another.

mod backlog;
mod commands;
mod measurement;
mod reads;
mod report;
mod writers;

use anyhow::Result;

use measurement::Measurement;

/// Measures, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// A server does not start, or a statement fails.
pub async fn run() -> Result<()> {
    let mut measurement = Measurement::start().await?;
    let (idle, _) = measurement.worker.memory()?;
    measurement.report.quantity("rss_idle_mb", megabytes(idle));

    writers::lag(&mut measurement).await?;
    reads::own_writes(&mut measurement).await?;
    reads::hot(&mut measurement).await?;
    writers::processor_time(&mut measurement).await?;
    writers::loss(&mut measurement).await?;
    let highest = backlog::drain(&mut measurement).await?;
    measurement
        .report
        .quantity("rss_backlog_mb", megabytes(highest));
    commands::of_messages_and_rest(&mut measurement).await?;
    measurement.report.print();
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
