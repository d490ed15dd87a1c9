//! A commit that the stream tells of before any reader can see it.

use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::{Document, FRESHNESS_LEAST, STATE_KEY};
use bondhu_stack::cluster::{Cluster, ClusterConfig, SUPERUSER};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::template;
use bondhu_stack::testing::{execute, redis};
use redis::AsyncCommands as _;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, PgPool};
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::mirror::Mirror;
use sync_worker::telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage::eventually;

const DATABASE: &str = "visibility";

/// The commit, which changes the settings too, waits for a synchronous standby that never comes:
/// flushed, streamed, and still running in every snapshot. On a server of its own, because every commit there would wait.
#[tokio::test]
async fn a_document_is_not_re_read_before_the_change_can_be_seen() {
    let directory = RunDirectory::create("visibility").unwrap();
    let config = ClusterConfig {
        port: free_port().unwrap(),
        durable: false,
        cron_database: "postgres".to_owned(),
    };
    let installation = Installation::debian_15().unwrap();
    let cluster = Cluster::start(installation, &directory.path().join("data"), &config)
        .await
        .unwrap();
    let server = cluster.superuser().unwrap();
    let mut admin = PgConnection::connect(server.as_str()).await.unwrap();
    execute(&mut admin, &format!("create database {DATABASE}")).await;
    template::build(&server, DATABASE).await.unwrap();

    let redis_space = redis().await;
    let mut redis = redis_space.connect().await;
    let mirror = Mirror::new(
        &MirrorConfig {
            replication_url: cluster.url("postgres", DATABASE).into(),
            redis: RedisTarget::parse(&redis_space.url()).unwrap(),
            slot: "bondhu_mirror".to_owned(),
            publication: "bondhu_mirror".to_owned(),
            ack_delay: Duration::from_secs(1),
            freshness: FRESHNESS_LEAST,
        },
        PgPool::connect(&cluster.url("bondhu_worker", DATABASE))
            .await
            .unwrap(),
        Arc::new(Metrics::default()),
    )
    .unwrap();
    let stop = CancellationToken::new();
    let mirroring = tokio::spawn({
        let stop = stop.clone();
        async move { mirror.run(stop).await }
    });

    let user = Uuid::new_v4();
    let writer = PgPool::connect(&cluster.url(SUPERUSER, DATABASE))
        .await
        .unwrap();
    for sql in [
        "insert into auth.users (id) values ($1)",
        "insert into public.user_sessions (user_id, device_id) values ($1, 'phone')",
    ] {
        sqlx::query(sql).bind(user).execute(&writer).await.unwrap();
    }
    let key = Document::ChatHistory.key(user);
    let messages = async |redis: &mut redis::aio::MultiplexedConnection| -> Option<usize> {
        let text: Option<String> = redis.get(&key).await.unwrap();
        Some(
            serde_json::from_str::<Value>(&text?).unwrap()["data"]
                .as_array()?
                .len(),
        )
    };
    eventually("the session has warmed the document", async || {
        (messages(&mut redis).await? == 0).then_some(())
    })
    .await;

    execute(
        &mut admin,
        "alter system set synchronous_standby_names = 'nobody'",
    )
    .await;
    execute(&mut admin, "select pg_reload_conf()").await;
    let standby = "select current_setting('synchronous_standby_names')";
    eventually("commits wait for nobody", async || {
        let mut fresh = PgConnection::connect(server.as_str()).await.unwrap();
        let names: String = sqlx::query_scalar(standby)
            .fetch_one(&mut fresh)
            .await
            .unwrap();
        (names == "nobody").then_some(())
    })
    .await;
    let state = async |redis: &mut redis::aio::MultiplexedConnection| -> (i64, i64) {
        let text: String = redis.get(STATE_KEY).await.unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        let reached = i64::from_str_radix(state["lsn"].as_str().unwrap(), 16).unwrap();
        (reached, state["settings"].as_i64().unwrap())
    };
    let (_, settings) = state(&mut redis).await;
    let committing = tokio::spawn(async move {
        let change = "with changed as (
               update bondhu.settings set chat_history_document_size = 20 returning version
             )
             insert into public.chat_messages (user_id, message_text) select $1, 'unseen' from changed";
        sqlx::query(change)
            .bind(user)
            .execute(&writer)
            .await
            .unwrap();
    });
    eventually("the commit waits", async || {
        let waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        (waiting == 1).then_some(())
    })
    .await;
    let lsn = |column: &str| format!("select ({column} - '0/0'::pg_lsn)::bigint");
    let committed: i64 = sqlx::query_scalar(&lsn("pg_current_wal_flush_lsn()"))
        .fetch_one(&mut admin)
        .await
        .unwrap();
    // Messages behind the commit: once one is sent, so is the commit.
    let sent = format!(
        "{} from pg_stat_replication where application_name = 'bondhu mirror'",
        lsn("sent_lsn")
    );
    let mut passed = 0;
    let mut last = committed;
    eventually(
        "the stream is past the commit by three messages",
        async || {
            execute(
                &mut admin,
                "select pg_logical_emit_message(false, 'behind', '')",
            )
            .await;
            let now: i64 = sqlx::query_scalar(&sent)
                .fetch_one(&mut admin)
                .await
                .unwrap();
            if now > last {
                (last, passed) = (now, passed + 1);
            }
            (passed >= 3).then_some(())
        },
    )
    .await;

    let (reached, named) = state(&mut redis).await;
    assert!(
        reached < committed,
        "the watermark does not pass what nobody can see"
    );
    assert_eq!(named, settings, "nor name what nobody can see");
    assert_eq!(
        messages(&mut redis).await,
        Some(0),
        "no version is given to a document without it"
    );

    execute(&mut admin, "alter system reset synchronous_standby_names").await;
    execute(&mut admin, "select pg_reload_conf()").await;
    committing.await.unwrap();
    eventually("the message is in Redis", async || {
        (messages(&mut redis).await? == 1).then_some(())
    })
    .await;
    let named = eventually("the watermark passes the commit", async || {
        let (reached, named) = state(&mut redis).await;
        (reached >= committed).then_some(named)
    })
    .await;
    assert_eq!(named, settings + 1);
    stop.cancel();
    mirroring.await.unwrap();
}
