//! People write and read back what they wrote while things break around them.

use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::Document;
use bondhu_dev::process::free_port;
use bondhu_dev::proxy::Proxy;
use bondhu_dev::redis_cluster::RedisCluster;
use bondhu_dev::redis_server::RedisServer;
use bondhu_dev::testing::{Role, execute};
use rustix::process::{Pid, Signal, kill_process};
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::hot::{HotReader, Source};
use sync_worker::mirror::Phase;
use uuid::Uuid;

use crate::oracle;
use crate::stage::{Stage, eventually};

async fn reader(stage: &Stage, redis_url: &str) -> Arc<HotReader> {
    let database = stage.database.pool(Role::Worker).await;
    let redis = RedisTarget::parse(redis_url).unwrap();
    HotReader::new(database, 4, Some(redis), Arc::default())
}

/// The newest message of a user's history.
async fn newest(reader: &Arc<HotReader>, user: Uuid, stage: &Stage) -> (Option<String>, Source) {
    let written = stage.written().await;
    let served = reader
        .read(user, Document::ChatHistory, Some(written))
        .await;
    let served = served.unwrap();
    let document: serde_json::Value = serde_json::from_str(&served.data).unwrap();
    let newest = document.as_array().unwrap().last();
    let text = newest.map(|message| message["message_text"].as_str().unwrap().to_owned());
    (text, served.source)
}

/// Each of `people` counts up in messages and reads each back; returns how many came from Redis.
async fn count_up(stage: &Stage, reader: &Arc<HotReader>, people: &[Uuid], to: u32) -> usize {
    let counting = people.iter().map(|user| async move {
        let mut from_redis = 0;
        for number in 1..=to {
            let text = format!("number {number}");
            stage.say(*user, &text).await;
            let (read, source) = newest(reader, *user, stage).await;
            assert_eq!(read.as_ref(), Some(&text), "from {source:?}");
            from_redis += usize::from(source == Source::Redis);
        }
        from_redis
    });
    futures::future::join_all(counting).await.into_iter().sum()
}

async fn configure(redis: &mut redis::aio::MultiplexedConnection, name: &str, value: &str) {
    redis::cmd("CONFIG")
        .arg("SET")
        .arg(name)
        .arg(value)
        .exec_async(redis)
        .await
        .unwrap();
}

async fn people(stage: &Stage, count: usize) -> Vec<Uuid> {
    let mut people = Vec::new();
    for number in 0..count {
        // Some are here and warm, some are only ever filled.
        people.push(if number % 2 == 0 {
            stage.person().await
        } else {
            stage.database.user().await
        });
    }
    people
}

#[tokio::test]
async fn sixteen_who_write_at_once_never_read_less_than_they_wrote() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 16).await;
    stage.caught_up().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    count_up(&stage, &reader, &people, 8).await;
    eventually("everybody's reads are served from Redis", async || {
        stage.caught_up().await;
        for user in &people {
            let (_, source) = newest(&reader, *user, &stage).await;
            if source == Source::Postgres {
                return None;
            }
        }
        Some(())
    })
    .await;
    assert!(oracle::at_rest(&stage).await >= 16);
    mirror.stop().await;
}

#[tokio::test]
async fn flushes_in_the_middle_of_fills_leave_nothing_stale() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 4).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let mut redis = stage.connect().await;
    let flushing = async {
        for _ in 0..40 {
            redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();
            tokio::task::yield_now().await;
            stage.written().await;
        }
    };
    tokio::join!(count_up(&stage, &reader, &people, 12), flushing);
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_redis_that_evicts_what_it_likes_is_never_wrong() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let mut redis = stage.connect().await;
    for (name, value) in [
        ("maxmemory-policy", "allkeys-random"),
        ("maxmemory", "2500kb"),
    ] {
        configure(&mut redis, name, value).await;
    }
    let people = people(&stage, 8).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    count_up(&stage, &reader, &people, 10).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_full_redis_is_named_and_caught_up_once_it_has_room() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let mut redis = stage.connect().await;
    configure(&mut redis, "maxmemory", "1").await;
    stage.say(user, "no room").await;
    mirror
        .until(
            "it says that Redis is full",
            |phase| matches!(phase, Phase::Failing { reason } if reason.contains("OOM")),
        )
        .await;
    let (read, _) = newest(&reader, user, &stage).await;
    assert_eq!(read.as_deref(), Some("no room"));
    configure(&mut redis, "maxmemory", "0").await;
    stage.reads(user, &["before", "no room"]).await;
    mirror.stop().await;
}

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

