//! How a stand-in is set up: applications, consent, tokens, quotas.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::faults::Fault;
use super::models::Pace;

/// An application registered with a provider.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
    /// Redirect URIs, compared as whole strings.
    pub redirect_uris: Vec<String>,
}

/// What the user does at the consent page.
#[derive(Clone, Debug, Default)]
pub enum Consent {
    /// Agrees to every scope asked for.
    #[default]
    Grant,
    /// Unticks every scope but these.
    GrantOnly(Vec<String>),
    /// Cancels: `error=access_denied`.
    Deny,
}

/// What Spotify's answer to a refresh has as refresh token. All three have been observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// No `refresh_token`: the old one stays valid.
    #[default]
    Omitted,
    /// An empty `refresh_token`: the old one stays valid.
    Empty,
    /// A new one; the old one is revoked.
    Rotated,
}

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct StandinConfig {
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The application at Spotify.
    pub spotify: Client,
    /// The application at Google.
    pub google: Client,
    /// Account that consents until [`Standin::sign_in`](super::Standin::sign_in) says otherwise.
    pub account: u64,
    /// Lifetime of access tokens; at both providers an hour.
    pub access_token_lifetime: Duration,
    /// What a refresh at Spotify answers.
    pub spotify_refresh: RefreshAnswer,
    /// Whether the Spotify application has extended access: audio features.
    pub spotify_extended: bool,
    /// Daily quota of the YouTube project, in units.
    pub youtube_daily_units: u32,
    /// Whether catalogues have what providers send although their descriptions do not allow
    /// it: null items, local files without an id.
    pub oddities: bool,
    /// Current time of the catalogue; `None` is the time of the start.
    pub now: Option<DateTime<Utc>>,
    /// Whether recorded requests include their answers, which take too much memory in a long run.
    pub keep_answers: bool,
    /// What callers of the models send as their key.
    pub model_key: String,
    /// How fast the models speak.
    pub model_pace: Pace,
    /// Faults planned from the start.
    pub faults: Vec<Fault>,
}

impl Default for StandinConfig {
    fn default() -> Self {
        let client = |name: &str, provider: &str| Client {
            id: format!("{name}-client"),
            secret: format!("{name}-secret"),
            redirect_uris: vec![format!("http://127.0.0.1:8787/oauth/{provider}/callback")],
        };
        Self {
            port: 0,
            spotify: client("spotify", "spotify"),
            google: client("google", "youtube"),
            account: 1,
            access_token_lifetime: Duration::from_secs(3600),
            spotify_refresh: RefreshAnswer::Omitted,
            spotify_extended: false,
            youtube_daily_units: 10_000,
            oddities: true,
            now: None,
            keep_answers: false,
            model_key: "model-key".to_owned(),
            model_pace: Pace::default(),
            faults: Vec::new(),
        }
    }
}
