//! MusicBrainz: <https://musicbrainz.org/doc/MusicBrainz_API>. One request a second, and a
//! user agent that says whom to write to: <https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting>.

use std::time::Duration;

use bondhu_core::retry::Failure;
use chrono::Utc;
use reqwest::StatusCode;
use reqwest::header::USER_AGENT;
use serde::Deserialize;
use url::Url;

use super::GenreSource;
use crate::providers::{ProviderError, bounded_body, retry_after, under};

/// A genre fewer people than this voted for is left out.
const FEWEST_VOTES: i32 = 1;

/// The MusicBrainz API.
#[derive(Debug)]
pub struct MusicBrainz {
    http: reqwest::Client,
    base: Url,
    user_agent: String,
}

#[derive(Deserialize)]
struct RecordingAnswer {
    #[serde(default)]
    recordings: Vec<Recording>,
}

#[derive(Deserialize)]
struct Recording {
    #[serde(default)]
    genres: Vec<Genre>,
}

#[derive(Deserialize)]
struct Genre {
    name: String,
    #[serde(default)]
    count: i32,
}

impl MusicBrainz {
    /// Its name in `bondhu.recording_genres` and in `top_genres`.
    pub const NAME: &str = "musicbrainz";

    /// The API at `base`; `contact` is a URL at which its operators find ours.
    #[must_use]
    pub fn new(http: reqwest::Client, base: Url, contact: &Url) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self {
            http,
            base,
            user_agent: format!("bondhu-sync-worker/{version} ( {contact} )"),
        }
    }
}

impl GenreSource for MusicBrainz {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn genres_of(&self, isrc: &str) -> Result<Vec<String>, ProviderError> {
        let mut url = under(&self.base, "/isrc");
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(isrc);
        }
        url.set_query(Some("inc=genres&fmt=json"));
        let request = self.http.get(url).header(USER_AGENT, &self.user_agent);
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = bounded_body(answer).await?;
        match status {
            StatusCode::OK => {}
            // A recording it does not know.
            StatusCode::NOT_FOUND => return Ok(Vec::new()),
            // It says 503 to who asks too often.
            status => {
                return Err(ProviderError {
                    retry_after: retry_after(&headers, Utc::now()),
                    ..ProviderError::new(Failure::ServerError, status.to_string())
                });
            }
        }
        let answer: RecordingAnswer =
            serde_json::from_slice(&body).map_err(|error| ProviderError::malformed(&error))?;
        let genres = answer
            .recordings
            .into_iter()
            .flat_map(|recording| recording.genres);
        let mut names: Vec<_> = genres
            .filter(|genre| genre.count >= FEWEST_VOTES)
            .map(|genre| genre.name)
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}
