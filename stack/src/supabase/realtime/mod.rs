//! Realtime as a project has it: Broadcast, Presence, private channels that the policies on
//! `realtime.messages` open, and broadcasts from the database. Postgres Changes are not played.
//!
//! <https://supabase.com/docs/guides/realtime/protocol>, <https://supabase.com/docs/guides/realtime/limits>

mod access;
mod authorization;
mod broadcast;
mod connection;
mod database;
mod frame;
mod http;
mod hub;
mod join;
mod presence;
mod replay;
mod token;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::schema;
use crate::supabase::keys::Keys;
use hub::Hub;

pub use http::router;

/// What a project's dashboard sets, and its plan limits. The default is a new project's on the free plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// "Allow public access": whether a channel may be joined that does not say `private`.
    pub allow_public_access: bool,
    /// How long a connection may say nothing; clients send a heartbeat more often.
    pub silence: Duration,
    /// Channels that a connection may have at a time.
    pub channels_per_connection: usize,
    /// The most that a message may carry.
    pub payload_bytes: usize,
    /// How often a channel may say that it is present, or no longer, in [`Settings::presence_window`].
    pub presence_calls: u32,
    /// See [`Settings::presence_calls`].
    pub presence_window: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_public_access: true,
            silence: Duration::from_secs(60),
            channels_per_connection: 100,
            payload_bytes: 256 * 1000 + 500,
            presence_calls: 5,
            presence_window: Duration::from_secs(30),
        }
    }
}

/// The service of one project. Connections keep it alive until [`Realtime::close`].
#[derive(Debug)]
pub struct Realtime {
    pool: PgPool,
    keys: Arc<Keys>,
    settings: Settings,
    hub: Hub,
    /// What runs for the service holds a receiver, so that its end can be awaited.
    closing: watch::Sender<bool>,
}

impl Realtime {
    /// Makes the schema `realtime` where it is missing, as the service does at its first start, and listens
    /// to the database. The pool signs in as a superuser.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(pool: PgPool, keys: Arc<Keys>) -> Result<Arc<Self>> {
        Self::start_with(pool, keys, Settings::default()).await
    }

    /// As [`Realtime::start`], for a project with other settings.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start_with(
        pool: PgPool,
        keys: Arc<Keys>,
        settings: Settings,
    ) -> Result<Arc<Self>> {
        let mut connection = pool.acquire().await?;
        sqlx::query("set client_min_messages = warning")
            .execute(&mut *connection)
            .await?;
        schema::realtime()?
            .run(&mut connection)
            .await
            .context("the schema realtime")?;
        // Not back into the pool with its setting.
        connection.close().await?;

        let realtime = Arc::new(Self {
            pool,
            keys,
            settings,
            hub: Hub::default(),
            closing: watch::Sender::new(false),
        });
        database::listen(&realtime).await?;
        Ok(realtime)
    }

    /// Ends all connections.
    pub fn end(&self) {
        self.closing.send_replace(true);
    }

    /// Ends all connections and waits for them.
    pub async fn close(&self) {
        self.end();
        self.closing.closed().await;
    }
}

/// Returns when the service is closing.
async fn closing(receiver: &mut watch::Receiver<bool>) {
    receiver.wait_for(|closing| *closing).await.ok();
}
