//! Redis with users and passwords.

use std::path::Path;

use bondhu_core::cache::{Document, STATE_KEY};
use bondhu_dev::process::free_port;
use bondhu_dev::redis_server::RedisServer;
use redis::{AsyncCommands as _, RedisResult};
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;

use crate::stage::{Stage, eventually};

#[tokio::test]
async fn with_the_acl_file_the_worker_writes_and_readers_only_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("redis.acl");
    let port = free_port().unwrap();
    let arguments = ["--aclfile", file.to_str().unwrap()];
    let _redis = RedisServer::temporary_with(port, &arguments).await.unwrap();
    let url = |user: &str| format!("redis://{user}@127.0.0.1:{port}/");

    let stage = Stage::new().await;
    let user = stage.person().await;
    let config = MirrorConfig {
        redis: RedisTarget::parse(&url("bondhu-worker:change-me")).unwrap(),
        ..stage.config()
    };
    let mirror = stage.following_with(&config).await;
    stage.say(user, "for readers").await;

    let client = redis::Client::open(url("bondhu-reader:change-me-too")).unwrap();
    let mut reader = client.get_multiplexed_async_connection().await.unwrap();
    let key = Document::ChatHistory.key(user);
    eventually("a reader sees the message", async || {
        let text: Option<String> = reader.get(&key).await.unwrap();
        text?.contains("for readers").then_some(())
    })
    .await;
    let state: String = reader.get(STATE_KEY).await.unwrap();
    assert!(state.contains("epoch"));

    let refused: [RedisResult<()>; 4] = [
        reader.set(&key, "forged").await,
        reader.del(STATE_KEY).await,
        reader.get("ratelimit:spotify:{x}").await,
        redis::cmd("FLUSHALL").exec_async(&mut reader).await,
    ];
    for outcome in refused {
        assert_eq!(outcome.unwrap_err().code(), Some("NOPERM"));
    }
    let nobody = redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
    let mut nobody = nobody.get_multiplexed_async_connection().await.unwrap();
    let outcome: RedisResult<String> = nobody.get(&key).await;
    assert_eq!(outcome.unwrap_err().code(), Some("NOAUTH"));
    mirror.stop().await;
}
