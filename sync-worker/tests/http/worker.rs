//! A worker in its own process, and who asks it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bondhu_stack::process::free_port;
use bondhu_stack::testing::{Database, Role};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// `sync-worker run`, killed when dropped.
pub(crate) struct Worker {
    pub(crate) process: Child,
    pub(crate) url: String,
    pub(crate) metrics_url: String,
    pub(crate) client: reqwest::Client,
    _directory: tempfile::TempDir,
}

impl Worker {
    pub(crate) fn start(pairs: &[(&str, String)]) -> Self {
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

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.get_url(&format!("{}{path}", self.url)).await
    }

    pub(crate) async fn get_url(&self, url: &str) -> (u16, String) {
        let begun = Instant::now();
        loop {
            if let Ok(answer) = self.client.get(url).send().await {
                return (answer.status().as_u16(), answer.text().await.unwrap());
            }
            assert!(begun.elapsed() < DEADLINE, "{url} does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn hot(&self, document: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}/v1/hot/{document}", self.url))
    }

    pub(crate) async fn readyz_until(
        &self,
        what: &str,
        holds: impl Fn(u16, &Value) -> bool,
    ) -> Value {
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

pub(crate) const SECRET: &str = "the-legacy-secret-of-a-project-that-has-one";
pub(crate) const PROJECT: &str = "https://project.example.org";
pub(crate) const APP: &str = "https://app.example.org";

pub(crate) fn token(user: Uuid) -> String {
    let claims = json!({
        "iss": format!("{PROJECT}/auth/v1"), "aud": "authenticated", "role": "authenticated",
        "sub": user, "exp": chrono::Utc::now().timestamp() + 600,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

/// A worker that serves documents, with a mirror or without.
pub(crate) async fn serving(database: &Database, mirror: &[(&'static str, String)]) -> Worker {
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

pub(crate) fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value
        .unwrap_or_else(|| panic!("no {name} in {:?}", answer.headers()))
        .to_str()
        .unwrap()
}
