//! One pull: the resources of a connection, page by page, then its tastes.

use std::collections::BTreeMap;

use bondhu_core::retry::{Failure, RetryPolicy};
use chrono::Utc;
use sqlx::PgTransaction;
use tokio_util::sync::CancellationToken;

use super::checkpoint::Checkpoint;
use super::fetched::Fetched;
use super::knowledge::{Knowledge, Known};
use super::outcome::{Outcome, SyncError};
use super::page;
use super::plan::plan;
use super::request::WalkPosition;
use super::resource::{Depth, Resource};
use super::resources;
use super::session::Session;
use super::shortfall::Shortfall;
use crate::providers::ProviderError;
use crate::tastes;

/// How often a list may get no answer that can be read before the walk goes on without it: what
/// fails the same way each time would fail for ever, and keep what comes after from being asked for.
const TRIES: u32 = 3;

/// A pull under way.
pub(super) struct Pull<'a> {
    /// Calls and tokens of the connection.
    pub(super) session: Session<'a>,
    /// Where the walk stands.
    pub(super) checkpoint: &'a mut Checkpoint,
    /// What earlier pulls learned.
    pub(super) knowledge: &'a Knowledge,
    /// What this one learned and has not stored yet.
    pub(super) learned: BTreeMap<&'static str, Known>,
    /// What the person granted.
    pub(super) scopes: &'a [String],
    /// How much it brings.
    pub(super) depth: Depth,
    /// Tries that failed before this one.
    pub(super) attempts: u32,
    /// Lists without an answer so far, put off until it is known whether others have one.
    pub(super) silent: Vec<(&'static Resource, ProviderError)>,
    /// Tells it to stop at the next page.
    pub(super) stop: &'a CancellationToken,
}

