//! Typed configuration, read once from the environment and `.env` (the environment wins).
//!
//! Each section is read by the subcommand that needs it, so that only its own variables are
//! required. Secrets are [`SecretString`]s and appear in no error and no log.

mod environment;
mod token_keys;
pub mod variables;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::HeaderValue;
use bondhu_core::cache::{FRESHNESS_LEAST, FRESHNESS_MOST};
use secrecy::SecretString;
use url::Url;

use crate::cache::RedisTarget;
use crate::http::client_address::TrustedProxies;
use crate::http::limits::Limits;
use crate::telemetry::{LogConfig, LogFormat};

pub use environment::{ConfigError, Environment};
pub use token_keys::TokenKey;
use variables as var;

/// What a reader trusts, and what a mirror may promise.
const FRESHNESS_SECONDS: RangeInclusive<u32> =
    FRESHNESS_LEAST.as_secs() as u32..=FRESHNESS_MOST.as_secs() as u32;

/// The database as the worker's own role.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`.
    pub url: SecretString,
}

impl DatabaseConfig {
    /// Reads `DATABASE_URL`.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            url: env.postgres_url(&var::DATABASE_URL)?,
        })
    }
}

/// The database as the owner of Bondhu's tables, for what the worker's own role may not do.
#[derive(Debug, Clone)]
pub struct OwnerConfig {
    /// `BONDHU_OWNER_URL`.
    pub url: SecretString,
}

impl OwnerConfig {
    /// Reads `BONDHU_OWNER_URL`.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            url: env.postgres_url(&var::OWNER_URL)?,
        })
    }
}

/// What the mirror needs: a stream and a Redis.
#[derive(Debug, Clone)]
pub struct MirrorConfig {
    /// `BONDHU_REPLICATION_URL`: a role that may replicate.
    pub replication_url: SecretString,
    /// `REDIS_URL`.
    pub redis: RedisTarget,
    /// `BONDHU_SLOT`.
    pub slot: String,
    /// `BONDHU_PUBLICATION`.
    pub publication: String,
    /// How long after Redis a position is acknowledged to Postgres.
    pub ack_delay: Duration,
    /// How long readers trust the mirror while it is silent, from
    /// [`FRESHNESS_LEAST`] to
    /// [`FRESHNESS_MOST`].
    pub freshness: Duration,
}

impl MirrorConfig {
    /// Reads the mirror's variables; both URLs are required.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let identifier = |variable| {
            env.parsed(variable, |text| {
                let fits = text.len() <= 63
                    && text
                        .bytes()
                        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
                if fits {
                    Ok(text.to_owned())
                } else {
                    Err("use at most 63 of a-z, 0-9 and _".to_owned())
                }
            })
        };
        Ok(Self {
            replication_url: env.postgres_url(&var::REPLICATION_URL)?,
            redis: env.redis(&var::REDIS_URL)?,
            slot: identifier(&var::SLOT)?,
            publication: identifier(&var::PUBLICATION)?,
            ack_delay: Duration::from_secs(env.number(&var::MIRROR_ACK_DELAY, 0..=600)?.into()),
            freshness: Duration::from_secs(
                env.number(&var::MIRROR_FRESHNESS, FRESHNESS_SECONDS)?
                    .into(),
            ),
        })
    }

    /// `None` when there is no `REDIS_URL`: the mirror is optional.
    pub fn optional_from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        if env.is_set(&var::REDIS_URL) {
            Self::from_env(env).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// One provider's credentials and base URLs.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: SecretString,
    /// Where tokens are exchanged, refreshed and revoked; no trailing slash in its path.
    pub oauth_url: Url,
    /// Base of the provider's API; no trailing slash in its path.
    pub api_url: Url,
}

/// What syncing and the OAuth callback need.
#[derive(Debug, Clone)]
pub struct SyncConfig {
    /// `BONDHU_TOKEN_KEYS`: never empty, the first one encrypts.
    pub token_keys: Vec<TokenKey>,
    /// Spotify, when its client id is set.
    pub spotify: Option<ProviderConfig>,
    /// YouTube (Google), when its client id is set.
    pub youtube: Option<ProviderConfig>,
    /// `MUSICBRAINZ_URL`, when recordings' genres are asked for.
    pub musicbrainz_url: Option<Url>,
    /// `BONDHU_PUBLIC_URL`: where browsers reach the worker.
    pub public_url: Url,
    /// `BONDHU_SYNC_CONCURRENCY`, 1 to 256.
    pub concurrency: usize,
}

