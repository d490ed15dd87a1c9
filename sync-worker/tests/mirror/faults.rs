//! What Redis holds after something broke.

use std::time::Duration;

use bondhu_core::cache::Document;
use bondhu_stack::redis_server::RedisServer;
use bondhu_stack::testing::{drop_slot, execute};
use sync_worker::config::MirrorConfig;
use sync_worker::mirror::Phase;

use crate::stage::{Stage, eventually, version};

#[tokio::test]
async fn a_mirror_that_was_away_catches_up_in_its_epoch() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let epoch = stage.epoch().await;
    mirror.stop().await;

    stage.say(user, "meanwhile").await;
    assert_eq!(stage.texts(user).await.unwrap(), ["before"]);
    let mirror = stage.following().await;
    stage.reads(user, &["before", "meanwhile"]).await;
    assert_eq!(stage.epoch().await, epoch, "no gap, no new epoch");
    mirror.stop().await;
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_it_loses_nothing() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let user = stage.person().await;
    let mut texts: Vec<String> = Vec::new();
    for round in 0..4 {
        let mut worker = stage.process(directory.path());
        for number in 0..10 {
            texts.push(format!("message {number} of round {round}"));
            stage.say(user, texts.last().unwrap()).await;
            if number == 4 && round == 0 {
                eventually("the first worker has begun", async || {
                    stage.texts(user).await
                })
                .await;
            }
        }
        // SIGKILL, at whatever it is doing.
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let mirror = stage.following().await;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    stage.reads(user, &texts).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_slot_that_was_dropped_begins_a_new_epoch_and_nothing_stays_stale() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let (epoch, before) = (
        stage.epoch().await,
        stage.held(user, Document::ChatHistory).await.unwrap(),
    );
    mirror.stop().await;

    let mut superuser = stage.superuser.acquire().await.unwrap();
    drop_slot(&mut superuser, stage.slot()).await;
    stage.say(user, "in the gap").await;

    let mirror = stage.following().await;
    stage.reads(user, &["before", "in the gap"]).await;
    assert!(stage.epoch().await > epoch);
    assert!(version(&stage.held(user, Document::ChatHistory).await.unwrap()) > version(&before));
    mirror.stop().await;
}

#[tokio::test]
async fn a_publication_made_anew_is_followed_from_a_new_slot() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let epoch = stage.epoch().await;
    mirror.stop().await;

    let mut superuser = stage.superuser.acquire().await.unwrap();
    execute(&mut superuser, "drop publication bondhu_mirror").await;
    let mirror = stage.mirror().await;
    mirror
        .until("it misses the publication", |phase| {
            fails_with(phase, "publication")
        })
        .await;
    stage.say(user, "unpublished").await;
    let publication = include_str!("../../../sql/70_operation/20_publication.sql");
    execute(&mut superuser, publication).await;
    stage.reads(user, &["before", "unpublished"]).await;
    assert!(stage.epoch().await > epoch);
    mirror.stop().await;
}

#[tokio::test]
async fn a_redis_that_was_flushed_is_filled_again_for_those_who_are_here() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "still here").await;
    stage.reads(user, &["still here"]).await;
    let epoch = stage.epoch().await;

    redis::cmd("FLUSHALL")
        .exec_async(&mut stage.connect().await)
        .await
        .unwrap();
    stage.reads(user, &["still here"]).await;
    assert!(stage.epoch().await >= epoch);
    mirror.stop().await;
}

#[tokio::test]
async fn a_redis_that_is_down_is_named_and_caught_up_when_it_is_back() {
    let mut stage = Stage::new().await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;

    stage.redis.take().unwrap().stop();
    mirror
        .until("Redis is missed", |phase| fails_with(phase, "Redis"))
        .await;
    stage.say(user, "while it was down").await;
    stage.redis = Some(RedisServer::temporary_on(stage.redis_port).await.unwrap());
    stage.reads(user, &["before", "while it was down"]).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_second_mirror_stands_by_and_takes_over() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let first = stage.following().await;
    let second = stage.mirror().await;
    second
        .until("it stands by", |phase| *phase == Phase::StandingBy)
        .await;

    stage.say(user, "under the first").await;
    stage.reads(user, &["under the first"]).await;
    let epoch = stage.epoch().await;
    first.stop().await;
    second
        .until("it follows", |phase| {
            matches!(phase, Phase::Following { .. })
        })
        .await;
    stage.say(user, "under the second").await;
    stage
        .reads(user, &["under the first", "under the second"])
        .await;
    assert_eq!(stage.epoch().await, epoch, "a takeover is no gap");
    second.stop().await;
}

#[tokio::test]
async fn a_slot_of_another_kind_is_left_alone_and_named() {
    let stage = Stage::new().await;
    let mut superuser = stage.superuser.acquire().await.unwrap();
    let slot = stage.slot();
    execute(
        &mut superuser,
        &format!("select pg_create_logical_replication_slot('{slot}', 'test_decoding')"),
    )
    .await;
    let mirror = stage.mirror().await;
    mirror
        .until("the plugin is named", |phase| {
            fails_with(phase, "test_decoding, not pgoutput")
        })
        .await;
    mirror.stop().await;
    drop_slot(&mut superuser, slot).await;
}

#[tokio::test]
async fn what_redis_has_not_held_long_enough_is_not_acknowledged() {
    let stage = Stage::new().await;
    let user = stage.person().await;
    let never = MirrorConfig {
        ack_delay: Duration::from_secs(24 * 60 * 60),
        ..stage.config()
    };
    let mirror = stage.following_with(&never).await;
    stage.say(user, "kept for a failover").await;
    stage.reads(user, &["kept for a failover"]).await;
    let acknowledged = async || -> i64 {
        sqlx::query_scalar(
            "select (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint from pg_replication_slots where slot_name = $1",
        )
        .bind(stage.slot())
        .fetch_one(&stage.superuser)
        .await
        .unwrap()
    };
    let held = i64::from_str_radix(
        &version(&stage.held(user, Document::ChatHistory).await.unwrap())[8..],
        16,
    )
    .unwrap();
    stage.caught_up().await;
    mirror.stop().await;
    assert!(
        acknowledged().await < held,
        "it is acknowledged before its time"
    );

    let mirror = stage.following().await;
    eventually("it is acknowledged", async || {
        (acknowledged().await >= held).then_some(())
    })
    .await;
    mirror.stop().await;
}

fn fails_with(phase: &Phase, text: &str) -> bool {
    matches!(phase, Phase::Failing { reason, .. } if reason.contains(text))
}
