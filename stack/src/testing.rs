//! A database and a Redis for each test.
//!
//! `BONDHU_TEST_POSTGRES_URL` names a superuser's connection to the maintenance database
//! of a Postgres that may be filled with test databases; `make test` sets it. Each
//! [`Database`] is copied from a template that holds the whole schema, made when missing
//! or older than `sql/`.
//!
//! Functions panic when they fail: a test has nothing better to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::data_api;
use crate::redis_server::RedisServer;
use crate::{schema, template};

/// Variable that names the Postgres for tests.
pub const POSTGRES_URL: &str = "BONDHU_TEST_POSTGRES_URL";

/// The role that a connection signs in as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `supabase_admin`: may do anything.
    Superuser,
    /// `postgres`: owns the schema, no superuser.
    Owner,
    /// `bondhu_worker`.
    Worker,
    /// May open a replication connection; on Supabase that is the owner.
    Replication,
    /// `authenticator`: what the Data API signs in as, before it takes a user's role.
    Authenticator,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Superuser => "supabase_admin",
            Self::Owner | Self::Replication => "postgres",
            Self::Worker => "bondhu_worker",
            Self::Authenticator => "authenticator",
        }
    }
}

/// A database with the whole schema. Dropping it removes it with its replication slots and
/// connections.
#[derive(Debug)]
pub struct Database {
    server: Url,
    name: String,
    // Holds the lock on the one database that pg_cron runs in.
    _cron: Option<PgConnection>,
}

impl Database {
    /// A fresh copy of the template.
    pub async fn create() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let server = server();
        ensure_template(&server).await;
        let name = format!(
            "bondhu_test_{}_{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        );
        template::copy(&server, &name)
            .await
            .expect("a copy of the template");
        Self {
            server,
            name,
            _cron: None,
        }
    }

    /// A database without Bondhu, to restore into: like a new Supabase project, or empty.
    pub async fn create_for_restore(as_a_project: bool) -> Self {
        let database = Self::create().await;
        let mut admin = template::connect(&database.server, None, None)
            .await
            .expect("a connection");
        let name = &database.name;
        execute(&mut admin, &format!("drop database {name}")).await;
        execute(
            &mut admin,
            &format!("create database {name} template template0"),
        )
        .await;
        if as_a_project {
            let bootstrap = schema::bootstrap().expect("the bootstrap");
            bootstrap
                .run(&mut database.connect(Role::Superuser).await)
                .await
                .expect("a project");
        }
        database
    }

    /// The whole schema in a database of a locale: what follows `template template0`. None where the server
    /// was built without it.
    pub async fn create_in(locale: &str) -> Option<Self> {
        let database = Self::create().await;
        let mut admin = template::connect(&database.server, None, None)
            .await
            .expect("a connection");
        let name = &database.name;
        execute(&mut admin, &format!("drop database {name}")).await;
        let sql = format!("create database {name} template template0 {locale}");
        if let Err(error) = sqlx::query(&sql).execute(&mut admin).await {
            let code = error.as_database_error().and_then(|error| error.code());
            assert_eq!(code.as_deref(), Some("0A000"), "{error}");
            return None;
        }
        template::build(&database.server, name)
            .await
            .expect("the schema");
        Some(database)
    }

    /// A database on a server that the test has started.
    pub async fn create_on(cluster: &Cluster) -> Self {
        let server = cluster.superuser().expect("a connection string");
        let name = "bondhu_test_alone".to_owned();
        template::ensure(&server).await.expect("a template");
        template::copy(&server, &name)
            .await
            .expect("a copy of the template");
        Self {
            server,
            name,
            _cron: None,
        }
    }

    /// A fresh copy of the template in which pg_cron runs: `cron.database_name`. There is
    /// one per server, so that tests that ask for it wait for each other.
    pub async fn create_with_cron() -> Self {
        let server = server();
        ensure_template(&server).await;
        let (name, lock) = template::copy_for_cron(&server)
            .await
            .expect("a database with pg_cron");
        Self {
            server,
            name,
            _cron: Some(lock),
        }
    }

