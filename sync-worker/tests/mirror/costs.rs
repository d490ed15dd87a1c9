//! What the mirror costs where Redis is billed by command: counted, never timed. Where it matters that
//! nobody else writes to the log, on a server of its own.

use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::position::Lsn;
use bondhu_core::cache::{Document, FRESHNESS_LEAST};
use bondhu_stack::testing::{Role, drop_slot, execute};
use serde_json::json;
use sqlx::Connection as _;
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::hot::{DocumentSource, HotReader};
use sync_worker::mirror::{Phase, renewed_after};
use sync_worker::telemetry::Metrics;
use uuid::Uuid;

use crate::alone::counted;
use crate::crashes::Server;
use crate::readers::{newest, reader};
use crate::stage::{Running, Stage, eventually, version};

const MINUTE: Duration = Duration::from_secs(60);

/// More than any test waits: what happens within it happens because somebody asked.
const LONG: Duration = Duration::from_secs(300);

fn with_freshness(stage: &Stage, freshness: Duration) -> MirrorConfig {
    MirrorConfig {
        freshness,
        ..stage.config()
    }
}

/// Scripts that Redis has carried out: all that a mirror and its readers send once they are connected.
async fn scripts(stage: &Stage) -> u64 {
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut stage.connect().await)
        .await
        .unwrap();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    let calls = line.map_or("0", |line| line.split(',').next().unwrap());
    calls.parse().unwrap()
}

/// Commands that a mirror counts.
fn commands(mirror: &Running) -> u64 {
    counted(mirror, "bondhu_redis_commands_total{use=\"mirror\"}")
}

async fn instant(stage: &Stage) -> i64 {
    stage.state().await.unwrap()["ts"].as_i64().unwrap()
}

