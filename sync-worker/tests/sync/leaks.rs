//! No token is in clear anywhere.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use bondhu_stack::installation::Installation;
use bondhu_stack::testing::{Role, redis};
use redis::AsyncCommands as _;
use secrecy::ExposeSecret as _;
use sync_worker::provider::Provider;
use tokio::io::AsyncReadExt as _;

use crate::fixture::{World, eventually};

/// Where `needles` occur in `text`, in clear or as the hex that a dump shows bytes in.
fn found_in(place: &str, text: &[u8], needles: &BTreeSet<String>) -> Vec<String> {
    let hex = |needle: &str| {
        needle
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let holds = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    needles
        .iter()
        .filter(|needle| holds(needle.as_bytes()) || holds(hex(needle).as_bytes()))
        .map(|needle| format!("{place}: {}…", &needle[..8]))
        .collect()
}

#[tokio::test]
async fn no_token_is_in_clear_in_the_database_its_log_the_workers_log_or_redis() {
    let world = World::new().await;
    let user = world.database.user().await;
    let cache = redis().await;
    // Documents of who is here are kept warm.
    let mut request = world.database.as_user(user).await;
    sqlx::query("select public.start_session('phone')")
        .execute(&mut *request)
        .await
        .unwrap();
    request.commit().await.unwrap();
    sqlx::query(&format!(
        "alter database {} set log_statement = 'all'",
        world.database.name()
    ))
    .execute(&world.admin)
    .await
    .unwrap();
    let first_segment: String =
        sqlx::query_scalar("select pg_walfile_name(pg_current_wal_insert_lsn())")
            .fetch_one(&world.admin)
            .await
            .unwrap();

    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let directory = tempfile::tempdir().unwrap();
    let mut worker = tokio::process::Command::new(PathBuf::from(env!("CARGO_BIN_EXE_sync-worker")))
        .arg("run")
        .current_dir(directory.path())
        .env_clear()
        .envs(world.environment())
        .env("DATABASE_URL", world.database.url(Role::Worker))
        .env(
            "BONDHU_REPLICATION_URL",
            world.database.url(Role::Replication),
        )
        .env("BONDHU_SLOT", world.database.name())
        .env("REDIS_URL", cache.url())
        .env("BONDHU_TOKEN_KEYS", world.token_key.to_entry())
        .env("BONDHU_HTTP_ADDR", format!("127.0.0.1:{port}"))
        .env("BONDHU_PUBLIC_URL", &world.worker_url)
        .env("BONDHU_LOG", "trace")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = worker.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut log = Vec::new();
        stderr.read_to_end(&mut log).await.unwrap();
        log
    });

    for provider in Provider::ALL {
        world.link(user, provider, 1).await;
    }
    // The worker plans by itself only once a minute.
    let plan = "select bondhu.plan_syncs()";
    sqlx::query(plan).execute(&world.admin).await.unwrap();
    for provider in Provider::ALL {
        eventually("a sync", async || {
            world.status(user, provider).await == "ok"
        })
        .await;
    }
    // A refresh, a failure whose text is stored and logged, and a revocation.
    world.standin.expire_access_tokens();
    world
        .standin
        .inject(bondhu_standin::Fault::server_error("/spotify/v1/*"));
    world.let_time_pass().await;
    sqlx::query(plan).execute(&world.admin).await.unwrap();
    let synced = "public.provider_connections where user_id = $1 and (last_error is not null or last_sync_at > connected_at)";
    eventually("another sync", async || {
        world.count(synced, user).await == 2
    })
    .await;
    let mut connection = cache.connect().await;
    eventually("the mirror holds documents", async || {
        let keys: Vec<String> = connection.clone().keys("music:*").await.unwrap();
        !keys.is_empty()
    })
    .await;
    world.disconnect(user, Provider::YouTube).await;

    let mut needles: BTreeSet<String> = world.standin.issued_secrets().into_iter().collect();
    assert!(needles.len() >= 4, "{needles:?}");
    needles.insert(
        world.access[&Provider::YouTube]
            .client_secret
            .expose_secret()
            .to_owned(),
    );
    needles.insert(world.token_key.to_entry());

    let mut found = Vec::new();
    for key in connection.keys::<_, Vec<String>>("*").await.unwrap() {
        let dump = redis::cmd("DUMP").arg(&key).to_owned();
        let value: Vec<u8> = dump.query_async(&mut connection).await.unwrap();
        found.extend(found_in("Redis", &value, &needles));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    worker.wait().await.unwrap();
    let log = log.await.unwrap();
    assert!(log.len() > 1_000, "the worker logs");
    found.extend(found_in("the worker's log", &log, &needles));

    let dump =
        tokio::process::Command::new(Installation::debian_15().unwrap().programs.join("pg_dump"))
            .arg(world.database.url(Role::Superuser))
            .output()
            .await
            .unwrap();
    assert!(
        dump.status.success(),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    found.extend(found_in("pg_dump", &dump.stdout, &needles));
    // What is stored in clear is found where tokens are looked for.
    let name = world
        .standin
        .with_account(1, |account| account.display_name.clone());
    let control = BTreeSet::from([name]);
    assert_eq!(found_in("", &dump.stdout, &control).len(), 1);

    let segments: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select name, pg_read_binary_file('pg_wal/' || name) from pg_ls_waldir()
         where name >= $1 and length(name) = 24 and name <= pg_walfile_name(pg_current_wal_insert_lsn())",
    )
    .bind(first_segment)
    .fetch_all(&world.admin)
    .await
    .unwrap();
    let seen = segments
        .iter()
        .any(|(_, bytes)| !found_in("", bytes, &control).is_empty());
    assert!(seen, "the WAL holds what was stored");
    for (name, bytes) in segments {
        found.extend(found_in(&name, &bytes, &needles));
    }
    let data: String = sqlx::query_scalar("show data_directory")
        .fetch_one(&world.admin)
        .await
        .unwrap();
    let server_log = std::fs::read(format!("{data}.log")).unwrap();
    let statement = b"bondhu.hold_lease";
    assert!(
        memchr::memmem::find(&server_log, statement).is_some(),
        "the server logs statements"
    );
    found.extend(found_in("the server's log", &server_log, &needles));

    assert_eq!(found, Vec::<String>::new());
}