    /// Name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connection string.
    pub fn url(&self, role: Role) -> String {
        let mut url = self.server.clone();
        url.set_username(role.name())
            .expect("a Postgres URL has room for a user");
        url.set_path(&self.name);
        url.into()
    }

    /// Connections as `role`.
    pub async fn pool(&self, role: Role) -> PgPool {
        let options = PgConnectOptions::from_str(&self.url(role)).expect("a connection string");
        PgPoolOptions::new()
            .max_connections(8)
            .connect_with(options)
            .await
            .expect("a connection")
    }

    /// One connection as `role`.
    pub async fn connect(&self, role: Role) -> PgConnection {
        PgConnection::connect(&self.url(role))
            .await
            .expect("a connection")
    }

    /// Signs up a user: a row of `auth.users`.
    pub async fn user(&self) -> Uuid {
        let id = Uuid::new_v4();
        let mut superuser = self.connect(Role::Superuser).await;
        sqlx::query("insert into auth.users (id, email) values ($1, $2)")
            .bind(id)
            .bind(format!("{id}@example.org"))
            .execute(&mut superuser)
            .await
            .expect("a row of auth.users");
        id
    }

    /// A transaction as a signed-in user, as the Data API opens one.
    pub async fn as_user(&self, user: Uuid) -> Transaction<'static, Postgres> {
        data_api::as_user(&self.api().await, user)
            .await
            .expect("a request")
    }

    /// A transaction with the service key.
    pub async fn as_service(&self) -> Transaction<'static, Postgres> {
        data_api::as_service(&self.api().await)
            .await
            .expect("a request")
    }

    /// A transaction without signing in.
    pub async fn as_anon(&self) -> Transaction<'static, Postgres> {
        data_api::as_anon(&self.api().await)
            .await
            .expect("a request")
    }

    async fn api(&self) -> PgPool {
        let options = PgConnectOptions::from_str(&self.url(Role::Authenticator))
            .expect("a connection string");
        PgPoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .expect("a connection")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // Drop is not async, and the test's runtime may be ending: a runtime of its own.
        let removal = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(template::remove(&server, &name))
        });
        match removal.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("database {} was not removed: {error:#}", self.name),
            Err(_) => eprintln!("database {} was not removed", self.name),
        }
    }
}

/// A Redis for one test. Dropping it ends it.
#[derive(Debug)]
pub struct TestRedis {
    server: RedisServer,
}

impl TestRedis {
    /// Connection string.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Ends the server while the test goes on.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// A connection.
    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a Redis URL");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("a connection to Redis")
    }
}

/// Starts a Redis for the calling test; it ends when dropped.
pub async fn redis() -> TestRedis {
    TestRedis {
        server: RedisServer::temporary().await.expect("a Redis"),
    }
}

fn server() -> Url {
    let text = std::env::var(POSTGRES_URL).unwrap_or_else(|_| {
        panic!("{POSTGRES_URL} is not set: run the tests with `make test`, or name a superuser's URL of a scratch Postgres")
    });
    Url::parse(&text).unwrap_or_else(|error| panic!("{POSTGRES_URL} is not a URL: {error}"))
}

async fn ensure_template(server: &Url) {
    static CURRENT: OnceCell<()> = OnceCell::const_new();
    CURRENT
        .get_or_init(|| async {
            template::ensure(server)
                .await
                .unwrap_or_else(|error| panic!("no template database: {error:#}"))
        })
        .await;
}

/// Executes SQL; panics with the server's message.
pub async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(sql)
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}\nin: {sql}"));
}

/// Drops a replication slot that may still be in use; panics when it stays so.
pub async fn drop_slot(connection: &mut PgConnection, slot: &str) {
    template::drop_slot(connection, slot)
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
}
