//! People write and read back what they wrote while things break around them.

use bondhu_core::cache::Document;
use bondhu_stack::proxy::Proxy;
use bondhu_stack::testing::execute;
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::hot::DocumentSource;
use sync_worker::mirror::Phase;

use crate::oracle;
use crate::readers::{count_up, newest, people, reader};
use crate::stage::{Stage, eventually};

async fn configure(redis: &mut redis::aio::MultiplexedConnection, name: &str, value: &str) {
    redis::cmd("CONFIG")
        .arg("SET")
        .arg(name)
        .arg(value)
        .exec_async(redis)
        .await
        .unwrap();
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
            if source == DocumentSource::Postgres {
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
            |phase| matches!(phase, Phase::Failing { reason, .. } if reason.contains("OOM")),
        )
        .await;
    let (read, _) = newest(&reader, user, &stage).await;
    assert_eq!(read.as_deref(), Some("no room"));
    configure(&mut redis, "maxmemory", "0").await;
    stage.reads(user, &["before", "no room"]).await;
    mirror.stop().await;
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
            "alter publication bondhu_mirror set table public.companion_profiles (user_id), public.user_sessions (user_id, id),
               public.chat_messages (id, user_id), public.personality_profiles (user_id),
               public.music_preferences, public.video_preferences, public.recommendation_feedback, bondhu.settings (singleton)",
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
            .parse::<bondhu_core::cache::position::Lsn>()
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
            "update public.companion_profiles set locale = 'bn' where $1 is not null",
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

/// Who was read of before it holds nothing of it, and its lease is what gives it away.
#[tokio::test]
async fn a_fill_under_way_when_a_table_is_truncated_is_refused() {
    let stage = Stage::new().await;
    let mirror = stage.following().await;
    let away = stage.database.user().await;
    stage.caught_up().await;
    let mut redis = stage.connect().await;
    let lease = Document::ChatHistory.lease_key(away);
    let () = redis::cmd("SET")
        .arg(&lease)
        .arg("of a reader that takes its time")
        .query_async(&mut redis)
        .await
        .unwrap();
    sqlx::query("truncate public.chat_messages cascade")
        .execute(&stage.superuser)
        .await
        .unwrap();
    stage.caught_up().await;
    let left: u64 = redis::cmd("EXISTS")
        .arg(&lease)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(left, 0, "the lease stands");
    mirror.stop().await;
}
