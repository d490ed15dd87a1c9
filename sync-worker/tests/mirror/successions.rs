//! Another Redis, another mirror, other slots: who follows whom, and what is not lost by it.

use std::time::Duration;

use bondhu_stack::process::free_port;
use bondhu_stack::redis_cluster::RedisCluster;
use bondhu_stack::redis_server::RedisServer;
use rustix::process::{Pid, Signal, kill_process};
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;

use crate::oracle;
use crate::readers::{count_up, people, reader};
use crate::stage::{Stage, eventually};

/// A new server on the same port copies what a replica had, which lacks what was written last.
#[tokio::test]
async fn a_failover_that_loses_acknowledged_writes_is_replayed_from_the_slot() {
    let mut stage = Stage::new().await;
    let never = MirrorConfig {
        ack_delay: Duration::from_secs(24 * 60 * 60),
        ..stage.config()
    };
    let mirror = stage.following_with(&never).await;
    let user = stage.person().await;
    stage.say(user, "replicated").await;
    stage.reads(user, &["replicated"]).await;
    stage.caught_up().await;

    let replica_port = free_port().unwrap();
    let _replica = RedisServer::temporary_on(replica_port).await.unwrap();
    let client = redis::Client::open(format!("redis://127.0.0.1:{replica_port}/")).unwrap();
    let mut replica = client.get_multiplexed_async_connection().await.unwrap();
    copy(&mut replica, stage.redis_port).await;
    let epoch = stage.epoch().await;

    stage.say(user, "acknowledged and lost").await;
    stage
        .reads(user, &["replicated", "acknowledged and lost"])
        .await;
    stage.caught_up().await;
    stage.redis.take().unwrap().kill();
    let promoted = RedisServer::temporary_on(stage.redis_port).await.unwrap();
    stage.redis = Some(promoted);
    copy(&mut stage.connect().await, replica_port).await;

    stage
        .reads(user, &["replicated", "acknowledged and lost"])
        .await;
    assert!(stage.epoch().await >= epoch);
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

/// Makes a server what another one is now, and then a master of its own.
async fn copy(to: &mut redis::aio::MultiplexedConnection, from: u16) {
    let mut command = async |words: &[&str]| -> String {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(to).await.unwrap()
    };
    command(&["REPLICAOF", "127.0.0.1", &from.to_string()]).await;
    eventually("it has copied everything", async || {
        let info = command(&["INFO", "replication"]).await;
        info.contains("master_link_status:up").then_some(())
    })
    .await;
    command(&["REPLICAOF", "NO", "ONE"]).await;
}

#[tokio::test]
async fn a_mirror_that_was_stopped_is_replaced_and_does_no_harm_when_it_wakes() {
    let stage = Stage::new().await;
    let directory = tempfile::tempdir().unwrap();
    let people = people(&stage, 4).await;
    let mut zombie = stage.process(directory.path());
    stage.caught_up().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let pid = Pid::from_child(&zombie);
    let stopping = async {
        stage.caught_up().await;
        kill_process(pid, Signal::STOP).unwrap();
    };
    tokio::join!(count_up(&stage, &reader, &people, 6), stopping);

    let successor = stage.following().await;
    for user in &people {
        stage
            .run("delete from public.chat_messages where user_id = $1", *user)
            .await;
    }
    kill_process(pid, Signal::CONT).unwrap();
    count_up(&stage, &reader, &people, 6).await;
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    zombie.kill().unwrap();
    zombie.wait().unwrap();
    successor.stop().await;
}

#[tokio::test]
async fn a_cluster_is_followed_while_its_slots_move() {
    let cluster = RedisCluster::start().await.unwrap();
    let stage = Stage::new().await;
    let config = MirrorConfig {
        redis: RedisTarget::parse(&cluster.url()).unwrap(),
        ..stage.config()
    };
    let people = people(&stage, 8).await;
    let mirror = stage.following_with(&config).await;
    let reader = reader(&stage, &cluster.url()).await;
    eventually("reads are served from the cluster", async || {
        (count_up(&stage, &reader, &people, 1).await > 0).then_some(())
    })
    .await;
    let resharding = async {
        let moved = tokio::task::spawn_blocking(move || cluster.reshard(2000).map(|()| cluster));
        moved.await.unwrap().unwrap()
    };
    let (_, _cluster) = tokio::join!(count_up(&stage, &reader, &people, 8), resharding);
    eventually("reads are served from the cluster again", async || {
        (count_up(&stage, &reader, &people, 1).await > 0).then_some(())
    })
    .await;
    mirror.stop().await;
}
