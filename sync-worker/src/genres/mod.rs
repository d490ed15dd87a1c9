//! Genres of recordings from elsewhere, for accounts whose provider tells none. Off unless a
//! source is set up. What is asked is an ISRC, which says nothing about anybody.

mod musicbrainz;

use std::future::Future;
use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

pub use musicbrainz::MusicBrainz;

use crate::providers::ProviderError;

/// Pause after the source or the database did not answer, unless the source wishes a longer one.
const RECOVERY: Duration = Duration::from_secs(60);

/// Pause when every known recording has been asked for.
const IDLE: Duration = Duration::from_secs(60);

/// A catalogue that knows the genres of recordings.
pub trait GenreSource {
    /// Name in `bondhu.recording_genres` and in `top_genres`.
    fn name(&self) -> &'static str;

    /// Least time between two questions.
    fn pace(&self) -> Duration;

    /// The genres of the recording with that ISRC; empty when it knows none.
    fn genres_of(
        &self,
        isrc: &str,
    ) -> impl Future<Output = Result<Vec<String>, ProviderError>> + Send;
}

/// Asks for the recordings of top tracks, one by one, until `stop`.
pub async fn run(source: &impl GenreSource, database: &PgPool, stop: &CancellationToken) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match ask_for_one(source, database).await {
            Ok(true) => source.pace(),
            Ok(false) => IDLE,
            Err(error) => {
                tracing::warn!(source = source.name(), %error, "genres cannot be asked for just now");
                error.wish().unwrap_or_default().max(RECOVERY)
            }
        };
    }
}

/// Why no genres were brought.
#[derive(Debug, thiserror::Error)]
pub enum GenresError {
    /// The source refused, or did not answer.
    #[error(transparent)]
    Source(#[from] ProviderError),
    /// The database did not.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl GenresError {
    /// How long the source wishes not to be asked.
    fn wish(&self) -> Option<Duration> {
        match self {
            Self::Source(error) => error.retry_after,
            Self::Database(_) => None,
        }
    }
}

/// Asks for one recording; returns whether there was one to ask for.
///
/// # Errors
/// [`GenresError`]; the recording is asked for again.
pub async fn ask_for_one(
    source: &impl GenreSource,
    database: &PgPool,
) -> Result<bool, GenresError> {
    let isrc: Option<String> = sqlx::query_scalar(
        "select t.isrc from public.music_top_items t
         where t.kind = 'track' and t.isrc is not null
           and not exists (select from bondhu.recording_genres g where g.isrc = t.isrc)
         limit 1",
    )
    .fetch_optional(database)
    .await?;
    let Some(isrc) = isrc else {
        return Ok(false);
    };
    let genres = source.genres_of(&isrc).await?;
    sqlx::query(
        "insert into bondhu.recording_genres (isrc, genres, source) values ($1, $2, $3)
         on conflict (isrc) do update set genres = excluded.genres, source = excluded.source, fetched_at = now()",
    )
    .bind(isrc)
    .bind(genres)
    .bind(source.name())
    .execute(database)
    .await?;
    Ok(true)
}
