//! Every environment variable the worker reads, once: `--help`, error texts, the table of docs/operating.md
//! and `.env.example` all come from, or are checked against, [`ALL`].

/// One environment variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// What it is, in one line.
    pub what: &'static str,
    /// A value that would be accepted.
    pub example: &'static str,
    /// What is used when it is not set; `None` when there is nothing to fall back to.
    pub default: Option<&'static str>,
    /// Whether the value must never be shown.
    pub secret: bool,
}

const fn plain(
    name: &'static str,
    what: &'static str,
    example: &'static str,
    default: Option<&'static str>,
) -> Variable {
    Variable {
        name,
        what,
        example,
        default,
        secret: false,
    }
}

const fn secret(name: &'static str, what: &'static str, example: &'static str) -> Variable {
    Variable {
        name,
        what,
        example,
        default: None,
        secret: true,
    }
}

/// Postgres, as the worker's own role.
pub static DATABASE_URL: Variable = secret(
    "DATABASE_URL",
    "Postgres as role bondhu_worker (session mode: not Supabase's transaction pooler)",
    "postgres://bondhu_worker:secret@db.example.com:5432/postgres?sslmode=verify-full",
);
/// Postgres, as a role that may replicate.
pub static REPLICATION_URL: Variable = secret(
    "BONDHU_REPLICATION_URL",
    "Postgres as a role with REPLICATION, for the mirror alone (any role that may log in and replicate; a direct connection, no pooler)",
    "postgres://postgres:secret@db.example.com:5432/postgres?sslmode=verify-full",
);
/// Postgres, as the owner of Bondhu's tables.
pub static OWNER_URL: Variable = secret(
    "BONDHU_OWNER_URL",
    "Postgres as the owner of Bondhu's tables, for `adopt` and `import` alone (role postgres; session mode)",
    "postgres://postgres:secret@db.example.com:5432/postgres?sslmode=verify-full",
);
/// Redis; without it there is no mirror.
pub static REDIS_URL: Variable = secret(
    "REDIS_URL",
    "Redis that the mirror writes to; without it everything is served from Postgres",
    "redis://:secret@redis.example.com:6379/0 (rediss:// for TLS; redis-cluster://host:port,host:port; redis-sentinel://host:port,host:port/master)",
);
/// Keys that encrypt provider tokens.
pub static TOKEN_KEYS: Variable = secret(
    "BONDHU_TOKEN_KEYS",
    "keys that encrypt provider tokens, id:base64 of 32 bytes, comma-separated; the first one encrypts, all decrypt",
    "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= (make one with `sync-worker keygen`)",
);
/// The Spotify app's id.
pub static SPOTIFY_CLIENT_ID: Variable = plain(
    "SPOTIFY_CLIENT_ID",
    "client id of your Spotify app; without it Spotify is off",
    "5fe01282e94241328a84e7c5cc169164",
    None,
);
/// The Spotify app's secret.
pub static SPOTIFY_CLIENT_SECRET: Variable = secret(
    "SPOTIFY_CLIENT_SECRET",
    "client secret of your Spotify app",
    "c6c5d1b0f2e34a5b9d8f7a6b5c4d3e2f",
);
/// Where Spotify exchanges and refreshes tokens.
pub static SPOTIFY_ACCOUNTS_URL: Variable = plain(
    "SPOTIFY_ACCOUNTS_URL",
    "where Spotify exchanges and refreshes tokens",
    "https://accounts.spotify.com",
    Some("https://accounts.spotify.com"),
);
/// Spotify's Web API.
pub static SPOTIFY_API_URL: Variable = plain(
    "SPOTIFY_API_URL",
    "base URL of Spotify's Web API",
    "https://api.spotify.com/v1",
    Some("https://api.spotify.com/v1"),
);
/// The Google client's id.
pub static GOOGLE_CLIENT_ID: Variable = plain(
    "GOOGLE_CLIENT_ID",
    "client id of your Google OAuth client; without it YouTube is off",
    "1234567890-abc.apps.googleusercontent.com",
    None,
);
/// The Google client's secret.
pub static GOOGLE_CLIENT_SECRET: Variable = secret(
    "GOOGLE_CLIENT_SECRET",
    "client secret of your Google OAuth client",
    "GOCSPX-abcdefghijklmnop",
);
/// Where Google exchanges, refreshes and revokes tokens.
pub static GOOGLE_OAUTH_URL: Variable = plain(
    "GOOGLE_OAUTH_URL",
    "where Google exchanges, refreshes and revokes tokens",
    "https://oauth2.googleapis.com",
    Some("https://oauth2.googleapis.com"),
);
/// YouTube's Data API.
pub static YOUTUBE_API_URL: Variable = plain(
    "YOUTUBE_API_URL",
    "base URL of the YouTube Data API",
    "https://www.googleapis.com/youtube/v3",
    Some("https://www.googleapis.com/youtube/v3"),
);
/// MusicBrainz.
pub static MUSICBRAINZ_URL: Variable = plain(
    "MUSICBRAINZ_URL",
    "base URL of MusicBrainz' API, asked for genres of recordings when the provider tells none; without it nobody is asked",
    "https://musicbrainz.org/ws/2",
    None,
);
/// Where browsers reach the worker.
pub static PUBLIC_URL: Variable = plain(
    "BONDHU_PUBLIC_URL",
    "where browsers reach this worker; the OAuth redirect URI is {it}/oauth/{provider}/callback",
    "https://worker.example.com",
    Some("http://127.0.0.1:8787"),
);
/// Where the worker listens.
pub static HTTP_ADDR: Variable = plain(
    "BONDHU_HTTP_ADDR",
    "address and port that the worker listens on",
    "0.0.0.0:8787",
    Some("127.0.0.1:8787"),
);
/// Whose pages may call the worker.
pub static CORS_ORIGINS: Variable = plain(
    "BONDHU_CORS_ORIGINS",
    "origins whose pages may call this worker, comma-separated; none unless set",
    "https://app.example.com,http://localhost:3000",
    None,
);
/// Whose word on a client's address counts.
pub static TRUSTED_PROXIES: Variable = plain(
    "BONDHU_TRUSTED_PROXIES",
    "addresses or networks of proxies whose X-Forwarded-For is believed, comma-separated; unless set, a client is who connects",
    "10.0.0.0/8,2001:db8::7",
    None,
);
/// Where metrics are.
pub static METRICS_ADDR: Variable = plain(
    "BONDHU_METRICS_ADDR",
    "address and port of /metrics, apart from what browsers reach; no metrics are served unless set",
    "127.0.0.1:9787",
    None,
);
/// How many may be connected.
pub static HTTP_CONNECTIONS: Variable = plain(
    "BONDHU_HTTP_CONNECTIONS",
    "how many connections each listener has at once (1 to 65535); who comes after them waits for one to end; one address has a quarter of them, unless it is a trusted proxy",
    "1024",
    Some("1024"),
);
/// How long a request may take to arrive.
pub static HTTP_READ_SECONDS: Variable = plain(
    "BONDHU_HTTP_READ_SECONDS",
    "how many seconds a request's headers, and each part of its body, may take to arrive, and a connection may be idle (1 to 300); more than a proxy in front keeps idle connections",
    "10",
    Some("10"),
);
/// The logical replication slot.
pub static SLOT: Variable = plain(
    "BONDHU_SLOT",
    "logical replication slot of the mirror; made when it is missing (a-z, 0-9, _)",
    "bondhu_mirror",
    Some("bondhu_mirror"),
);
/// The publication.
pub static PUBLICATION: Variable = plain(
    "BONDHU_PUBLICATION",
    "publication that the mirror reads; the migrations make bondhu_mirror",
    "bondhu_mirror",
    Some("bondhu_mirror"),
);
/// How many connections sync at once.
pub static SYNC_CONCURRENCY: Variable = plain(
    "BONDHU_SYNC_CONCURRENCY",
    "how many provider connections this worker syncs at once (1 to 256)",
    "8",
    Some("8"),
);
/// The Supabase project.
pub static SUPABASE_URL: Variable = plain(
    "SUPABASE_URL",
    "URL of your Supabase project, whose users' access tokens are then accepted",
    "https://abcdefghijkl.supabase.co",
    None,
);
/// The Supabase project's secret key.
pub static SUPABASE_SERVICE_ROLE_KEY: Variable = secret(
    "SUPABASE_SERVICE_ROLE_KEY",
    "service role (secret) key of your Supabase project, for `doctor` alone, which then checks the Data API too",
    "sb_secret_… or eyJhbGciOi…",
);
/// The Supabase project's legacy secret.
pub static SUPABASE_JWT_SECRET: Variable = secret(
    "SUPABASE_JWT_SECRET",
    "legacy JWT secret (HS256) of your Supabase project, while it still signs with one",
    "super-secret-jwt-token-with-at-least-32-characters-long",
);
/// What is logged.
pub static LOG: Variable = plain(
    "BONDHU_LOG",
    "what is logged, as tracing filter directives",
    "info,sync_worker::mirror=debug",
    Some("info"),
);
/// How it is logged.
pub static LOG_FORMAT: Variable = plain(
    "BONDHU_LOG_FORMAT",
    "how it is logged: text or json",
    "json",
    Some("text"),
);