impl SyncConfig {
    /// Reads what syncing needs. The token keys are required; a provider without a client id is off.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let provider = |id, secret, oauth, api| -> Result<Option<ProviderConfig>, ConfigError> {
            if !env.is_set(id) {
                return Ok(None);
            }
            Ok(Some(ProviderConfig {
                client_id: env.text(id)?,
                client_secret: env.secret(secret)?,
                oauth_url: env.http_url(oauth)?,
                api_url: env.http_url(api)?,
            }))
        };
        Ok(Self {
            token_keys: TokenKey::from_env(env)?,
            spotify: provider(
                &var::SPOTIFY_CLIENT_ID,
                &var::SPOTIFY_CLIENT_SECRET,
                &var::SPOTIFY_ACCOUNTS_URL,
                &var::SPOTIFY_API_URL,
            )?,
            youtube: provider(
                &var::GOOGLE_CLIENT_ID,
                &var::GOOGLE_CLIENT_SECRET,
                &var::GOOGLE_OAUTH_URL,
                &var::YOUTUBE_API_URL,
            )?,
            musicbrainz_url: env
                .is_set(&var::MUSICBRAINZ_URL)
                .then(|| env.http_url(&var::MUSICBRAINZ_URL))
                .transpose()?,
            public_url: env.http_url(&var::PUBLIC_URL)?,
            concurrency: env.number(&var::SYNC_CONCURRENCY, 1..=256)? as usize,
        })
    }

    /// `None` when no provider has a client id: then there is nothing to sync.
    pub fn optional_from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        let any = env.is_set(&var::SPOTIFY_CLIENT_ID) || env.is_set(&var::GOOGLE_CLIENT_ID);
        if any {
            Self::from_env(env).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Where the worker listens, and to whom.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `BONDHU_HTTP_ADDR`.
    pub addr: SocketAddr,
    /// `BONDHU_METRICS_ADDR`.
    pub metrics_addr: Option<SocketAddr>,
    /// `BONDHU_CORS_ORIGINS`.
    pub cors_origins: Vec<HeaderValue>,
    /// `BONDHU_HTTP_CONNECTIONS` and `BONDHU_HTTP_READ_SECONDS`, of each listener.
    pub limits: Limits,
    /// `BONDHU_TRUSTED_PROXIES`.
    pub trusted_proxies: TrustedProxies,
}

impl HttpConfig {
    /// Reads these variables.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let addr = |variable| {
            env.parsed(variable, |text| {
                text.parse()
                    .map_err(|_| "not an address and port".to_owned())
            })
        };
        let metrics = &var::METRICS_ADDR;
        let origins = &var::CORS_ORIGINS;
        let cors_origins = if env.is_set(origins) {
            env.parsed(origins, |text| text.split(',').map(origin).collect())?
        } else {
            Vec::new()
        };
        let proxies = &var::TRUSTED_PROXIES;
        let trusted_proxies = if env.is_set(proxies) {
            env.parsed(proxies, TrustedProxies::parse)?
        } else {
            TrustedProxies::default()
        };
        Ok(Self {
            trusted_proxies,
            addr: addr(&var::HTTP_ADDR)?,
            metrics_addr: env.is_set(metrics).then(|| addr(metrics)).transpose()?,
            cors_origins,
            limits: Limits {
                connections: env.number(&var::HTTP_CONNECTIONS, 1..=65_535)?,
                reading: Duration::from_secs(env.number(&var::HTTP_READ_SECONDS, 1..=300)?.into()),
            },
        })
    }
}

/// An origin as browsers send it: scheme, host and, unless it is the scheme's own, port.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let url = Url::parse(text).map_err(|_| format!("{text:?} is not an origin"))?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "https" | "http") || origin != text {
        return Err(format!(
            "{text:?} is not an origin: https://host or http://host:port, without a path"
        ));
    }
    HeaderValue::from_str(text).map_err(|_| format!("{text:?} is not an origin"))
}

/// Whose access tokens are accepted.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// `SUPABASE_URL`.
    pub supabase_url: Url,
    /// `SUPABASE_JWT_SECRET`, while the project has one.
    pub legacy_secret: Option<SecretString>,
}

impl AuthConfig {
    /// `None` when there is no `SUPABASE_URL`: then nobody can sign in.
    pub fn optional_from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        if !env.is_set(&var::SUPABASE_URL) {
            return Ok(None);
        }
        let legacy = &var::SUPABASE_JWT_SECRET;
        Ok(Some(Self {
            supabase_url: env.http_url(&var::SUPABASE_URL)?,
            legacy_secret: env.is_set(legacy).then(|| env.secret(legacy)).transpose()?,
        }))
    }
}

/// The Data API, which only `doctor` looks at.
#[derive(Debug, Clone)]
pub struct DataApiConfig {
    /// `SUPABASE_URL`.
    pub url: Url,
    /// `SUPABASE_SERVICE_ROLE_KEY`.
    pub key: SecretString,
}

impl DataApiConfig {
    /// `None` without `SUPABASE_SERVICE_ROLE_KEY`; with it, `SUPABASE_URL` is required.
    pub fn optional_from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        if !env.is_set(&var::SUPABASE_SERVICE_ROLE_KEY) {
            return Ok(None);
        }
        Ok(Some(Self {
            url: env.http_url(&var::SUPABASE_URL)?,
            key: env.secret(&var::SUPABASE_SERVICE_ROLE_KEY)?,
        }))
    }
}

impl LogConfig {
    /// Reads both variables and checks the filter.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            filter: env.parsed(&var::LOG, |text| {
                tracing_subscriber::EnvFilter::try_new(text)
                    .map(|_| text.to_owned())
                    .map_err(|e| format!("not filter directives ({e})"))
            })?,
            format: env.parsed(&var::LOG_FORMAT, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("neither text nor json".to_owned()),
            })?,
        })
    }
}
