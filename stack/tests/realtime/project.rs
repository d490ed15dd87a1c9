//! A project with Realtime, and who signs in to it.

use std::sync::Arc;

use bondhu_stack::supabase::keys::Keys;
use bondhu_stack::supabase::realtime::{self, Realtime, Settings};
use bondhu_stack::testing::{Database, Role, execute};
use chrono::Utc;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::client::Client;

pub(crate) struct Project {
    pub(crate) database: Database,
    pub(crate) keys: Arc<Keys>,
    pub(crate) realtime: Arc<Realtime>,
    pub(crate) address: String,
    server: JoinHandle<()>,
}

impl Project {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let database = Database::create().await;
        let keys = Arc::new(Keys::fresh().unwrap());
        let pool = database.pool(Role::Superuser).await;
        let realtime = Realtime::start_with(pool, Arc::clone(&keys), settings)
            .await
            .unwrap();
        // As postgres, who is no superuser.
        execute(
            &mut database.connect(Role::Owner).await,
            "select bondhu.authorize_realtime()",
        )
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("{}/realtime/v1", listener.local_addr().unwrap());
        let routes =
            axum::Router::new().nest("/realtime/v1", realtime::router(Arc::clone(&realtime)));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            database,
            keys,
            realtime,
            address,
            server,
        }
    }

    /// A user, and their topic.
    pub(crate) async fn user(&self) -> (Uuid, String) {
        let id = self.database.user().await;
        (id, format!("user:{id}"))
    }

    /// A user's token, good for that many seconds.
    pub(crate) fn token(&self, user: Uuid, seconds: i64) -> String {
        signed(&self.keys, &claims(user, seconds))
    }

    /// A client of protocol 2.0.0 with the key for browsers.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address, self.keys.publishable(), "2.0.0").await
    }

    /// A client that has joined its user's own private topic.
    pub(crate) async fn listener(&self, user: Uuid, config: &Value) -> Client {
        let mut client = self.client().await;
        let topic = format!("user:{user}");
        let reply = client
            .join(&topic, &self.token(user, 600), &private(config))
            .await;
        assert_eq!(reply["status"], "ok", "{reply}");
        client
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn private(more: &Value) -> Value {
    let mut config = json!({ "private": true });
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    config
}

pub(crate) fn claims(user: Uuid, seconds: i64) -> Value {
    json!({
        "sub": user, "role": "authenticated", "aud": "authenticated",
        "exp": Utc::now().timestamp() + seconds,
    })
}

pub(crate) fn signed(keys: &Keys, claims: &Value) -> String {
    keys.sign(claims).unwrap()
}