/// How late the slot is acknowledged.
pub static MIRROR_ACK_DELAY: Variable = plain(
    "BONDHU_MIRROR_ACK_DELAY_SECONDS",
    "how many seconds after Redis the slot is acknowledged, so that a Redis failover can be replayed (0 to 600)",
    "5",
    Some("5"),
);

/// How long readers trust a silent mirror.
pub static MIRROR_FRESHNESS: Variable = plain(
    "BONDHU_MIRROR_FRESHNESS_SECONDS",
    "how many seconds readers trust the mirror while it is silent (5 to 300): more costs fewer Redis commands at rest, and a mirror that dies is noticed so much later",
    "60",
    Some("5"),
);

/// All of them, in the order of `--help`.
pub static ALL: [&Variable; 31] = [
    &DATABASE_URL,
    &REPLICATION_URL,
    &OWNER_URL,
    &REDIS_URL,
    &TOKEN_KEYS,
    &SPOTIFY_CLIENT_ID,
    &SPOTIFY_CLIENT_SECRET,
    &SPOTIFY_ACCOUNTS_URL,
    &SPOTIFY_API_URL,
    &GOOGLE_CLIENT_ID,
    &GOOGLE_CLIENT_SECRET,
    &GOOGLE_OAUTH_URL,
    &YOUTUBE_API_URL,
    &MUSICBRAINZ_URL,
    &PUBLIC_URL,
    &HTTP_ADDR,
    &CORS_ORIGINS,
    &TRUSTED_PROXIES,
    &METRICS_ADDR,
    &HTTP_CONNECTIONS,
    &HTTP_READ_SECONDS,
    &SLOT,
    &PUBLICATION,
    &MIRROR_ACK_DELAY,
    &MIRROR_FRESHNESS,
    &SYNC_CONCURRENCY,
    &SUPABASE_URL,
    &SUPABASE_SERVICE_ROLE_KEY,
    &SUPABASE_JWT_SECRET,
    &LOG,
    &LOG_FORMAT,
];
