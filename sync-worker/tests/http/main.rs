//! The worker's HTTP, from its own process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use bondhu_stack::process::free_port;
use bondhu_stack::testing::{Database, Role, redis};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

mod hot_reads;
mod strangers;
mod worker;

use worker::{DEADLINE, Worker};

#[tokio::test]
async fn without_redis_everything_else_is_ready_and_says_so() {
    let database = Database::create().await;
    let worker = Worker::start(&[("DATABASE_URL", database.url(Role::Worker))]);
    let report = worker
        .readyz_until("it is ready", |status, _| status == 200)
        .await;
    assert_eq!(
        report["dependencies"]["redis"]["detail"],
        "off: REDIS_URL is not set"
    );
    assert_eq!(report["dependencies"]["postgres"]["ok"], true);
    assert_eq!(worker.get("/healthz").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn a_worker_with_everything_is_ready_and_shows_its_metrics() {
    let database = Database::create().await;
    let redis = redis().await;
    let worker = Worker::start(&[
        ("DATABASE_URL", database.url(Role::Worker)),
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", redis.url()),
        ("BONDHU_SLOT", database.name().to_owned()),
    ]);
    let report = worker
        .readyz_until("it is ready", |status, _| status == 200)
        .await;
    let mirror = report["dependencies"]["mirror"]["detail"].as_str().unwrap();
    assert!(mirror.starts_with("follows at "), "{mirror}");

    assert_eq!(
        worker.get("/metrics").await.0,
        404,
        "not where browsers are"
    );
    let (status, metrics) = worker.get_url(&worker.metrics_url).await;
    assert_eq!(status, 200);
    for name in [
        "bondhu_mirror_leading 1",
        "bondhu_mirror_lag_seconds_bucket",
        "bondhu_mirror_documents_total",
    ] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
}

#[tokio::test]
async fn a_postgres_that_is_away_is_named_and_the_process_stays_up() {
    let port = free_port().unwrap();
    let mut worker = Worker::start(&[(
        "DATABASE_URL",
        format!("postgres://bondhu_worker@127.0.0.1:{port}/bondhu"),
    )]);
    let report = worker
        .readyz_until("it is not ready", |status, _| status == 503)
        .await;
    assert_eq!(report["dependencies"]["postgres"]["ok"], false, "{report}");
    assert_eq!(
        worker.get("/healthz").await.0,
        200,
        "it is alive all the same"
    );
    assert!(worker.process.try_wait().unwrap().is_none());
}

#[tokio::test]
async fn a_redis_that_is_away_is_named_and_the_process_stays_up() {
    let database = Database::create().await;
    let port = free_port().unwrap();
    let mut worker = Worker::start(&[
        ("DATABASE_URL", database.url(Role::Worker)),
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", format!("redis://127.0.0.1:{port}")),
        ("BONDHU_SLOT", database.name().to_owned()),
    ]);
    let named = |status, report: &Value| {
        let mirror = report["dependencies"]["mirror"]["detail"]
            .as_str()
            .unwrap_or_default();
        status == 503 && mirror.starts_with("Redis ")
    };
    let report = worker.readyz_until("Redis is named", named).await;
    assert_eq!(report["dependencies"]["redis"]["ok"], false, "{report}");
    assert_eq!(report["dependencies"]["postgres"]["ok"], true, "{report}");
    assert!(worker.process.try_wait().unwrap().is_none());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it_and_the_variable() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sync-worker"))
        .arg("run")
        .current_dir(&directory)
        .env_clear()
        .env(
            "DATABASE_URL",
            "postgres://bondhu_worker@127.0.0.1:1/bondhu",
        )
        .env("BONDHU_HTTP_ADDR", &addr)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&format!("cannot listen on {addr}: the address is in use")),
        "{said}"
    );
    assert!(said.contains("BONDHU_HTTP_ADDR"), "{said}");
}

#[tokio::test]
async fn a_signal_ends_it_well() {
    let database = Database::create().await;
    let mut worker = Worker::start(&[("DATABASE_URL", database.url(Role::Worker))]);
    worker
        .readyz_until("it is ready", |status, _| status == 200)
        .await;
    kill_process(Pid::from_child(&worker.process), Signal::TERM).unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = worker.process.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < DEADLINE, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
}