/// The fill is on its way when the mirror writes the change, and arrives after it.
#[tokio::test]
async fn a_fill_that_arrives_after_a_change_is_refused() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.database.user().await;
    stage.say(user, "first").await;
    stage.caught_up().await;
    let proxy = Proxy::to(stage.redis_port).await.unwrap();
    let reader = reader(&stage, &format!("redis://127.0.0.1:{}/", proxy.port())).await;
    // Connects, so that the pause falls between lease and fill.
    newest(&reader, stage.database.user().await, &stage).await;

    let mut redis = stage.connect().await;
    let lease = Document::ChatHistory.lease_key(user);
    let pausing = eventually("a lease is taken", async || {
        let taken: bool = redis::cmd("EXISTS")
            .arg(&lease)
            .query_async(&mut redis)
            .await
            .unwrap();
        if taken {
            proxy.pause();
        }
        taken.then_some(())
    });
    let filling = async {
        // Until one of them is caught between its lease and its fill.
        loop {
            stage.forget(user, Document::ChatHistory).await;
            newest(&reader, user, &stage).await;
        }
    };
    tokio::select! {
        () = pausing => {}
        () = filling => {}
    }
    stage.say(user, "second").await;
    stage.caught_up().await;
    proxy.resume();
    stage.reads(user, &["first", "second"]).await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_network_that_stands_still_is_waited_for() {
    let stage = Stage::new().await;
    let proxy = Proxy::to(stage.redis_port).await.unwrap();
    let through = MirrorConfig {
        redis: RedisTarget::parse(&format!("redis://127.0.0.1:{}/", proxy.port())).unwrap(),
        ..stage.config()
    };
    let mirror = stage.following_with(&through).await;
    let user = stage.person().await;
    let reader = reader(&stage, &stage.redis_url()).await;
    count_up(&stage, &reader, &[user], 2).await;
    proxy.pause();
    count_up(&stage, &reader, &[user], 3).await;
    mirror
        .until("Redis is missed", |phase| {
            matches!(phase, Phase::Failing { .. })
        })
        .await;
    proxy.resume();
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn tables_that_change_their_shape_are_followed() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let people = people(&stage, 3).await;
    let reader = reader(&stage, &stage.redis_url()).await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    let changing = async {
        for statement in [
            "alter table public.chat_messages add column note text",
            "alter table public.chat_messages replica identity full",
            "alter table public.chat_messages replica identity default",
            "alter table public.chat_messages drop column note",
            "alter publication bondhu_mirror set table public.profiles (user_id), public.user_sessions (user_id, id),
               public.chat_messages (id, user_id), public.personality_profiles (user_id),
               public.music_preferences, public.video_preferences",
        ] {
            execute(&mut sql, statement).await;
            stage.written().await;
        }
    };
    tokio::join!(count_up(&stage, &reader, &people, 10), changing);
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_busy_database_that_publishes_nothing_lets_go_of_its_log() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(&mut sql, "create table noise (n bigint)").await;
    execute(
        &mut sql,
        "insert into noise select generate_series(1, 200000)",
    )
    .await;
    let written = stage.written().await;
    eventually("the slot is acknowledged past the noise", async || {
        let acknowledged: String = sqlx::query_scalar(
            "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1",
        )
        .bind(stage.slot())
        .fetch_one(&mut *sql)
        .await
        .unwrap();
        (acknowledged
            .parse::<sync_worker::mirror::position::Lsn>()
            .unwrap()
            >= written)
            .then_some(())
    })
    .await;
    mirror.stop().await;
}

#[tokio::test]
async fn one_transaction_of_many_rows_is_mirrored_whole() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let user = stage.person().await;
    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(
        &mut sql,
        "with people as (
           insert into auth.users (id) select gen_random_uuid() from generate_series(1, 60000) returning id
         ) select count(*) from people",
    )
    .await;
    stage
        .run(
            "update public.profiles set locale = 'bn' where $1 is not null",
            user,
        )
        .await;
    stage.caught_up().await;
    let held = stage
        .held(user, Document::PersonalityContext)
        .await
        .unwrap();
    assert_eq!(held["data"]["profile"]["locale"], "bn");
    mirror.stop().await;
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
