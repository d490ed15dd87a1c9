//! The faults at their full strength, while people write and read back what they wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bondhu_stack::redis_cluster::RedisCluster;
use bondhu_stack::redis_server::RedisServer;
use bondhu_stack::testing::{drop_slot, execute};
use rustix::process::{Pid, Signal, kill_process};
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::hot::{DocumentSource, HotReader};
use sync_worker::mirror::Phase;
use uuid::Uuid;

use crate::oracle;
use crate::readers::{count_up, newest, people, reader};
use crate::stage::{Stage, eventually};

/// What a worker may need at its most.
const MOST_MEMORY_BYTES: u64 = 128 << 20;

/// A worker that was not optimised takes its time over a million rows.
const A_MILLION_WITHIN: Duration = Duration::from_secs(300);

/// People count up again and again while `fault` goes on, and once more after it.
async fn while_people_count_up<T>(
    stage: &Stage,
    reader: &Arc<HotReader>,
    people: &[Uuid],
    fault: impl Future<Output = T>,
) -> T {
    let over = AtomicBool::new(false);
    let counting = async {
        while !over.load(Ordering::Relaxed) {
            count_up(stage, reader, people, 2).await;
        }
        count_up(stage, reader, people, 2).await;
    };
    let faulting = async {
        let outcome = fault.await;
        over.store(true, Ordering::Relaxed);
        outcome
    };
    tokio::join!(counting, faulting).1
}

/// Everybody's reads of their own writes come from Redis again.
async fn served_by_redis(stage: &Stage, reader: &Arc<HotReader>, people: &[Uuid]) {
    for user in people {
        eventually("a read comes from Redis", async || {
            let (_, source) = newest(reader, *user, stage).await;
            (source == DocumentSource::Redis).then_some(())
        })
        .await;
    }
}

/// Reads come from Redis again, and every key is right.
async fn healed(stage: &Stage, reader: &Arc<HotReader>, people: &[Uuid]) {
    served_by_redis(stage, reader, people).await;
    stage.caught_up().await;
    assert!(oracle::at_rest(stage).await >= people.len());
}

/// The most that a process has had in memory, in bytes.
pub(crate) fn high_water(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().next().unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// Every row is of another user, which is the most that there can be to remember.
#[tokio::test]
async fn a_transaction_of_a_million_rows_takes_bounded_memory_and_hides_nothing() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let mut worker = stage.process(directory.path());
    let people = people(&stage, 4).await;
    stage.caught_up().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    let million = async {
        // Without triggers the million users need not exist.
        execute(&mut sql, "set session_replication_role = replica").await;
        execute(
            &mut sql,
            "insert into public.user_sessions (user_id, device_id, ended_at, end_reason)
             select gen_random_uuid(), 'phone', now(), 'ended' from generate_series(1, 1000000)",
        )
        .await;
        let written = stage.written().await;
        let begun = Instant::now();
        while !stage.has_passed(written).await {
            assert!(begun.elapsed() < A_MILLION_WITHIN, "the mirror hangs");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    while_people_count_up(&stage, &reader, &people, million).await;
    let most = high_water(worker.id());
    assert!(most < MOST_MEMORY_BYTES, "{} MB", most >> 20);
    healed(&stage, &reader, &people).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[tokio::test]
async fn a_redis_that_is_away_for_half_a_minute_is_done_without_and_caught_up() {
    let mut stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 4).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    count_up(&stage, &reader, &people, 2).await;
    stage.redis.take().unwrap().kill();
    // Not a wait for something: half a minute is what is tested.
    let away = tokio::time::sleep(Duration::from_secs(30));
    while_people_count_up(&stage, &reader, &people, away).await;
    stage.redis = Some(RedisServer::temporary_on(stage.redis_port).await.unwrap());
    healed(&stage, &reader, &people).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_slot_dropped_from_under_the_mirror_begins_a_new_epoch() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 4).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    count_up(&stage, &reader, &people, 2).await;
    let epoch = stage.epoch().await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    let dropping = async {
        drop_slot(&mut sql, stage.slot()).await;
        eventually("there is a new epoch", async || {
            (stage.epoch().await > epoch).then_some(())
        })
        .await;
    };
    while_people_count_up(&stage, &reader, &people, dropping).await;
    healed(&stage, &reader, &people).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_publication_dropped_from_under_the_mirror_is_missed_and_made_up_for() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 4).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    count_up(&stage, &reader, &people, 2).await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    let dropping = async {
        execute(&mut sql, "drop publication bondhu_mirror").await;
        mirror
            .until(
                "it misses the publication",
                |phase| matches!(phase, Phase::Failing { reason, .. } if reason.contains("publication")),
            )
            .await;
        let publication = include_str!("../../../sql/70_operation/20_publication.sql");
        execute(&mut sql, publication).await;
    };
    while_people_count_up(&stage, &reader, &people, dropping).await;
    healed(&stage, &reader, &people).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_cluster_that_loses_a_master_is_followed_to_its_replica() {
    let mut cluster = RedisCluster::start().await.unwrap();
    let stage = Stage::new().await;
    let config = MirrorConfig {
        redis: RedisTarget::parse(&cluster.url()).unwrap(),
        ..stage.config()
    };
    let people = people(&stage, 12).await;
    let mirror = stage.following_with(&config).await;
    let reader = reader(&stage, &cluster.url()).await;
    served_by_redis(&stage, &reader, &people).await;
    // Of the first three nodes one serves some of these people.
    cluster.kill(0);
    let replaced = served_by_redis(&stage, &reader, &people);
    while_people_count_up(&stage, &reader, &people, replaced).await;
    count_up(&stage, &reader, &people, 2).await;
    served_by_redis(&stage, &reader, &people).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_standby_takes_over_from_a_mirror_that_hangs() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let people = people(&stage, 4).await;
    let mut hanging = stage.process(directory.path());
    stage.caught_up().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let standby = stage.mirror().await;
    standby
        .until("it stands by", |phase| *phase == Phase::StandingBy)
        .await;
    count_up(&stage, &reader, &people, 2).await;
    kill_process(Pid::from_child(&hanging), Signal::STOP).unwrap();
    let taken_over = standby.until("it follows", |phase| {
        matches!(phase, Phase::Following { .. })
    });
    while_people_count_up(&stage, &reader, &people, taken_over).await;
    healed(&stage, &reader, &people).await;
    hanging.kill().unwrap();
    hanging.wait().unwrap();
    standby.stop().await;
}