/// Waits until the watermark is renewed.
async fn renewed(stage: &Stage) {
    let before = instant(stage).await;
    eventually("the watermark is renewed", async || {
        (instant(stage).await > before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn at_rest_a_renewal_is_one_command_and_there_are_few() {
    let a_day = 24 * 60 * MINUTE.as_secs() / renewed_after(MINUTE).as_secs();
    assert!(a_day <= 3_000, "{a_day} a day");
    assert!(renewed_after(MINUTE) * 2 <= MINUTE, "and in time");

    let (_server, stage) = Server::start("rest").await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.say(user, "and no more").await;
    stage.reads(user, &["and no more"]).await;
    settled(&stage, user).await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    let witness = format!("{}_witness", stage.slot());
    execute(
        &mut sql,
        &format!("select pg_create_logical_replication_slot('{witness}', 'test_decoding')"),
    )
    .await;
    renewed(&stage).await;

    let apart = i64::try_from(renewed_after(FRESHNESS_LEAST).as_millis()).unwrap();
    let (begun, before) = (instant(&stage).await, scripts(&stage).await);
    eventually("it is renewed again and again", async || {
        (instant(&stage).await >= begun + 3 * apart).then_some(())
    })
    .await;
    let sent = scripts(&stage).await - before;
    // However late one looks: so many renewals there may have been by the watermark's own instants.
    let most = (instant(&stage).await - begun).unsigned_abs() / apart.unsigned_abs() + 1;
    assert!(sent <= most, "{sent} commands for {most} renewals");

    let written: i64 = sqlx::query_scalar(
        "select count(*) from pg_logical_slot_peek_changes($1, null, null) where data like 'message:%bondhu.mirror%'",
    )
    .bind(&witness)
    .fetch_one(&mut *sql)
    .await
    .unwrap();
    assert!(
        written.unsigned_abs() <= most,
        "{written} messages in the log for {most} renewals"
    );
    drop_slot(&mut sql, &witness).await;
    mirror.stop().await;
}

/// Waits until the watermark has followed a user's history: what the mirror had to do is done.
async fn settled(stage: &Stage, user: Uuid) {
    let held = stage.held(user, Document::ChatHistory).await.unwrap();
    let position = u64::from_str_radix(&version(&held)[8..], 16).unwrap();
    eventually("the watermark follows the document", async || {
        stage.has_passed(Lsn(position)).await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_message_costs_few_commands_and_a_read_one() {
    let (_server, stage) = Server::start("few").await;
    let mirror = stage.following_with(&with_freshness(&stage, LONG)).await;
    let here = stage.person().await;
    let away = stage.database.user().await;
    let metrics = Arc::new(Metrics::default());
    let redis = RedisTarget::parse(&stage.redis_url()).unwrap();
    let database = stage.database.pool(Role::Worker).await;
    let hot = HotReader::new(database, 4, Some(redis), Arc::clone(&metrics));
    let read = async |user| {
        let served = hot.read(user, Document::ChatHistory, None).await.unwrap();
        served.source
    };
    let reads = || -> u64 {
        let text = metrics.encode().unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("bondhu_redis_commands_total{use=\"hot\"} "));
        line.unwrap().parse().unwrap()
    };
    for user in [here, away] {
        stage.say(user, "first").await;
        // Of who is away it is filled, once the mirror is trusted.
        eventually("the history is served from Redis", async || {
            (read(user).await == DocumentSource::Redis).then_some(())
        })
        .await;
        stage.reads(user, &["first"]).await;
    }
    for user in [away, here] {
        stage.say(user, "second").await;
        stage.reads(user, &["first", "second"]).await;
    }
    settled(&stage, here).await;

    let before = scripts(&stage).await;
    let (sent, asked) = (commands(&mirror), reads());
    let times = 20;
    for _ in 0..times {
        assert_eq!(read(here).await, DocumentSource::Redis);
    }
    assert_eq!(reads() - asked, times, "one a read");
    assert_eq!(
        commands(&mirror),
        sent,
        "which are no matter of the mirror's"
    );
    let mut texts = vec!["first".to_owned(), "second".to_owned()];
    for number in 0..times {
        texts.push(format!("number {number}"));
        for user in [away, here] {
            stage.say(user, texts.last().unwrap()).await;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            stage.reads(user, &texts).await;
        }
    }
    settled(&stage, here).await;
    let sent = commands(&mirror) - sent;
    assert!(sent <= 6 * 2 * times, "{sent} for {} messages", 2 * times);
    let asked = reads() - asked;
    assert_eq!(
        scripts(&stage).await - before,
        sent + asked,
        "Redis counts the same"
    );
    mirror.stop().await;
}

#[tokio::test]
async fn a_standby_asks_redis_nothing() {
    let stage = Stage::new().await;
    let leader = stage.following().await;
    let standby = stage.mirror().await;
    standby
        .until("it stands by", |phase| *phase == Phase::StandingBy)
        .await;
    for _ in 0..2 {
        renewed(&stage).await;
    }
    assert_eq!(standby.status.phase(), Phase::StandingBy);
    assert_eq!(commands(&standby), 0);
    standby.stop().await;
    leader.stop().await;
}

#[tokio::test]
async fn the_watermark_says_how_long_it_is_good_for_and_who_ends_promises_little() {
    let stage = Stage::new().await;
    let good_for = async || stage.state().await.unwrap()["good_for"].clone();
    let mirror = stage.following_with(&with_freshness(&stage, MINUTE)).await;
    assert_eq!(good_for().await, json!(60));
    mirror.stop().await;
    assert_eq!(good_for().await, json!(5));
}

/// What readers had stopped trusting by the word of the former mirror, the next one does not give out as good for longer.
#[tokio::test]
async fn a_mirror_that_starts_revives_no_promise_that_is_over() {
    let stage = Stage::new().await;
    let mirror = stage.following_with(&with_freshness(&stage, MINUTE)).await;
    mirror.stop().await;
    let mut over = stage.state().await.unwrap();
    let before = over["ts"].as_i64().unwrap();
    over["ts"] = json!(before - 40_000);
    let _: () = redis::cmd("SET")
        .arg("mirror:state")
        .arg(over.to_string())
        .query_async(&mut stage.connect().await)
        .await
        .unwrap();
    let looks = async {
        loop {
            let state = stage.state().await.unwrap();
            let at = state["ts"].as_i64().unwrap();
            if state["good_for"] == json!(60) {
                assert!(at == 0 || at > before, "{state}");
            }
            if at > before {
                break;
            }
        }
    };
    let config = with_freshness(&stage, MINUTE);
    let (mirror, ()) = tokio::join!(stage.following_with(&config), looks);
    mirror.stop().await;
}

/// Nothing that is published happens, and by itself the mirror would be silent for minutes.
#[tokio::test]
async fn who_asks_for_what_is_written_has_proof_at_once_however_seldom_the_mirror_speaks() {
    let stage = Stage::new().await;
    let mirror = stage.following_with(&with_freshness(&stage, LONG)).await;
    let user = stage.person().await;
    stage.say(user, "here").await;
    stage.reads(user, &["here"]).await;
    let hot = reader(&stage, &stage.redis_url()).await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(&mut sql, "create table noise (n bigint)").await;
    eventually("Redis serves what lies before the noise", async || {
        execute(&mut sql, "insert into noise values (1)").await;
        let (read, source) = newest(&hot, user, &stage).await;
        assert_eq!(read.as_deref(), Some("here"));
        (source == DocumentSource::Redis).then_some(())
    })
    .await;
    mirror.stop().await;
}

/// What an open transaction has written is in the log and flushed by nobody: the stream would not come to
/// its end.
#[tokio::test]
async fn a_transaction_that_stays_open_holds_no_renewal_up() {
    let (_server, stage) = Server::start("open").await;
    let mirror = stage.following().await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(&mut sql, "create table noise (n bigint)").await;
    let mut open = sql.begin().await.unwrap();
    sqlx::query("insert into noise values (1)")
        .execute(&mut *open)
        .await
        .unwrap();
    for _ in 0..2 {
        renewed(&stage).await;
    }
    open.rollback().await.unwrap();
    mirror.stop().await;
}
