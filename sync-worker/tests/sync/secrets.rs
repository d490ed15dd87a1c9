//! Tokens: brought, sealed anew, revoked, and never in clear anywhere.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use bondhu_dev::installation::Installation;
use bondhu_dev::testing::{Role, redis};
use chrono::Utc;
use jsonwebtoken::{EncodingKey, Header, encode};
use redis::AsyncCommands as _;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sync_worker::config::TokenKey;
use sync_worker::provider::Provider;
use sync_worker::sync::{Resealed, reseal, run_once};
use sync_worker::vault::Vault;
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{APP, JWT_SECRET, SUPABASE_URL, World, eventually};

/// An access token as Supabase Auth makes one.
fn access_token(user: Uuid) -> String {
    let claims = json!({
        "sub": user, "role": "authenticated", "aud": "authenticated",
        "iss": format!("{SUPABASE_URL}/auth/v1"), "exp": Utc::now().timestamp() + 600,
    });
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    encode(&Header::default(), &claims, &key).unwrap()
}

impl World {
    /// `POST /link` as `bearer`.
    async fn post_link(&self, bearer: Option<&str>, body: Value) -> (StatusCode, Value) {
        let mut request = reqwest::Client::new()
            .post(format!("{}/link", self.worker_url))
            .json(&body);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// A refresh token that Supabase Auth would have got from a consent of that account.
    async fn brought_token(&self, provider: Provider, account: u64) -> String {
        let known: BTreeSet<_> = self.standin.refresh_tokens().into_iter().collect();
        self.standin.sign_in(account);
        let other = self.database.user().await;
        self.come_back(other, provider).await;
        let mut tokens = self.standin.refresh_tokens().into_iter();
        tokens.find(|token| !known.contains(token)).unwrap()
    }
}

#[tokio::test]
async fn a_token_that_the_app_brings_links_the_account_of_who_is_signed_in() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        let token = world.brought_token(provider, 3).await;
        let body = json!({ "provider": provider.name(), "refresh_token": token });
        let (status, answer) = world.post_link(Some(&access_token(user)), body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let code = answer["code"].as_str().unwrap();
        let stranger = world.database.user().await;
        assert!(world.confirm_connect(stranger, code).await.is_err());
        assert_eq!(
            world.confirm_connect(user, code).await.unwrap(),
            provider.name()
        );
    }
    assert_eq!(world.sync().await, 2);
    for provider in Provider::ALL {
        assert_eq!(world.status(user, provider).await, "ok");
    }
    world.standin.expire_access_tokens();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::YouTube).await,
        "ok",
        "the token that was brought is kept"
    );
}

#[tokio::test]
async fn what_cannot_be_linked_says_why() {
    let world = World::new().await;
    let bearer = access_token(world.database.user().await);
    let body =
        |provider: &str| json!({ "provider": provider, "refresh_token": "nobody gave this" });
    for (bearer, provider, status, code) in [
        (None, "spotify", StatusCode::UNAUTHORIZED, "not_signed_in"),
        (
            Some("no.token.this"),
            "spotify",
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
        ),
        (
            Some(bearer.as_str()),
            "tidal",
            StatusCode::NOT_FOUND,
            "unknown_provider",
        ),
        (
            Some(bearer.as_str()),
            "spotify",
            StatusCode::UNPROCESSABLE_ENTITY,
            "consent_ended",
        ),
    ] {
        let (got, answer) = world.post_link(bearer, body(provider)).await;
        assert_eq!(
            (got, answer["code"].as_str()),
            (status, Some(code)),
            "{answer}"
        );
        assert!(!answer["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn only_the_apps_pages_may_bring_tokens() {
    let world = World::new().await;
    for (origin, allowed) in [(APP, Some(APP)), ("https://evil.example", None)] {
        let preflight = reqwest::Client::new()
            .request(
                reqwest::Method::OPTIONS,
                format!("{}/link", world.worker_url),
            )
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
            .send()
            .await
            .unwrap();
        let header = preflight.headers().get("access-control-allow-origin");
        assert_eq!(header.map(|value| value.to_str().unwrap()), allowed);
    }
}

#[tokio::test]
async fn disconnecting_revokes_where_the_provider_lets_it() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        world.link(user, provider, 1).await;
    }
    world.sync().await;
    for provider in Provider::ALL {
        world.disconnect(user, provider).await;
    }
    let waiting = "bondhu.revocations where user_id = $1";
    assert_eq!(world.count(waiting, user).await, 1);
    world.sync().await;
    let asked = world.requests("/google/revoke");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].status.is_success());
    assert_eq!(world.count(waiting, user).await, 0);
}

#[tokio::test]
async fn a_consent_that_is_given_again_is_not_revoked() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.disconnect(user, Provider::YouTube).await;
    world.link(user, Provider::YouTube, 1).await;
    world.sync().await;
    assert_eq!(world.requests("/google/revoke").len(), 0);
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn a_revocation_that_fails_comes_again() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.disconnect(user, Provider::YouTube).await;
    world
        .standin
        .inject(bondhu_dev::standin::Fault::server_error("/google/revoke"));
    world.sync().await;
    let later = "bondhu.revocations where user_id = $1 and not_before > now() and attempts = 1";
    assert_eq!(world.count(later, user).await, 1);
    sqlx::query("update bondhu.revocations set not_before = now()")
        .execute(&world.admin)
        .await
        .unwrap();
    world.sync().await;
    assert_eq!(
        world
            .count("bondhu.revocations where user_id = $1", user)
            .await,
        0
    );
}

#[tokio::test]
async fn a_key_can_be_rotated_and_the_former_one_dropped() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let gone = world.linked(Provider::YouTube, 2).await;
    world.disconnect(gone, Provider::YouTube).await;
    world.come_back(user, Provider::Spotify).await;

    let second = TokenKey::generate("k2");
    let both = Vault::new(&[second.clone(), world.token_key.clone()]);
    let database = &world.context.database;
    let all = Resealed {
        resealed: 5,
        unreadable: 0,
    };
    assert_eq!(
        reseal(database, &both).await.unwrap(),
        all,
        "two tokens, two pending, one to revoke"
    );
    assert_eq!(
        reseal(database, &both).await.unwrap(),
        Resealed::default(),
        "again is fine"
    );

    let only = world.context_with(|context| context.vault = Arc::new(Vault::new(&[second])));
    run_once(only, CancellationToken::new()).await.unwrap();
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    assert_eq!(world.requests("/google/revoke").len(), 1);

    let stranger = Vault::new(&[TokenKey::generate("k3")]);
    let left = reseal(database, &stranger).await.unwrap();
    assert_eq!((left.resealed, left.unreadable), (0, 4));
}

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
        .inject(bondhu_dev::standin::Fault::server_error("/spotify/v1/*"));
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
        world.context.providers[&Provider::YouTube]
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
