//! Ways to Redis: users and passwords, TLS, sentinels.

use std::path::Path;
use std::process::Command;

use bondhu_core::cache::{Document, STATE_KEY};
use bondhu_stack::process::{self, Server, free_port};
use bondhu_stack::redis_server::RedisServer;
use redis::{AsyncCommands as _, RedisResult};
use rustix::process::Signal;
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

/// Signs a certificate for 127.0.0.1 with an authority of its own, in files of `directory`.
fn certify(directory: &Path) {
    std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt",
        "req -newkey rsa:2048 -nodes -subj /CN=redis -keyout redis.key -out redis.csr",
        "x509 -req -days 2 -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out redis.crt",
    ] {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
}

#[tokio::test]
async fn a_worker_speaks_tls_with_redis() {
    let directory = tempfile::tempdir().unwrap();
    certify(directory.path());
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let port = free_port().unwrap();
    let tls_port = free_port().unwrap();
    let arguments = [
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &file("redis.crt"),
        "--tls-key-file",
        &file("redis.key"),
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-auth-clients",
        "no",
    ];
    let redis = RedisServer::temporary_with(port, &arguments).await.unwrap();
    let stage = Stage::with(redis).await;
    let user = stage.person().await;
    stage.say(user, "sealed on its way").await;
    let mut worker = stage
        .command(directory.path())
        .env("REDIS_URL", format!("rediss://127.0.0.1:{tls_port}/"))
        .env("SSL_CERT_FILE", file("ca.crt"))
        .spawn()
        .unwrap();
    stage.reads(user, &["sealed on its way"]).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[tokio::test]
async fn sentinels_lead_to_the_master_that_they_have_made() {
    let (port, heir_port) = (free_port().unwrap(), free_port().unwrap());
    let redis = RedisServer::temporary_on(port).await.unwrap();
    let primary = ["--replicaof", "127.0.0.1", &port.to_string()];
    let _heir = RedisServer::temporary_with(heir_port, &primary)
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let sentinel_port = free_port().unwrap();
    let configuration = directory.path().join("sentinel.conf");
    std::fs::write(
        &configuration,
        format!(
            "port {sentinel_port}\nbind 127.0.0.1\nsentinel monitor bondhu 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds bondhu 500\nsentinel failover-timeout bondhu 2000\n"
        ),
    )
    .unwrap();
    let mut sentinel = process::with_death_signal(Path::new("redis-server"), Signal::TERM);
    sentinel.arg(&configuration).arg("--sentinel");
    let log = directory.path().join("sentinel.log");
    let _sentinel = Server::start("sentinel", sentinel, Signal::TERM, &log).unwrap();

    let mut stage = Stage::with(redis).await;
    let url = format!("redis-sentinel://127.0.0.1:{sentinel_port}/bondhu");
    let config = MirrorConfig {
        redis: RedisTarget::parse(&url).unwrap(),
        ..stage.config()
    };
    let user = stage.person().await;
    let mirror = stage.following_with(&config).await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;

    stage.redis.take().unwrap().kill();
    stage.say(user, "after").await;
    stage.redis_port = heir_port;
    stage.reads(user, &["before", "after"]).await;
    mirror.stop().await;
}
