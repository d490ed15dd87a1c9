//! A provider whose every answer is the test's own, and people who are linked to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use sync_worker::provider::Provider;
use sync_worker::sync::{SyncContext, run_once};
use sync_worker::vault::{Owner, TokenKind};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;
use uuid::Uuid;

use crate::fixture::World;

/// What the puppet's accounts are called as owners of lists.
pub(crate) const OWNER: &str = "owner";

/// What the list at a path is called, with a query of its own.
pub(crate) fn list_name<'a>(path: &str, query: impl Fn(&str) -> Option<&'a str>) -> String {
    let path = match path.strip_prefix("/playlists/") {
        Some(_) => "/playlists/items",
        None => path,
    };
    let kinds = ["id", "mine", "myRating", "regionCode", "playlistId"];
    if let Some(range) = query("time_range") {
        return format!("{path}?{range}");
    }
    let kind = kinds.into_iter().find(|kind| query(kind).is_some());
    kind.map_or_else(|| path.to_owned(), |kind| format!("{path}?{kind}"))
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    /// Whose token it came with.
    pub(crate) user: Uuid,
    /// Under the API's base.
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    /// The base.
    base: String,
}

impl RecordedCall {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// What list this is: its path, and what tells it from others of that path. All playlists are
    /// alike.
    pub(crate) fn list(&self) -> String {
        list_name(&self.path, |name| self.query.get(name).map(String::as_str))
    }

    /// A link to the same list with this query.
    pub(crate) fn link(&self, query: &str) -> String {
        format!("{}{}?{query}", self.base, self.path)
    }

    /// Cuts the asked page out of a list, as the provider pages.
    pub(crate) fn page(&self, provider: Provider, all: &[Value]) -> Value {
        let number = |name: &str| self.get(name).parse::<usize>().ok();
        let (from, limit) = match provider {
            Provider::Spotify => (number("offset"), number("limit")),
            Provider::YouTube => (number("pageToken"), number("maxResults")),
        };
        let (from, limit) = (from.unwrap_or(0), limit.unwrap_or(50));
        let items: Vec<&Value> = all.iter().skip(from).take(limit).collect();
        let next = (from + limit < all.len()).then_some(from + limit);
        match provider {
            Provider::Spotify => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                let others = self.query.iter().filter(|(name, _)| *name != "offset");
                query.extend_pairs(others);
                let query = query.finish();
                let link = |from| format!("{}{}?{query}&offset={from}", self.base, self.path);
                json!({
                    "href": self.base, "items": items, "limit": limit, "offset": from,
                    "next": next.map(link), "previous": null, "total": all.len(),
                })
            }
            Provider::YouTube => {
                let mut page = json!({
                    "items": items, "pageInfo": { "totalResults": all.len(), "resultsPerPage": limit },
                });
                if let Some(next) = next {
                    page["nextPageToken"] = json!(next.to_string());
                }
                page
            }
        }
    }
}

/// What is answered: a body; `None` is 404.
pub(crate) type Script = Arc<dyn Fn(&RecordedCall) -> Option<Vec<u8>> + Send + Sync>;

/// The provider.
pub(crate) struct Puppet {
    pub(crate) context: Arc<SyncContext>,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<RecordedCall>>>,
    provider: Provider,
}

struct Strings {
    base: String,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<RecordedCall>>>,
}

impl Puppet {
    pub(crate) async fn new(world: &World, provider: Provider) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/api", listener.local_addr().unwrap());
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Arc::new(|_: &RecordedCall| None)));
        let asked = Arc::default();
        let strings = Arc::new(Strings {
            base: base.clone(),
            script: Arc::clone(&script),
            asked: Arc::clone(&asked),
        });
        let routes = Router::new().fallback(answer).with_state(strings);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let context = world.context_with(|context| {
            context.clients = world.clients_with_api(provider, &base);
            context.concurrency = 8;
        });
        for roomy in [
            "update bondhu.provider_settings set requests_per_window = 1000000000",
            "update bondhu.settings set lease_seconds = 600",
        ] {
            sqlx::query(roomy).execute(&world.admin).await.unwrap();
        }
        Self {
            context,
            script,
            asked,
            provider,
        }
    }

    /// What is answered from now on.
    pub(crate) fn says(
        &self,
        script: impl Fn(&RecordedCall) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// People with an account each, without the ceremony.
    pub(crate) async fn link(&self, world: &World, people: usize) -> Vec<Uuid> {
        let users: Vec<Uuid> = (0..people).map(|_| Uuid::new_v4()).collect();
        let seal = |user: &Uuid| {
            let owner = Owner {
                user: *user,
                provider: self.provider,
            };
            let token = SecretString::from(user.to_string());
            let vault = &self.context.vault;
            vault.seal(owner, TokenKind::Access, &token).unwrap()
        };
        let sealed: Vec<Vec<u8>> = users.iter().map(seal).collect();
        for statement in [
            "insert into auth.users (id, email) select id, id || '@example.org' from unnest($1) id where $2 <> '' and $3 is not null",
            "insert into public.provider_connections (user_id, provider, status, scopes, connected_at, next_sync_at)
             select id, s.provider, 'pending', s.scopes, now(), now()
             from unnest($1) id, bondhu.provider_settings s where s.provider = $2 and $3 is not null",
            "insert into bondhu.sync_jobs (user_id, provider) select id, $2 from unnest($1) id where $3 is not null",
            "insert into bondhu.provider_tokens (user_id, provider, kind, sealed)
             select id, $2, 'access', sealed from unnest($1, $3) t (id, sealed)",
        ] {
            sqlx::query(statement)
                .bind(&users)
                .bind(self.provider.name())
                .bind(&sealed)
                .execute(&world.admin)
                .await
                .unwrap();
        }
        users
    }

    /// Syncs everybody, whether due or not.
    pub(crate) async fn sync(&self, world: &World) {
        world.let_time_pass().await;
        run_once(Arc::clone(&self.context), CancellationToken::new())
            .await
            .unwrap();
    }
}

async fn answer(State(strings): State<Arc<Strings>>, request: Request) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let query = request.uri().query().unwrap_or_default();
    let asked = RecordedCall {
        user: bearer
            .and_then(|user| user.parse().ok())
            .unwrap_or_default(),
        path: request.uri().path().trim_start_matches("/api").to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        base: strings.base.clone(),
    };
    let script = Arc::clone(&strings.script.lock().unwrap());
    let body = script(&asked);
    strings.asked.lock().unwrap().push(asked);
    match body {
        Some(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        None => (StatusCode::NOT_FOUND, "{}").into_response(),
    }
}
