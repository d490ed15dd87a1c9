//! How people who chat fare while another's old messages come in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::PgConnection;
use tokio::process::Command;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::databases::{Databases, Variant, bench_user};
use bondhu_stack::worker;

/// Somebody says something so often, and so many times with and without an import in each round.
const EVERY: Duration = Duration::from_millis(20);
const SAID: usize = 500;
const ROUNDS: usize = 3;

const READ_WITHIN: Duration = Duration::from_secs(120);

/// More than an import of this length brings in while it is measured.
const OLD_MESSAGES: i64 = 200_000;

/// Latencies in microseconds of messages without and with an import running beside them, in turn.
pub(super) async fn measure(
    databases: &Databases,
    directory: &Path,
    people: i32,
    importer: i32,
    texts: &[String],
) -> Result<[Vec<f64>; 2]> {
    let mut owner = databases.connect("postgres", Variant::Engine).await?;
    let mut took = [const { Vec::new() }; 2];
    for round in 0..ROUNDS {
        say(&mut owner, people, texts, &mut took[0]).await?;
        let file = directory.join(format!("history_{round}.jsonl"));
        fs::write(&file, history(round, texts))?;
        let importer = bench_user(importer)?;
        let before = imported(&mut owner, importer).await?;
        let user = importer.to_string();
        let owner_url = databases.url("postgres", Variant::Engine);
        let path = file.to_string_lossy();
        let arguments = ["import", "messages", path.as_ref(), "--user", user.as_str()];
        let environment = [("BONDHU_OWNER_URL", owner_url)].into_iter().collect();
        let import = worker::command(&arguments, &environment, directory)?;
        let mut import = Command::from(import).kill_on_drop(true).spawn()?;
        // First it reads the file.
        let begun = Instant::now();
        while imported(&mut owner, importer).await? == before {
            ensure!(
                import.try_wait()?.is_none() && begun.elapsed() < READ_WITHIN,
                "the import does not write"
            );
            tokio::time::sleep(EVERY).await;
        }
        say(&mut owner, people, texts, &mut took[1]).await?;
        ensure!(
            import.try_wait()?.is_none(),
            "the import ended before it was measured"
        );
        import.kill().await?;
    }
    Ok(took)
}

async fn imported(owner: &mut PgConnection, user: Uuid) -> Result<i64> {
    Ok(
        sqlx::query_scalar("select count(*) from public.chat_messages where user_id = $1")
            .bind(user)
            .fetch_one(owner)
            .await?,
    )
}

async fn say(
    owner: &mut PgConnection,
    people: i32,
    texts: &[String],
    took: &mut Vec<f64>,
) -> Result<()> {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (number, text) in texts.iter().cycle().take(SAID).enumerate() {
        every.tick().await;
        let user = bench_user(i32::try_from(number)? % people + 1)?;
        let began = Instant::now();
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, $2)")
            .bind(user)
            .bind(text)
            .execute(&mut *owner)
            .await?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

/// Old messages as JSON lines; each round's are others.
fn history(round: usize, texts: &[String]) -> String {
    let mut lines = String::new();
    for (number, text) in (0..OLD_MESSAGES).zip(texts.iter().cycle()) {
        let text = serde_json::Value::from(text.as_str());
        let at = 1_600_000_000 + number * 60;
        let at = chrono::DateTime::from_timestamp(at, 0).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            lines,
            "{{\"text\":{text},\"sender\":\"user\",\"at\":\"{}\",\"id\":\"{round}/{number}\"}}",
            at.to_rfc3339()
        );
    }
    lines
}