impl Pull<'_> {
    /// Walks what is due and left of the checkpoint, then concludes and completes the lease.
    /// Returns the status that the connection has now.
    ///
    /// # Errors
    /// [`SyncError`]; what was committed stays, and the checkpoint with it.
    pub(super) async fn run(&mut self) -> Result<&'static str, SyncError> {
        let owner = self.session.lease.owner;
        for &resource in resources::of(owner.provider) {
            if self.checkpoint.done.contains(&resource)
                || !self.knowledge.is_due(resource, self.depth, Utc::now())
            {
                continue;
            }
            if self.may_read(resource) {
                self.walk(resource).await?;
            } else {
                self.give_up(resource, Failure::ScopeMissing);
            }
        }
        for (resource, error) in std::mem::take(&mut self.silent) {
            // No list has an answer: the provider is away, and that is waited for.
            if !self.checkpoint.answered {
                return Err(error.into());
            }
            self.give_up(resource, error.failure);
        }
        let mut transaction = self.begin().await?;
        tastes::refresh(&mut transaction, owner).await?;
        let outcome = Outcome::walked(&self.checkpoint.missing);
        let is_whole = outcome.missing.is_empty();
        let plan = plan(&mut transaction, owner, self.depth, is_whole).await?;
        self.session
            .lease
            .complete(&mut transaction, &outcome, self.session.share.sent(), plan)
            .await?;
        transaction.commit().await?;
        Ok(outcome.status)
    }

    fn may_read(&self, resource: &'static Resource) -> bool {
        let one_of = resource.scopes;
        one_of.is_empty()
            || self
                .scopes
                .iter()
                .any(|scope| one_of.contains(&scope.as_str()))
    }

    async fn walk(&mut self, resource: &'static Resource) -> Result<(), SyncError> {
        let user = self.session.lease.owner.user;
        while !self.checkpoint.done.contains(&resource) {
            if self.stop.is_cancelled() {
                return Err(SyncError::Stopping);
            }
            let Some(part) = self.part(resource).await? else {
                self.finish(resource);
                return Ok(());
            };
            match self.fetch(resource, &part).await {
                Ok(fetched) => {
                    let unanswered = self.silent.len() as u32;
                    self.checkpoint.answered |= self.session.share.sent() > unanswered;
                    self.store(resource, &part, fetched).await?;
                }
                Err(SyncError::Provider(error)) if part.is_empty() && self.is_silent(&error) => {
                    tracing::warn!(%user, resource = resource.name, %error, "put off");
                    self.checkpoint.put_off();
                    self.silent.push((resource, error));
                    return Ok(());
                }
                Err(SyncError::Provider(error)) => self.go_on_after(resource, &part, error)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The part under way; empty for a resource without parts, `None` when none is left.
    async fn part(&self, resource: &'static Resource) -> Result<Option<String>, SyncError> {
        let Some(parts) = &resource.statements.parts else {
            return Ok(Some(String::new()));
        };
        let next = sqlx::query_scalar(parts.next)
            .bind(self.session.lease.owner.user)
            .bind(&self.checkpoint.part);
        let next: Option<Option<String>> = next.fetch_optional(self.session.database).await?;
        Ok(next.flatten())
    }

    /// Fetches a page; renews the access token once if the provider no longer takes it.
    async fn fetch(
        &mut self,
        resource: &'static Resource,
        part: &str,
    ) -> Result<Fetched, SyncError> {
        let bearer = self.session.bearer().await?;
        let unusable = |next: &String| !page::is_usable(&self.session, resource, next);
        if self.checkpoint.next.as_ref().is_some_and(unusable) {
            self.checkpoint.restart();
        }
        let next = self.checkpoint.next.clone();
        let position = WalkPosition {
            part,
            next: next.as_deref(),
            seen: self.checkpoint.trail.seen,
        };
        match page::fetch(&self.session, &bearer, resource, position).await {
            Err(SyncError::Provider(error)) if error.failure.policy() == RetryPolicy::Refresh => {
                let bearer = self.session.renewed_bearer().await?;
                page::fetch(&self.session, &bearer, resource, position).await
            }
            answer => answer,
        }
    }

    /// Begins a write that moves the checkpoint and keeps what was learned.
    pub(super) async fn begin(&self) -> Result<PgTransaction<'static>, SyncError> {
        let Session {
            lease, database, ..
        } = &self.session;
        lease
            .begin_page(database, self.checkpoint, &self.learned)
            .await
    }

    /// Whether a failure is one of a server that has had its tries.
    fn is_silent(&self, error: &ProviderError) -> bool {
        matches!(error.failure, Failure::ServerError | Failure::TimedOut) && self.attempts >= TRIES
    }

    /// Decides what follows from a refusal.
    fn go_on_after(
        &mut self,
        resource: &'static Resource,
        part: &str,
        error: ProviderError,
    ) -> Result<(), SyncError> {
        let user = self.session.lease.owner.user;
        let policy = match error.failure {
            Failure::Unreachable
            | Failure::TimedOut
            | Failure::ServerError
            | Failure::Malformed
                if may_fail(resource) =>
            {
                RetryPolicy::SkipResource
            }
            Failure::Malformed if self.attempts >= TRIES => RetryPolicy::SkipResource,
            _ if self.is_silent(&error) => RetryPolicy::SkipResource,
            failure => failure.policy(),
        };
        match policy {
            RetryPolicy::RestartList
                if self.checkpoint.next.is_some() && !self.checkpoint.restarted =>
            {
                tracing::info!(%user, resource = resource.name, "a list is walked anew");
                self.checkpoint.restart();
                self.checkpoint.restarted = true;
            }
            RetryPolicy::RestartList | RetryPolicy::SkipResource => {
                tracing::warn!(%user, resource = resource.name, part, %error, "passed over");
                if part.is_empty() || resource.is_optional {
                    self.give_up(resource, error.failure);
                } else {
                    self.give_up_part(resource, part, error.failure);
                }
            }
            RetryPolicy::Retry
            | RetryPolicy::Refresh
            | RetryPolicy::StopProvider
            | RetryPolicy::NeedsReauth => {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Something of a resource is missing. It stays due whatever an earlier pull brought of it: else the next one, of
    /// plays alone, would pass it by and call itself complete.
    pub(super) fn miss(&mut self, resource: &'static Resource, why: Shortfall) {
        self.learned
            .entry(resource.name)
            .or_insert_with(Known::unsettled);
        self.checkpoint.miss(resource, why);
    }

    /// Goes on without a resource. What an earlier pull brought of it stays.
    fn give_up(&mut self, resource: &'static Resource, failure: Failure) {
        self.checkpoint.finish(resource);
        let says_so = !matches!(
            failure,
            Failure::ServerError | Failure::TimedOut | Failure::Malformed | Failure::TooLarge
        );
        if resource.is_optional && says_so {
            let known = Known::not_offered(Utc::now());
            self.learned.insert(resource.name, known);
        } else {
            // A 403 without a reason, to a list of the account's own: an endpoint that is not
            // given to this app says no more.
            let failure = match failure {
                Failure::Refused | Failure::Gone => Failure::NotOffered,
                other => other,
            };
            self.miss(resource, Shortfall::Of(failure));
        }
    }

    /// Goes on with the next part.
    fn give_up_part(&mut self, resource: &'static Resource, part: &str, failure: Failure) {
        self.checkpoint.finish_part(part);
        let missing = match failure {
            // It was there when its list was walked: the next walk of that sweeps it.
            Failure::NotOffered | Failure::Gone => None,
            _ if may_fail(resource) => None,
            Failure::Refused => {
                let parts = resource.statements.parts.as_ref();
                parts.map_or(Some(failure), |parts| parts.refused)
            }
            other => Some(other),
        };
        if let Some(failure) = missing {
            self.miss(resource, Shortfall::Of(failure));
        }
    }
}

/// Whether the pull is whole without a part of it.
fn may_fail(resource: &'static Resource) -> bool {
    let parts = resource.statements.parts.as_ref();
    parts.is_some_and(|parts| parts.may_fail)
}
