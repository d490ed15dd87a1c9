//! A database, a Redis, and mirrors between them.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bondhu_core::cache::position::Lsn;
use bondhu_core::cache::{Document, FRESHNESS_LEAST, STATE_KEY};
use bondhu_stack::redis_server::RedisServer;
use bondhu_stack::testing::{Database, Role};
use chrono::{DateTime, Utc};
use redis::{AsyncCommands as _, RedisResult};
use serde_json::Value;
use sqlx::PgPool;
use sync_worker::cache::RedisTarget;
use sync_worker::config::MirrorConfig;
use sync_worker::mirror::{Mirror, Phase, Status};
use sync_worker::telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Nothing here takes longer on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    // Before the database: a mirror in the way of its removal would only make noise.
    pub(crate) redis: Option<RedisServer>,
    pub(crate) redis_port: u16,
    pub(crate) database: Database,
    pub(crate) superuser: PgPool,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::of(Database::create().await).await
    }

    /// Over a given database.
    pub(crate) async fn of(database: Database) -> Self {
        Self::between(database, RedisServer::temporary().await.unwrap()).await
    }

    /// With a given Redis.
    pub(crate) async fn with(redis: RedisServer) -> Self {
        Self::between(Database::create().await, redis).await
    }

    async fn between(database: Database, redis: RedisServer) -> Self {
        Self {
            redis_port: redis.port(),
            redis: Some(redis),
            superuser: database.pool(Role::Superuser).await,
            database,
        }
    }

    /// A slot belongs to the server, not to a database.
    pub(crate) fn slot(&self) -> &str {
        self.database.name()
    }

    pub(crate) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.redis_port)
    }

    pub(crate) fn config(&self) -> MirrorConfig {
        MirrorConfig {
            replication_url: self.database.url(Role::Replication).into(),
            redis: RedisTarget::parse(&self.redis_url()).unwrap(),
            slot: self.slot().to_owned(),
            publication: "bondhu_mirror".to_owned(),
            ack_delay: Duration::from_secs(1),
            freshness: FRESHNESS_LEAST,
        }
    }

    /// Starts a mirror in this process.
    pub(crate) async fn mirror(&self) -> Running {
        self.mirror_with(&self.config()).await
    }

    async fn mirror_with(&self, config: &MirrorConfig) -> Running {
        let database = self.database.pool(Role::Worker).await;
        let metrics = Arc::new(Metrics::default());
        let mirror = Mirror::new(config, database, Arc::clone(&metrics)).unwrap();
        let (status, stop) = (mirror.status(), CancellationToken::new());
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { mirror.run(stop).await }
        });
        Running {
            status,
            metrics,
            stop,
            task,
        }
    }

    /// Starts a mirror and waits until it follows.
    pub(crate) async fn following(&self) -> Running {
        self.following_with(&self.config()).await
    }

    /// As [`Self::following`], set up otherwise.
    pub(crate) async fn following_with(&self, config: &MirrorConfig) -> Running {
        let running = self.mirror_with(config).await;
        running
            .until("it follows", |phase| {
                matches!(phase, Phase::Following { .. })
            })
            .await;
        running
    }

    /// Starts `sync-worker mirror` as a process.
    pub(crate) fn process(&self, directory: &Path) -> Child {
        self.command(directory).spawn().unwrap()
    }

    /// `sync-worker mirror`, to be started.
    pub(crate) fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-worker"));
        command
            .arg("mirror")
            .current_dir(directory)
            .env_clear()
            .env("DATABASE_URL", self.database.url(Role::Worker))
            .env(
                "BONDHU_REPLICATION_URL",
                self.database.url(Role::Replication),
            )
            .env("REDIS_URL", self.redis_url())
            .env("BONDHU_SLOT", self.slot())
            .env("BONDHU_LOG", "warn");
        command
    }

    /// A person with an active session.
    pub(crate) async fn person(&self) -> Uuid {
        let user = self.database.user().await;
        let mut request = self.database.as_user(user).await;
        sqlx::query("select public.start_session('phone')")
            .execute(&mut *request)
            .await
            .unwrap();
        request.commit().await.unwrap();
        user
    }

    /// Sends a message as `user` does.
    pub(crate) async fn say(&self, user: Uuid, text: &str) {
        let mut request = self.database.as_user(user).await;
        sqlx::query("insert into public.chat_messages (message_text) values ($1)")
            .bind(text)
            .execute(&mut *request)
            .await
            .unwrap();
        request.commit().await.unwrap();
    }

    pub(crate) async fn run(&self, sql: &str, user: Uuid) {
        sqlx::query(sql)
            .bind(user)
            .execute(&self.superuser)
            .await
            .unwrap();
    }

    /// Tastes as a pull leaves them.
    pub(crate) async fn taste(&self, user: Uuid) {
        self.run(
            "insert into bondhu.recommendation_candidates (user_id, kind, candidates)
             select $1, 'music', jsonb_agg(jsonb_build_object('item_id', n, 'name', 'Song ' || n, 'maker', n % 3, 'makers', '[]'::jsonb,
               'played', 10 * n, 'listed', 0, 'saved', 20, 'of_maker', 5, 'genre', 0, 'rest', 0, 'plays', n, 'days_since_play', 3))
             from generate_series(1, 12) n",
            user,
        )
        .await;
        self.run(
            "insert into public.music_preferences
               (user_id, provider, top_genres, top_artists, recently_played, plays_by_hour, plays_by_weekday,
                play_count, computed_at)
             values ($1, 'spotify', '[]', '[]', '[]', array_fill(0, array[24]), array_fill(0, array[7]), 0, now())",
            user,
        )
        .await;
        self.run(
            "insert into public.video_preferences
               (user_id, top_categories, top_topics, top_channels, recent_channels,
                subscription_count, like_count, playlist_count, computed_at)
             values ($1, '[]', '[]', '[]', '[]', 0, 0, 0, now())",
            user,
        )
        .await;
    }

    pub(crate) async fn connect(&self) -> redis::aio::MultiplexedConnection {
        self.try_connect().await.unwrap()
    }

    async fn try_connect(&self) -> RedisResult<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(self.redis_url())?;
        client.get_multiplexed_async_connection().await
    }

    pub(crate) async fn held(&self, user: Uuid, document: Document) -> Option<Value> {
        self.try_held(user, document).await.unwrap()
    }

    /// A replica that becomes the master resets its connections.
    async fn try_held(&self, user: Uuid, document: Document) -> RedisResult<Option<Value>> {
        let mut redis = self.try_connect().await?;
        let text: Option<String> = redis.get(document.key(user)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Puts a value there past the mirror.
    pub(crate) async fn put(&self, user: Uuid, document: Document, version: &str, data: &Value) {
        let value = format!(r#"{{"v":"{version}","as_of":null,"until":null,"data":{data}}}"#);
        self.put_text(user, document, &value).await;
    }

    /// Replaces members of a value that is there.
    pub(crate) async fn change(&self, user: Uuid, document: Document, changes: &Value) {
        let held = self.held(user, document).await.unwrap();
        let members = ["v", "as_of", "until", "settings", "data"].map(|name| {
            let value = changes.get(name).unwrap_or(&held[name]);
            format!("{name:?}:{value}")
        });
        let value = format!("{{{}}}", members.join(","));
        self.put_text(user, document, &value).await;
    }

    async fn put_text(&self, user: Uuid, document: Document, text: &str) {
        let mut redis = self.connect().await;
        redis
            .set::<_, _, ()>(document.key(user), text)
            .await
            .unwrap();
    }

    /// Takes a value away, as an eviction does.
    pub(crate) async fn forget(&self, user: Uuid, document: Document) {
        let mut redis = self.connect().await;
        redis.del::<_, ()>(document.key(user)).await.unwrap();
    }

    /// A position that everything committed by now lies before.
    pub(crate) async fn written(&self) -> Lsn {
        let text: String = sqlx::query_scalar("select pg_current_wal_insert_lsn()::text")
            .fetch_one(&self.superuser)
            .await
            .unwrap();
        text.parse().unwrap()
    }

    /// The watermark.
    pub(crate) async fn state(&self) -> Option<Value> {
        serde_json::from_slice(&self.raw_state().await).ok()
    }

    /// What is under the watermark's key, whatever it is.
    pub(crate) async fn raw_state(&self) -> Vec<u8> {
        self.connect().await.get(STATE_KEY).await.unwrap()
    }

    /// The epoch, once there is one: documents may be there before the watermark is.
    pub(crate) async fn epoch(&self) -> u32 {
        let state = eventually("there is a watermark", async || self.state().await).await;
        u32::from_str_radix(state["epoch"].as_str().unwrap(), 16).unwrap()
    }

    /// Waits until Redis holds everything that is committed now.
    pub(crate) async fn caught_up(&self) {
        let written = self.written().await;
        eventually("the watermark passes what is written", async || {
            if self.has_passed(written).await {
                return Some(());
            }
            self.ask().await;
            None
        })
        .await;
    }

    /// Asks the mirror for proof that it has moved past what is written, as a reader does.
    pub(crate) async fn ask(&self) {
        sqlx::query("select pg_notify('bondhu_mirror', '')")
            .execute(&self.superuser)
            .await
            .unwrap();
    }

    /// Whether Redis holds everything before a position.
    pub(crate) async fn has_passed(&self, Lsn(position): Lsn) -> bool {
        let Some(state) = self.state().await else {
            return false;
        };
        let lsn = u64::from_str_radix(state["lsn"].as_str().unwrap(), 16).unwrap();
        state["ts"].as_i64().unwrap() > 0 && lsn >= position
    }

    /// What Postgres would put in the document now.
    pub(crate) async fn built(&self, user: Uuid, document: Document) -> Option<Value> {
        self.built_as_of(user, document, Utc::now()).await
    }

    /// What Postgres would put in the document as of an instant, from what it holds now.
    pub(crate) async fn built_as_of(
        &self,
        user: Uuid,
        document: Document,
        as_of: DateTime<Utc>,
    ) -> Option<Value> {
        let sql = format!(
            "select data from bondhu.{}_document(array[$1], $2)",
            document.name()
        );
        let data: Option<Option<Value>> = sqlx::query_scalar(&sql)
            .bind(user)
            .bind(as_of)
            .fetch_optional(&self.superuser)
            .await
            .unwrap();
        data.flatten()
    }

    /// The texts of `chat:history`, oldest first; none of a server that does not answer.
    pub(crate) async fn texts(&self, user: Uuid) -> Option<Vec<String>> {
        let document = self.try_held(user, Document::ChatHistory).await.ok()??;
        let messages = document["data"].as_array()?.iter();
        messages
            .map(|message| Some(message["message_text"].as_str()?.to_owned()))
            .collect()
    }

    /// Waits until `chat:history` is exactly this.
    pub(crate) async fn reads(&self, user: Uuid, texts: &[&str]) {
        eventually("Redis holds the conversation", async || {
            (self.texts(user).await? == texts).then_some(())
        })
        .await;
    }
}

/// A mirror of this process.
pub(crate) struct Running {
    pub(crate) status: Arc<Status>,
    pub(crate) metrics: Arc<Metrics>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Phase) -> bool) {
        let mut phases = self.status.subscribe();
        let waited = tokio::time::timeout(DEADLINE, phases.wait_for(|phase| holds(phase))).await;
        assert!(
            waited.is_ok(),
            "waited for {what}; it is {:?}",
            self.status.phase()
        );
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Looks until there is something; panics after [`DEADLINE`].
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            begun.elapsed() < DEADLINE,
            "waited {DEADLINE:?} until {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The version of a value.
pub(crate) fn version(value: &Value) -> String {
    value["v"].as_str().unwrap().to_owned()
}
