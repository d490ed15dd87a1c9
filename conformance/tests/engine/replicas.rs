//! What a read replica answers.

use bondhu_stack::cluster::{Cluster, ClusterConfig};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::testing::execute;
use bondhu_stack::{data_api, template};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

const DATABASE: &str = "replicated";

#[tokio::test]
async fn a_read_replica_answers_what_only_reads_and_says_what_it_cannot() {
    let run = RunDirectory::create("test-replica").unwrap();
    let tree = Installation::debian_15()
        .unwrap()
        .private_tree(&run.path().join("postgres"))
        .unwrap();
    let data = run.path().join("data");
    let config = ClusterConfig {
        port: free_port().unwrap(),
        durable: false,
        cron_database: "postgres".into(),
    };
    let mut cluster = Cluster::start(tree.clone(), &data, &config).await.unwrap();
    let server = cluster.superuser().unwrap();
    let mut superuser = PgConnection::connect(server.as_str()).await.unwrap();
    execute(&mut superuser, &format!("create database {DATABASE}")).await;
    template::build(&server, DATABASE).await.unwrap();
    let mut owner = PgConnection::connect(&cluster.url("postgres", DATABASE))
        .await
        .unwrap();
    // Needs no file of the server.
    if !template::is_portable() {
        template::portable_engine()
            .unwrap()
            .run(&mut owner)
            .await
            .unwrap();
        execute(&mut owner, "select bondhu.install_engine('portable')").await;
    }
    let user = Uuid::new_v4();
    execute(
        &mut owner,
        &format!(
            "insert into auth.users (id, email) values ('{user}', 'ada@example.org');
             insert into public.chat_messages (user_id, message_text) values ('{user}', 'i am so happy')"
        ),
    )
    .await;
    for connection in [superuser, owner] {
        connection.close().await.unwrap();
    }
    cluster.stop();
    // It follows nobody, and writes nothing: to who asks it is a replica.
    std::fs::write(data.join("standby.signal"), "").unwrap();
    let replica = Cluster::start(tree, &data, &config).await.unwrap();

    let pool = PgPoolOptions::new()
        .connect(&replica.url("authenticator", DATABASE))
        .await
        .unwrap();
    let reads: Vec<String> = sqlx::query_scalar(
        "select format('select count(*) from public.%I() answer where answer is not null', p.proname)
         from pg_proc p
         where p.pronamespace = 'public'::regnamespace and p.provolatile <> 'v' and p.pronargs = p.pronargdefaults
           and has_function_privilege('authenticated', p.oid, 'execute')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(reads.len() >= 10, "{reads:?}");
    for read in reads {
        let mut request = data_api::as_user(&pool, user).await.unwrap();
        let answered = sqlx::query(&read).execute(&mut *request).await;
        assert!(answered.is_ok(), "{read}: {answered:?}");
    }
    let mut request = data_api::as_user(&pool, user).await.unwrap();
    let said: String = sqlx::query_scalar("select message_text from public.chat_history()")
        .fetch_one(&mut *request)
        .await
        .unwrap();
    assert_eq!(said, "i am so happy");
    let refused = sqlx::query("select public.commit_position()")
        .execute(&mut *request)
        .await
        .unwrap_err()
        .into_database_error()
        .unwrap();
    assert_eq!(refused.code().as_deref(), Some("25006"));
    assert!(refused.message().contains("read replica"), "{refused}");
}
