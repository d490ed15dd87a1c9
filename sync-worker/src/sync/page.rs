//! One page of a resource: what to ask for, and what came.

use bondhu_core::retry::Failure;

use super::fetched::Fetched;
use super::outcome::SyncError;
use super::request::{PageRequest, WalkPosition};
use super::resource::Resource;
use super::session::Session;
use crate::provider::Provider;
use crate::providers::{Bearer, PAGE_SIZE, ProviderError};

/// How many items are asked for: fewer when a page is too large to be read.
const LIMITS: [u32; 3] = [PAGE_SIZE, 10, 1];

/// Whether what a checkpoint has of the next page can be asked for at all.
pub(super) fn is_usable(session: &Session<'_>, resource: &'static Resource, next: &str) -> bool {
    match resource.provider {
        Provider::Spotify => session.api.own_link(next).is_ok(),
        Provider::YouTube => !next.is_empty(),
    }
}

/// Fetches a page; one that is too large is asked for in smaller ones.
///
/// # Errors
/// [`SyncError`].
pub(super) async fn fetch(
    session: &Session<'_>,
    bearer: &Bearer,
    resource: &'static Resource,
    position: WalkPosition<'_>,
) -> Result<Fetched, SyncError> {
    let limits = if resource.is_paged {
        &LIMITS[..]
    } else {
        &LIMITS[..1]
    };
    let mut fetched = Err(ProviderError::too_large().into());
    for &limit in limits {
        session.spend().await?;
        let asked = PageRequest {
            session,
            bearer,
            resource,
            position,
            limit,
        };
        fetched = (resource.page)(&asked).await;
        let failure = match &fetched {
            Ok(_) => None,
            Err(SyncError::Provider(error)) => Some(error.failure),
            Err(_) => return fetched,
        };
        session
            .metrics
            .providers
            .answered(session.lease.owner.provider, failure);
        if failure != Some(Failure::TooLarge) {
            break;
        }
    }
    fetched
}
