//! Requests of people who mean no good, or whose software is odd.

use std::time::Duration;

use bondhu_stack::process::free_port;
use bondhu_stack::testing::{Database, Role, redis};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use uuid::Uuid;

use crate::worker::{DEADLINE, Worker, header, serving, token};

impl Worker {
    async fn connect(&self) -> TcpStream {
        let address = self.url.strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.unwrap()
    }

    /// Sends bytes; returns all that comes back until the worker closes.
    async fn raw(&self, request: &[u8]) -> String {
        let mut tcp = self.connect().await;
        // A worker that refuses may close before it has read everything.
        tcp.write_all(request).await.ok();
        let mut answer = Vec::new();
        let reading = tcp.read_to_end(&mut answer);
        let read = timeout(DEADLINE, reading).await;
        assert!(read.is_ok(), "it is not closed: {answer:?}");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn requests_that_are_never_finished_are_closed_and_keep_nobody_out() {
    let database = Database::create().await;
    let worker = Worker::start(&[
        ("DATABASE_URL", database.url(Role::Worker)),
        ("BONDHU_HTTP_CONNECTIONS", "50".to_owned()),
        // One that all of them come through.
        ("BONDHU_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ("BONDHU_HTTP_READ_SECONDS", "1".to_owned()),
    ]);
    assert_eq!(worker.get("/healthz").await.0, 200);
    let mut slow = Vec::new();
    for number in 0..120 {
        let mut tcp = worker.connect().await;
        // A part of a head, nothing at all, or one byte of a body.
        let part: &[u8] = match number % 3 {
            0 => b"GET /healthz HTTP/1.1\r\nhost: w",
            1 => b"",
            _ => b"POST /link HTTP/1.1\r\nhost: w\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
        };
        tcp.write_all(part).await.unwrap();
        slow.push(tcp);
    }
    let fresh = reqwest::Client::new();
    let served = fresh.get(format!("{}/healthz", worker.url)).send();
    let served = timeout(DEADLINE, served)
        .await
        .expect("nobody else is served");
    assert_eq!(served.unwrap().status(), 200);
    for mut tcp in slow {
        let mut rest = Vec::new();
        let closed = timeout(DEADLINE, tcp.read_to_end(&mut rest)).await;
        assert!(
            closed.is_ok(),
            "a request that is never finished stays open"
        );
    }
}

#[tokio::test]
async fn one_address_has_a_part_of_the_places_and_keeps_nobody_out() {
    let database = Database::create().await;
    let worker = Worker::start(&[
        ("DATABASE_URL", database.url(Role::Worker)),
        ("BONDHU_HTTP_CONNECTIONS", "8".to_owned()),
    ]);
    assert_eq!(worker.get("/healthz").await.0, 200);
    let address = worker.url.strip_prefix("http://").unwrap();
    let mut served = Vec::new();
    for _ in 0..20 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut tcp = socket.connect(address.parse().unwrap()).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: w\r\n\r\n";
        // One that is turned away may be closed before it asks.
        tcp.write_all(request).await.ok();
        let mut first = [0];
        let read = timeout(Duration::from_secs(5), tcp.read(&mut first)).await;
        let read = read.expect("it is neither served nor turned away");
        if read.is_ok_and(|bytes| bytes == 1) {
            served.push(tcp);
        }
    }
    assert_eq!(served.len(), 2, "a quarter of the places");
    let fresh = reqwest::Client::new();
    let other = fresh.get(format!("{}/healthz", worker.url)).send();
    let other = timeout(Duration::from_secs(5), other).await;
    assert_eq!(other.expect("nobody else is served").unwrap().status(), 200);
}

#[tokio::test]
async fn readyz_opens_no_connection_per_call() {
    let database = Database::create().await;
    let redis = redis().await;
    let worker = Worker::start(&[
        ("DATABASE_URL", database.url(Role::Worker)),
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", redis.url()),
        ("BONDHU_SLOT", database.name().to_owned()),
    ]);
    worker
        .readyz_until("it is ready", |status, _| status == 200)
        .await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut received = async || -> u64 {
        let stats: String = redis::cmd("INFO")
            .arg("stats")
            .query_async(&mut connection)
            .await
            .unwrap();
        let count = stats
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        count.unwrap().trim().parse().unwrap()
    };
    let before = received().await;
    for _ in 0..20 {
        let calls = (0..10).map(|_| worker.get("/readyz"));
        for (status, _) in futures::future::join_all(calls).await {
            assert_eq!(status, 200);
        }
    }
    let opened = received().await - before;
    assert!(opened < 20, "{opened} connections for 200 calls");
}

#[tokio::test]
async fn strangers_are_not_told_what_a_server_said() {
    let [postgres, redis] = [free_port().unwrap(), free_port().unwrap()];
    let url =
        |password: &str| format!("postgres://bondhu_worker:{password}@127.0.0.1:{postgres}/app");
    let worker = Worker::start(&[
        ("DATABASE_URL", url("a-secret")),
        ("BONDHU_REPLICATION_URL", url("another")),
        ("REDIS_URL", format!("redis://127.0.0.1:{redis}")),
    ]);
    let report = worker
        .readyz_until("all of it fails", |_, report| {
            ["postgres", "redis", "mirror"].iter().all(|name| {
                let dependency = &report["dependencies"][name];
                dependency["ok"] == false && dependency["detail"] != "is starting"
            })
        })
        .await;
    let said = report.to_string().to_lowercase();
    for secret in [
        "127.0.0.1",
        &postgres.to_string(),
        &redis.to_string(),
        "os error",
        "refused",
        "pool",
        "bondhu_worker",
        "secret",
    ] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[tokio::test]
async fn a_position_that_nobody_has_written_is_refused() {
    let database = Database::create().await;
    let (greedy, other) = (database.user().await, database.user().await);
    let redis = redis().await;
    let mirror = [
        ("BONDHU_REPLICATION_URL", database.url(Role::Replication)),
        ("REDIS_URL", redis.url()),
        ("BONDHU_SLOT", database.name().to_owned()),
    ];
    for mirror in [&mirror[..], &[]] {
        let worker = serving(&database, mirror).await;
        let beyond = worker.hot("chat_history?min_lsn=FFFFFFFF/FFFFFFFF");
        let beyond = (0..60).map(|_| {
            let request = beyond.try_clone().unwrap().bearer_auth(token(greedy));
            async {
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 400);
                assert_eq!(header(&answer, "cache-control"), "private, no-store");
                let told: Value = answer.json().await.unwrap();
                let told = told["message"].as_str().unwrap().to_owned();
                assert!(told.contains("commit_position()"), "{told}");
            }
        });
        let others = async {
            for _ in 0..20 {
                let read = worker.hot("personality_context").bearer_auth(token(other));
                assert_eq!(read.send().await.unwrap().status(), 200);
            }
        };
        tokio::join!(futures::future::join_all(beyond), others);
        let mut request = database.as_user(greedy).await;
        let written: String = sqlx::query_scalar("select public.commit_position()::text")
            .fetch_one(&mut *request)
            .await
            .unwrap();
        request.commit().await.unwrap();
        let read = worker.hot(&format!("chat_history?min_lsn={written}"));
        let read = read.bearer_auth(token(greedy)).send().await.unwrap();
        assert_eq!(read.status(), 200, "{written} is written");
    }
}

/// Each answered with a refusal that fits, none with a fault of the worker's.
#[tokio::test]
async fn odd_requests_are_refused_one_by_one() {
    let database = Database::create().await;
    let user = database.user().await;
    let worker = serving(&database, &[]).await;
    let bearer = format!("authorization: Bearer {}\r\n", token(user));
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n{headers}\r\n")
    };
    let hot = |query: &str| get(&format!("/v1/hot/chat_history{query}"), &bearer);
    let line = |method: &str, path: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
    };
    let many = "x-h: 1\r\n".repeat(100);
    let requests = [
        (hot(""), 200),
        (hot("?min_lsn=0/0"), 200),
        (hot("?unknown=1&min_lsn=0/1"), 200),
        (hot("?min_lsn=1/1&min_lsn=0/1"), 400),
        (hot("?min_lsn="), 400),
        (hot("?min_lsn=%00"), 400),
        (hot("?min_lsn=%2B1/%2B1"), 400),
        (hot("?min_lsn=+1/+1"), 400),
        (hot("?min_lsn=-1/1"), 400),
        (hot("?min_lsn=0000000000/1"), 400),
        (hot("?min_lsn=1/1/1"), 400),
        (hot("?min_lsn=%F0%9F%98%80/1"), 400),
        (hot(&format!("?min_lsn={}", "1".repeat(8000))), 400),
        (hot(&format!("?{}", "a=1&".repeat(2000))), 200),
        (get("/v1/hot/%FF%FE", &bearer), 404),
        (get("/v1/hot/chat_history%00", &bearer), 404),
        (get("/v1/hot/..%2f..%2fmetrics", &bearer), 404),
        (get(&format!("/v1/hot/{}", "x".repeat(9000)), &bearer), 404),
        (
            get("/v1/hot/chat_history", &format!("{bearer}{bearer}")),
            401,
        ),
        (
            get("/v1/hot/chat_history", "authorization: Bearer \u{e9}\r\n"),
            401,
        ),
        (
            get("/v1/hot/chat_history", "authorization: Bearer\r\n"),
            401,
        ),
        (get("/v1/hot/chat_history", &many), 431),
        (
            get("/healthz", &format!("x: {}\r\n", "x".repeat(40_000))),
            431,
        ),
        (get(&format!("/{}", "x".repeat(40_000)), ""), 431),
        (get("/metrics", ""), 404),
        (get("//healthz", ""), 404),
        (get("/healthz/../metrics", ""), 404),
        (get("http://elsewhere.example/healthz", ""), 200),
        (get("/readyz?x=%FF", ""), 200),
        (line("POST", "/healthz"), 405),
        (line("DELETE", "/readyz"), 405),
        (line("PUT", "/v1/hot/chat_history"), 405),
        (line("TRACE", "/healthz"), 405),
        (line("BREW", "/healthz"), 405),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        ("GET /healthz HTTP/9.9\r\n\r\n".to_owned(), 400),
    ];
    for (request, status) in requests {
        let answer = worker.raw(request.as_bytes()).await;
        let shown: String = request.chars().take(120).collect();
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(&expected),
            "{shown:?} is answered with {answer:.200?}, not {status}"
        );
        assert!(answer.len() < 3000, "{shown:?} is answered at length");
    }
    let one = "GET /healthz HTTP/1.1\r\nhost: w\r\n\r\n";
    let pipelined = format!("{one}{one}{}", get("/readyz", ""));
    let answers = worker.raw(pipelined.as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 3, "{answers}");
    assert_eq!(worker.get("/healthz").await.0, 200);
}

/// The listener of metrics has the same bounds.
#[tokio::test]
async fn metrics_are_read_and_nothing_else_is_there() {
    let database = Database::create().await;
    let worker = Worker::start(&[
        ("DATABASE_URL", database.url(Role::Worker)),
        ("BONDHU_HTTP_READ_SECONDS", "1".to_owned()),
    ]);
    assert_eq!(worker.get_url(&worker.metrics_url).await.0, 200);
    let address = worker.metrics_url.strip_prefix("http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    assert_eq!(
        worker.get_url(&format!("http://{address}/readyz")).await.0,
        404
    );
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"GET /metrics HTTP/1.1\r\nhost")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let closed = timeout(Duration::from_secs(20), tcp.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "a half-sent request stays open");
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
