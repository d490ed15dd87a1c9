//! A private Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bondhu_stack::cluster::{Cluster, ClusterConfig, SUPERUSER};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::RunDirectory;
use sqlx::{Connection as _, PgConnection};

#[tokio::test]
async fn a_cluster_runs_from_a_tree_of_its_own_without_the_machines_engine() {
    let run = RunDirectory::create("test-cluster").unwrap();
    let tree = Installation::debian_15()
        .unwrap()
        .private_tree(&run.path().join("postgres"))
        .unwrap();
    let config = ClusterConfig {
        port: free_port().unwrap(),
        durable: false,
        cron_database: "postgres".into(),
    };
    let mut cluster = Cluster::start(tree, &run.path().join("data"), &config)
        .await
        .unwrap();

    let mut superuser = PgConnection::connect(&cluster.url(SUPERUSER, "postgres"))
        .await
        .unwrap();
    let extensions: Vec<String> = sqlx::query_scalar(
        "select name::text from pg_available_extensions where name in ('bondhu', 'pg_cron', 'pgtap') order by name",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(extensions, ["pg_cron", "pgtap"]);
    let loaded: Option<String> = sqlx::query_scalar("select current_setting('data_directory')")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert!(loaded.unwrap().starts_with(&*run.path().to_string_lossy()));

    cluster.stop();
    assert!(
        PgConnection::connect(&cluster.url(SUPERUSER, "postgres"))
            .await
            .is_err()
    );
}
