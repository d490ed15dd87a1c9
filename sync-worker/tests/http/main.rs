//! The worker's HTTP, from its own process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bondhu_stack::process::free_port;
use bondhu_stack::testing::{Database, Role, redis};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use uuid::Uuid;

mod strangers;

const DEADLINE: Duration = Duration::from_secs(30);

/// `sync-worker run`, killed when dropped.
struct Worker {
    process: Child,
    url: String,
    metrics_url: String,
    client: reqwest::Client,
    _directory: tempfile::TempDir,
}

impl Worker {
    fn start(pairs: &[(&str, String)]) -> Self {
        // A second provider would be an error, and there is one already then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let [port, metrics_port] = [free_port().unwrap(), free_port().unwrap()];
        let process = Command::new(env!("CARGO_BIN_EXE_sync-worker"))
            .arg("run")
            .current_dir(&directory)
            .env_clear()
            .envs(pairs.iter().map(|(name, value)| (name, value)))
            .env("BONDHU_HTTP_ADDR", format!("127.0.0.1:{port}"))
            .env("BONDHU_METRICS_ADDR", format!("127.0.0.1:{metrics_port}"))
            .env("BONDHU_LOG", "error")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
            metrics_url: format!("http://127.0.0.1:{metrics_port}/metrics"),
            client: reqwest::Client::new(),
            _directory: directory,
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.get_url(&format!("{}{path}", self.url)).await
    }

