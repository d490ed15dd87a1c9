//! A database, the providers' stand-in, a worker, and people who link their accounts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bondhu_stack::testing::{Database, Role};
use bondhu_standin::{Provider as Standby, RecordedRequest, Standin, StandinConfig};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;
use sync_worker::config::TokenKey;
use sync_worker::http::attempts::Attempts;
use sync_worker::http::client_address::TrustedProxies;
use sync_worker::jwt::JwtVerifier;
use sync_worker::oauth::{self, LinkingContext};
use sync_worker::provider::Provider;
use sync_worker::providers::{ProviderAccess, ProviderClients, http_client};
use sync_worker::sync::{Allowance, SyncContext, run_once};
use sync_worker::vault::Vault;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

/// The app that people come back to.
pub(crate) const APP: &str = "https://app.example";

/// The project whose users sign in, and its legacy secret.
pub(crate) const SUPABASE_URL: &str = "http://127.0.0.1:9";
pub(crate) const JWT_SECRET: &str = "a-secret-of-at-least-thirty-two-characters";

/// How a connection stands.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Standing {
    pub(crate) status: String,
    pub(crate) missing: Vec<String>,
    pub(crate) last_error_code: Option<String>,
    pub(crate) last_error: Option<String>,
}

pub(crate) struct World {
    pub(crate) database: Database,
    /// As superuser, to arrange and to look.
    pub(crate) admin: PgPool,
    pub(crate) standin: Standin,
    pub(crate) context: Arc<SyncContext>,
    /// How the worker is registered with each provider.
    pub(crate) access: HashMap<Provider, ProviderAccess>,
    /// Seals tokens.
    pub(crate) token_key: TokenKey,
    /// Where the callback and `POST /link` are.
    pub(crate) worker_url: String,
    /// A browser that shows where it is sent instead of going there.
    browser: reqwest::Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(StandinConfig::default()).await
    }

    pub(crate) async fn with(config: StandinConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public_url = format!("http://{}", listener.local_addr().unwrap());
        let clients = [config.spotify.clone(), config.google.clone()];
        let standin = Standin::start(config).await.unwrap();
        let database = Database::create().await;
        let admin = database.pool(Role::Superuser).await;

        let mut providers = HashMap::new();
        for (provider, client) in Provider::ALL.into_iter().zip(clients) {
            let redirect_uri = format!("{public_url}/oauth/{provider}/callback");
            standin.register_redirect_uri(standby(provider), &redirect_uri);
            sqlx::query(
                "update bondhu.provider_settings
                 set client_id = $2, authorize_url = $3, redirect_uri = $4, return_to_allow_list = array[$5]
                 where provider = $1",
            )
            .bind(provider.name())
            .bind(&client.id)
            .bind(standin.authorize_url(standby(provider)))
            .bind(&redirect_uri)
            .bind(APP)
            .execute(&admin)
            .await
            .unwrap();
            let (token_url, api_url) = match provider {
                Provider::Spotify => (
                    format!("{}/api/token", standin.spotify_accounts_url()),
                    standin.spotify_api_url(),
                ),
                Provider::YouTube => (
                    format!("{}/token", standin.google_oauth_url()),
                    standin.youtube_api_url(),
                ),
            };
            providers.insert(
                provider,
                ProviderAccess {
                    client_id: client.id,
                    client_secret: SecretString::from(client.secret),
                    token_url: token_url.parse().unwrap(),
                    revoke_url: (provider == Provider::YouTube).then(|| {
                        format!("{}/revoke", standin.google_oauth_url())
                            .parse()
                            .unwrap()
                    }),
                    redirect_uri: redirect_uri.parse().unwrap(),
                    api_url: api_url.parse().unwrap(),
                },
            );
        }

        let worker = database.pool(Role::Worker).await;
        let token_key = TokenKey::generate("k1");
        let vault = Arc::new(Vault::new(std::slice::from_ref(&token_key)));
        let http = http_client().unwrap();
        let clients = ProviderClients::new(&providers, &http);
        let linking = Arc::new(LinkingContext {
            // So that tests may come from where they say.
            proxies: TrustedProxies::parse("127.0.0.1").unwrap(),
            attempts: Attempts::default(),
            database: worker.clone(),
            vault: Arc::clone(&vault),
            clients: clients.clone(),
            verifier: Some(JwtVerifier::new(
                &SUPABASE_URL.parse().unwrap(),
                Some(&JWT_SECRET.into()),
                http.clone(),
            )),
        });
        let routes = oauth::router(linking, vec![HeaderValue::from_static(APP)]);
        let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let context = Arc::new(SyncContext {
            database: worker,
            vault,
            clients,
            concurrency: 4,
            worker: "test".to_owned(),
            metrics: Arc::default(),
            allowance: Allowance::without_redis(),
        });
        Self {
            database,
            admin,
            standin,
            context,
            access: providers,
            token_key,
            worker_url: public_url,
            browser: http,
        }
    }

    /// The same worker with something else about it.
    pub(crate) fn context_with(&self, change: impl FnOnce(&mut SyncContext)) -> Arc<SyncContext> {
        let mut context = SyncContext {
            database: self.context.database.clone(),
            vault: Arc::clone(&self.context.vault),
            clients: self.context.clients.clone(),
            concurrency: self.context.concurrency,
            worker: self.context.worker.clone(),
            metrics: Arc::clone(&self.context.metrics),
            allowance: self.context.allowance.clone(),
        };
        change(&mut context);
        Arc::new(context)
    }

    /// Clients of which one has its API elsewhere.
    pub(crate) fn clients_with_api(&self, provider: Provider, url: &str) -> ProviderClients {
        let mut access = self.access.clone();
        access.get_mut(&provider).unwrap().api_url = url.parse().unwrap();
        ProviderClients::new(&access, &self.browser)
    }

    /// How a worker process is told of the stand-in.
    pub(crate) fn environment(&self) -> [(&'static str, String); 8] {
        let of = |provider: Provider| &self.access[&provider];
        let (spotify, google) = (of(Provider::Spotify), of(Provider::YouTube));
        let secret = |of: &ProviderAccess| of.client_secret.expose_secret().to_owned();
        [
            ("SPOTIFY_CLIENT_ID", spotify.client_id.clone()),
            ("SPOTIFY_CLIENT_SECRET", secret(spotify)),
            ("SPOTIFY_ACCOUNTS_URL", self.standin.spotify_accounts_url()),
            ("SPOTIFY_API_URL", self.standin.spotify_api_url()),
            ("GOOGLE_CLIENT_ID", google.client_id.clone()),
            ("GOOGLE_CLIENT_SECRET", secret(google)),
            ("GOOGLE_OAUTH_URL", self.standin.google_oauth_url()),
            ("YOUTUBE_API_URL", self.standin.youtube_api_url()),
        ]
    }

    /// `begin_connect` as the user: the consent page's URL.
    pub(crate) async fn begin_connect(
        &self,
        user: Uuid,
        provider: &str,
        return_to: &str,
    ) -> sqlx::Result<Url> {
        let mut request = self.database.as_user(user).await;
        let url: String = sqlx::query_scalar("select public.begin_connect($1, $2)")
            .bind(provider)
            .bind(return_to)
            .fetch_one(&mut *request)
            .await?;
        request.commit().await?;
        Ok(url.parse().unwrap())
    }

    /// `confirm_connect` as the user: the provider.
    pub(crate) async fn confirm_connect(&self, user: Uuid, code: &str) -> sqlx::Result<String> {
        let mut request = self.database.as_user(user).await;
        let provider = sqlx::query_scalar("select public.confirm_connect($1)")
            .bind(code)
            .fetch_one(&mut *request)
            .await?;
        request.commit().await?;
        Ok(provider)
    }

    pub(crate) async fn disconnect(&self, user: Uuid, provider: Provider) {
        let mut request = self.database.as_user(user).await;
        sqlx::query("select public.disconnect($1)")
            .bind(provider.name())
            .execute(&mut *request)
            .await
            .unwrap();
        request.commit().await.unwrap();
    }

    /// Opens a URL: the status, and where it redirects to.
    pub(crate) async fn open(&self, url: Url) -> (StatusCode, Option<Url>) {
        let answer = self.browser.get(url).send().await.unwrap();
        let location = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().unwrap().parse().unwrap());
        (answer.status(), location)
    }

    /// Consents at the provider: the callback's URL.
    pub(crate) async fn consent(&self, authorize: Url) -> Url {
        let (status, callback) = self.open(authorize).await;
        assert_eq!(status, StatusCode::FOUND);
        callback.unwrap()
    }

    /// From `begin_connect` through consent and callback: the parameters the app gets.
    pub(crate) async fn come_back(
        &self,
        user: Uuid,
        provider: Provider,
    ) -> HashMap<String, String> {
        let begun = self
            .begin_connect(user, provider.name(), &format!("{APP}/linked"))
            .await;
        let callback = self.consent(begun.unwrap()).await;
        let (status, back) = self.open(callback).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let back = back.unwrap();
        assert!(
            back.as_str().starts_with("https://app.example/linked?"),
            "{back}"
        );
        back.query_pairs().into_owned().collect()
    }

    /// The whole way, as account `account` of the provider.
    pub(crate) async fn link(&self, user: Uuid, provider: Provider, account: u64) {
        self.standin.sign_in(account);
        let back = self.come_back(user, provider).await;
        let code = back
            .get("code")
            .unwrap_or_else(|| panic!("no code: {back:?}"));
        assert_eq!(
            self.confirm_connect(user, code).await.unwrap(),
            provider.name()
        );
    }

    /// A person with a linked account.
    pub(crate) async fn linked(&self, provider: Provider, account: u64) -> Uuid {
        let user = self.database.user().await;
        self.link(user, provider, account).await;
        user
    }

    /// Syncs what is due.
    pub(crate) async fn sync(&self) -> u64 {
        run_once(Arc::clone(&self.context), CancellationToken::new())
            .await
            .unwrap()
    }

    /// Lets the time pass that anything waits for: schedules, back-offs, leases.
    pub(crate) async fn let_time_pass(&self) {
        for statement in [
            "update bondhu.sync_jobs set not_before = null, resources = '{}'",
            "update bondhu.sync_jobs set lease_expires_at = now() - interval '1 s' where lease_token is not null",
            "update public.provider_connections set next_sync_at = now() - interval '1 s' where status <> 'disconnected'",
            "update bondhu.provider_settings set blocked_until = null, blocked_reason = null",
            "delete from bondhu.provider_ledger",
        ] {
            sqlx::query(statement).execute(&self.admin).await.unwrap();
        }
    }

    /// The time of one interval passes, and nothing that is known of lists is forgotten.
    pub(crate) async fn an_interval_passes(&self) {
        for statement in [
            "update bondhu.sync_jobs set not_before = null",
            "update public.provider_connections set next_sync_at = now() - interval '1 s'",
            "delete from bondhu.provider_ledger",
        ] {
            sqlx::query(statement).execute(&self.admin).await.unwrap();
        }
    }

    pub(crate) async fn standing(&self, user: Uuid, provider: Provider) -> Standing {
        sqlx::query_as(
            "select status, missing, last_error_code, last_error
             from public.provider_connections where user_id = $1 and provider = $2",
        )
        .bind(user)
        .bind(provider.name())
        .fetch_one(&self.admin)
        .await
        .unwrap()
    }

    pub(crate) async fn status(&self, user: Uuid, provider: Provider) -> String {
        self.standing(user, provider).await.status
    }

    /// Seconds until the connection's `not_before`; `None` without one.
    pub(crate) async fn held_back_for(&self, user: Uuid, provider: Provider) -> Option<f64> {
        sqlx::query_scalar(
            "select extract(epoch from not_before - now())::float8
             from bondhu.sync_jobs where user_id = $1 and provider = $2",
        )
        .bind(user)
        .bind(provider.name())
        .fetch_one(&self.admin)
        .await
        .unwrap()
    }

    /// `select count(*) from …`, with the user as `$1`.
    pub(crate) async fn count(&self, from: &str, user: Uuid) -> usize {
        let count: i64 = sqlx::query_scalar(&format!("select count(*) from {from}"))
            .bind(user)
            .fetch_one(&self.admin)
            .await
            .unwrap();
        usize::try_from(count).unwrap()
    }

    /// The stand-in's requests for a path.
    pub(crate) fn requests(&self, path: &str) -> Vec<RecordedRequest> {
        self.standin
            .requests()
            .into_iter()
            .filter(|request| request.path == path)
            .collect()
    }
}

/// The stand-in's name for a provider.
pub(crate) const fn standby(provider: Provider) -> Standby {
    match provider {
        Provider::Spotify => Standby::Spotify,
        Provider::YouTube => Standby::YouTube,
    }
}

/// Waits until `condition` holds; panics after ten seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let held = tokio::time::timeout(Duration::from_secs(10), waited).await;
    assert!(held.is_ok(), "never came: {what}");
}

/// The server's SQLSTATE, message and hint.
pub(crate) fn refusal(error: &sqlx::Error) -> (String, String, String) {
    let error = error.as_database_error().unwrap();
    let postgres = error.downcast_ref::<sqlx::postgres::PgDatabaseError>();
    (
        postgres.code().to_owned(),
        postgres.message().to_owned(),
        postgres.hint().unwrap_or_default().to_owned(),
    )
}
