//! One pull: the resources of a connection, page by page, then its tastes.

use bondhu_core::retry::Policy;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::checkpoint::{Checkpoint, Missing};
use super::outcome::{Outcome, SyncError};
use super::resource::{Kind, Resource};
use super::rows::{Rows, sweep};
use super::session::Session;
use crate::providers::{Bearer, ProviderError, spotify, youtube};
use crate::tastes;

/// A page and where it goes on.
struct Step {
    rows: Rows,
    next: Option<String>,
}

/// Walks what is left of the checkpoint, then concludes and completes the lease.
///
/// # Errors
/// [`SyncError`]; what was committed stays, and the checkpoint with it.
pub(super) async fn pull(
    session: &mut Session<'_>,
    checkpoint: &mut Checkpoint,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    let owner = session.lease.owner;
    for &resource in Resource::of(owner.provider) {
        walk(session, checkpoint, resource, stop).await?;
        enter_in_ledger(session).await?;
    }
    let mut transaction = session.lease.begin(session.database).await?;
    tastes::refresh(&mut transaction, owner).await?;
    session
        .lease
        .complete(&mut transaction, &Outcome::walked(&checkpoint.missing))
        .await?;
    transaction.commit().await?;
    Ok(())
}

async fn walk(
    session: &mut Session<'_>,
    checkpoint: &mut Checkpoint,
    resource: Resource,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    while !checkpoint.done.contains(&resource) {
        if stop.is_cancelled() {
            return Err(SyncError::Stopping);
        }
        let error = match fetch(session, resource, checkpoint.next.as_deref()).await {
            Ok(step) => {
                store(session, checkpoint, resource, step).await?;
                continue;
            }
            Err(SyncError::Provider(error)) => error,
            Err(error) => return Err(error),
        };
        match error.failure.policy() {
            Policy::RestartList if checkpoint.next.is_some() && !checkpoint.restarted => {
                tracing::info!(user = %session.lease.owner.user, resource = resource.name(), "a list is walked anew");
                checkpoint.next = None;
                checkpoint.restarted = true;
            }
            Policy::RestartList | Policy::SkipResource => {
                give_up(session, checkpoint, resource, &error).await?;
            }
            Policy::Retry | Policy::Refresh | Policy::StopProvider | Policy::NeedsReauth => {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// Commits a page together with the checkpoint after it; the last one sweeps.
async fn store(
    session: &Session<'_>,
    checkpoint: &mut Checkpoint,
    resource: Resource,
    step: Step,
) -> Result<(), SyncError> {
    let user = session.lease.owner.user;
    let complete = step.next.is_none();
    checkpoint.next = step.next;
    if complete {
        checkpoint.finish(resource);
    }
    let mut transaction = session
        .lease
        .begin_page(session.database, checkpoint)
        .await?;
    step.rows
        .store(&mut transaction, user, checkpoint.walk)
        .await?;
    if complete {
        sweep(&mut transaction, user, checkpoint.walk, resource).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Goes on without a resource. What an earlier pull brought of it stays.
async fn give_up(
    session: &Session<'_>,
    checkpoint: &mut Checkpoint,
    resource: Resource,
    error: &ProviderError,
) -> Result<(), SyncError> {
    let owner = session.lease.owner;
    tracing::warn!(user = %owner.user, resource = resource.name(), %error, "a resource is missing");
    checkpoint.missing.push(Missing {
        resource,
        code: error.failure.code().to_owned(),
        sentence: error.failure.sentence(owner.provider.display_name()),
    });
    checkpoint.finish(resource);
    let transaction = session
        .lease
        .begin_page(session.database, checkpoint)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Fetches a page; renews the access token once if the provider no longer takes it.
async fn fetch(
    session: &mut Session<'_>,
    resource: Resource,
    next: Option<&str>,
) -> Result<Step, SyncError> {
    let bearer = session.bearer().await?;
    match fetch_with(session, &bearer, resource, next).await {
        Err(SyncError::Provider(error)) if error.failure.policy() == Policy::Refresh => {
            let bearer = session.renewed_bearer().await?;
            fetch_with(session, &bearer, resource, next).await
        }
        answer => answer,
    }
}

async fn fetch_with(
    session: &Session<'_>,
    bearer: &Bearer,
    resource: Resource,
    next: Option<&str>,
) -> Result<Step, SyncError> {
    let (api, user) = (session.api, session.lease.owner.user);
    Ok(match resource.kind() {
        Kind::RecentlyPlayed => {
            let after = newest_play(session.database, user).await?;
            let plays = spotify::recently_played(api, bearer, after).await?;
            Step {
                rows: Rows::plays(plays.items),
                next: None,
            }
        }
        Kind::TopArtists(range) => {
            let mut page = spotify::top(api, bearer, "artists", range, next).await?;
            Step {
                next: page.next.take(),
                rows: Rows::top_artists(range, page),
            }
        }
        Kind::TopTracks(range) => {
            let mut page = spotify::top(api, bearer, "tracks", range, next).await?;
            Step {
                next: page.next.take(),
                rows: Rows::top_tracks(range, page),
            }
        }
        Kind::Subscriptions => {
            let page = youtube::subscriptions(api, bearer, next).await?;
            Step {
                next: page.next_page_token,
                rows: Rows::subscriptions(page.items),
            }
        }
        Kind::LikedVideos => {
            let page = youtube::liked_videos(api, bearer, next).await?;
            Step {
                next: page.next_page_token,
                rows: Rows::likes(page.items),
            }
        }
        Kind::VideoCategories => {
            let categories = if has_fresh_categories(session.database).await? {
                Vec::new()
            } else {
                youtube::video_categories(api, bearer, "US").await?
            };
            Step {
                rows: Rows::categories(categories),
                next: None,
            }
        }
    })
}

async fn newest_play(database: &PgPool, user: Uuid) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select max(played_at) from public.listening_history where user_id = $1")
        .bind(user)
        .fetch_one(database)
        .await
}

/// Whether the category titles are younger than half of what may be kept.
async fn has_fresh_categories(database: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce(min(c.fetched_at) > now() - make_interval(days => min(s.video_retention_days)) / 2, false)
         from bondhu.video_categories c, bondhu.settings s",
    )
    .fetch_one(database)
    .await
}

/// Enters what was sent, also by calls that failed.
pub(super) async fn enter_in_ledger(session: &Session<'_>) -> Result<(), sqlx::Error> {
    let sent = session.api.take_sent();
    if sent == 0 {
        return Ok(());
    }
    let entered = sqlx::query("select bondhu.record_requests($1, $2)")
        .bind(session.lease.owner.provider.name())
        .bind(sent)
        .execute(session.database)
        .await;
    if let Err(error) = entered {
        session.api.put_back_sent(sent);
        return Err(error);
    }
    Ok(())
}