    async fn get_url(&self, url: &str) -> (u16, String) {
        let begun = Instant::now();
        loop {
            if let Ok(answer) = self.client.get(url).send().await {
                return (answer.status().as_u16(), answer.text().await.unwrap());
            }
            assert!(begun.elapsed() < DEADLINE, "{url} does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn readyz_until(&self, what: &str, holds: impl Fn(u16, &Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let (status, text) = self.get("/readyz").await;
            let report: Value = serde_json::from_str(&text).unwrap();
            if holds(status, &report) {
                return report;
            }
            assert!(begun.elapsed() < DEADLINE, "waited until {what}: {report}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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

const SECRET: &str = "the-legacy-secret-of-a-project-that-has-one";
const PROJECT: &str = "https://project.example.org";
const APP: &str = "https://app.example.org";

fn token(user: Uuid) -> String {
    let claims = json!({
        "iss": format!("{PROJECT}/auth/v1"), "aud": "authenticated", "role": "authenticated",
        "sub": user, "exp": chrono::Utc::now().timestamp() + 600,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

/// A worker that serves documents, with a mirror or without.
async fn serving(database: &Database, mirror: &[(&'static str, String)]) -> Worker {
    let mut pairs = vec![
        ("DATABASE_URL", database.url(Role::Worker)),
        ("SUPABASE_URL", PROJECT.to_owned()),
        ("SUPABASE_JWT_SECRET", SECRET.to_owned()),
        (
            "BONDHU_CORS_ORIGINS",
            format!("{APP}, http://localhost:3000"),
        ),
    ];
    pairs.extend_from_slice(mirror);
    let worker = Worker::start(&pairs);
    worker
        .readyz_until("it is ready", |status, _| status == 200)
        .await;
    worker
}

impl Worker {
    fn hot(&self, document: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}/v1/hot/{document}", self.url))
    }
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value
        .unwrap_or_else(|| panic!("no {name} in {:?}", answer.headers()))
        .to_str()
        .unwrap()
}

#[tokio::test]
async fn a_signed_in_user_reads_their_own_document_and_nobody_elses() {
    let database = Database::create().await;
    let (ada, bela) = (database.user().await, database.user().await);
    let mut request = database.as_user(ada).await;
    sqlx::query("insert into public.chat_messages (message_text) values ('mine alone')")
        .execute(&mut *request)
        .await
        .unwrap();
    request.commit().await.unwrap();
    let redis = redis().await;
    let mirror = [
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", redis.url()),
        ("BONDHU_SLOT", database.name().to_owned()),
    ];
    let worker = serving(&database, &mirror).await;

    let hot = worker.hot("chat_history");
    let begun = Instant::now();
    let answer = loop {
        let request = hot.try_clone().unwrap().bearer_auth(token(ada));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        if header(&answer, "bondhu-source") == "redis" {
            break answer;
        }
        assert!(begun.elapsed() < DEADLINE, "it is never kept");
    };
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    assert!(header(&answer, "vary").contains("authorization"));
    assert!(header(&answer, "bondhu-as-of").ends_with('Z'));
    let tag = header(&answer, "etag").to_owned();
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document[0]["message_text"], "mine alone");

    let known = hot.try_clone().unwrap().bearer_auth(token(ada));
    let known = known.header("if-none-match", format!("\"other\", W/{tag}"));
    let answer = known.send().await.unwrap();
    assert_eq!(answer.status(), 304);
    assert_eq!(answer.text().await.unwrap(), "");

    let others = hot.try_clone().unwrap().bearer_auth(token(bela));
    assert_eq!(
        others.send().await.unwrap().json::<Value>().await.unwrap(),
        json!([])
    );
}

#[tokio::test]
async fn a_read_without_redis_comes_from_postgres_and_a_refusal_says_what_to_do() {
    let database = Database::create().await;
    let user = database.user().await;
    let worker = serving(&database, &[]).await;
    let answer = worker.hot("music_profile").bearer_auth(token(user));
    let answer = answer.send().await.unwrap();
    assert_eq!(header(&answer, "bondhu-source"), "postgres");
    assert_eq!(answer.text().await.unwrap(), "null");

    let refused = [
        (worker.hot("chat_history"), 401, "Authorization: Bearer"),
        (
            worker.hot("chat_history").bearer_auth("a.b.c"),
            401,
            "malformed",
        ),
        (
            worker.hot("passwords").bearer_auth(token(user)),
            404,
            "there are: personality_context",
        ),
        (
            worker
                .hot("chat_history?min_lsn=1")
                .bearer_auth(token(user)),
            400,
            "16/B374D848",
        ),
    ];
    for (request, status, says) in refused {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{says}");
        assert_eq!(header(&answer, "cache-control"), "private, no-store");
        let message: Value = answer.json().await.unwrap();
        assert!(
            message["message"].as_str().unwrap().contains(says),
            "{message}"
        );
    }
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_read() {
    let database = Database::create().await;
    let worker = serving(&database, &[]).await;
    for (origin, allowed) in [(APP, true), ("https://app.example.org.evil.example", false)] {
        let url = format!("{}/v1/hot/chat_history", worker.url);
        let preflight = worker.client.request(reqwest::Method::OPTIONS, url);
        let preflight = preflight
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let answer = preflight.send().await.unwrap();
        let may = answer.headers().get("access-control-allow-origin");
        assert_eq!(may.is_some_and(|may| may == origin), allowed, "{origin}");
    }
}

/// `POST /link` as somebody new, who says that it comes from `address`: the status.
async fn link_from(worker: &Worker, address: &str) -> u16 {
    let request = worker.client.post(format!("{}/link", worker.url));
    let request = request
        .bearer_auth(token(Uuid::new_v4()))
        .header("x-forwarded-for", address)
        .json(&json!({"provider": "spotify", "refresh_token": "nobody gave this"}));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_address_is_who_connects_unless_a_trusted_proxy_names_another() {
    let database = Database::create().await;
    let nowhere = format!("http://127.0.0.1:{}", free_port().unwrap());
    let key = sync_worker::config::TokenKey::generate("k1").to_entry();
    let mut pairs = vec![
        ("BONDHU_TOKEN_KEYS", key),
        ("SPOTIFY_CLIENT_ID", "id".to_owned()),
        ("SPOTIFY_CLIENT_SECRET", "secret".to_owned()),
        ("SPOTIFY_ACCOUNTS_URL", nowhere.clone()),
        ("SPOTIFY_API_URL", nowhere),
    ];
    for (trusted, last) in [("192.0.2.1", 429), ("192.0.2.1, 127.0.0.0/8", 503)] {
        pairs.retain(|(name, _)| *name != "BONDHU_TRUSTED_PROXIES");
        pairs.push(("BONDHU_TRUSTED_PROXIES", trusted.to_owned()));
        let worker = serving(&database, &pairs).await;
        for n in 1..=60 {
            let status = link_from(&worker, &format!("198.51.100.{n}")).await;
            assert_eq!(status, 503, "the provider is away");
        }
        assert_eq!(link_from(&worker, "198.51.100.61").await, last, "{trusted}");
    }
}
