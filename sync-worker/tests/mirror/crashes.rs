//! What Redis holds after Postgres broke. Each test has a server of its own to break.

use std::path::PathBuf;
use std::process::Command;

use bondhu_core::cache::Document;
use bondhu_stack::cluster::{Cluster, ClusterConfig};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::testing::{Database, execute};

use crate::oracle;
use crate::stage::{Stage, eventually, version};

/// A Postgres that may be ended and started again.
pub(crate) struct Server {
    cluster: Option<Cluster>,
    config: ClusterConfig,
    directory: RunDirectory,
}

impl Server {
    pub(crate) async fn start(name: &str) -> (Self, Stage) {
        let directory = RunDirectory::create(name).unwrap();
        let config = ClusterConfig {
            port: free_port().unwrap(),
            durable: false,
            cron_database: "postgres".to_owned(),
        };
        let mut server = Self {
            cluster: None,
            config,
            directory,
        };
        server.start_again().await;
        let database = Database::create_on(server.cluster.as_ref().unwrap()).await;
        (server, Stage::of(database).await)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    async fn start_again(&mut self) {
        let installation = Installation::debian_15().unwrap();
        let cluster = Cluster::start(installation, &self.data(), &self.config).await;
        self.cluster = Some(cluster.unwrap());
    }

    fn stop_immediately(&mut self) {
        self.cluster.take().unwrap().stop_immediately();
    }

    fn stop(&mut self) {
        self.cluster.take().unwrap().stop();
    }

    /// Copies the data directory of a server that is stopped.
    fn copy_data(&self, from: &str, to: &str) {
        let path = |name: &str| self.directory.path().join(name);
        let _ = std::fs::remove_dir_all(path(to));
        let copied = Command::new("cp")
            .arg("-a")
            .args([path(from), path(to)])
            .status();
        assert!(copied.unwrap().success());
    }
}

#[tokio::test]
async fn a_postgres_that_stopped_at_once_is_followed_from_where_it_was() {
    let (mut server, stage) = Server::start("crash").await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    for number in 1..=3 {
        let text = format!("before crash {number}");
        stage.say(user, &text).await;
        server.stop_immediately();
        server.start_again().await;
        eventually("the message that was committed is in Redis", async || {
            (stage.texts(user).await?.last() == Some(&text)).then_some(())
        })
        .await;
    }
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn an_older_copy_of_the_data_begins_a_new_epoch_and_what_it_lacks_goes() {
    let (mut server, stage) = Server::start("older").await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "kept").await;
    stage.reads(user, &["kept"]).await;
    server.stop();
    server.copy_data("data", "older");
    server.start_again().await;
    stage.say(user, "lost with the disk").await;
    stage.reads(user, &["kept", "lost with the disk"]).await;
    let (epoch, before) = (
        stage.epoch().await,
        stage.held(user, Document::ChatHistory).await.unwrap(),
    );

    server.stop();
    server.copy_data("older", "data");
    server.start_again().await;
    stage.reads(user, &["kept"]).await;
    assert!(stage.epoch().await > epoch);
    let after = stage.held(user, Document::ChatHistory).await.unwrap();
    assert!(version(&after) > version(&before), "{after} after {before}");
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}

#[tokio::test]
async fn a_slot_that_held_too_much_is_lost_and_heals_with_a_new_epoch() {
    let (_server, stage) = Server::start("lost").await;
    let user = stage.person().await;
    let mirror = stage.following().await;
    stage.say(user, "before").await;
    stage.reads(user, &["before"]).await;
    let epoch = stage.epoch().await;
    mirror.stop().await;

    let mut sql = stage.superuser.acquire().await.unwrap();
    execute(&mut sql, "alter system set max_slot_wal_keep_size = '1MB'").await;
    execute(&mut sql, "select pg_reload_conf()").await;
    stage.say(user, "while nobody read").await;
    eventually("the slot is lost", async || {
        execute(&mut sql, "select pg_switch_wal()").await;
        execute(&mut sql, "checkpoint").await;
        stage.say(user, "more").await;
        let lost: bool = sqlx::query_scalar(
            "select wal_status = 'lost' from pg_replication_slots where slot_name = $1",
        )
        .bind(stage.slot())
        .fetch_one(&mut *sql)
        .await
        .unwrap();
        lost.then_some(())
    })
    .await;

    let mirror = stage.following().await;
    assert!(stage.epoch().await > epoch);
    stage.caught_up().await;
    oracle::at_rest(&stage).await;
    mirror.stop().await;
}
