//! Pages into tables, and what the end of a list is worth: what the walk did not see is gone only if
//! the provider's own count says so, and says so twice where a list drops to nothing.

use sqlx::PgTransaction;

use super::etag;
use super::fetched::{Fetched, Items, Onward};
use super::knowledge::Known;
use super::outcome::{SyncError, is_of_data};
use super::pull::Pull;
use super::resource::Resource;
use super::shortfall::Shortfall;
use super::store::{PageStored, PageTarget};
use super::trail::CountVerdict;
use chrono::Utc;

/// How the walk along a list, or a part of one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Before its end.
    Short(Shortfall),
    /// At its end.
    Counted(CountVerdict),
}

impl Pull<'_> {
    /// Stores a page, and decides at the end of its list what that end is worth.
    pub(super) async fn store(
        &mut self,
        resource: &'static Resource,
        part: &str,
        fetched: Fetched,
    ) -> Result<(), SyncError> {
        let before = self.checkpoint.clone();
        for (&field, times) in &fetched.lost {
            *self.checkpoint.lost.entry(field.to_owned()).or_default() += times;
        }
        self.checkpoint.trail.step(fetched.sight);
        self.checkpoint.trail.damaged |= !fetched.lost.is_empty();
        let ending = match &fetched.onward {
            Onward::Page(next) if self.checkpoint.trail.is_endless(next) => {
                Some(Ending::Short(Shortfall::Endless))
            }
            Onward::Page(next) => {
                self.checkpoint.next = Some(next.clone());
                None
            }
            Onward::Broken(failure) => Some(Ending::Short(Shortfall::Of(*failure))),
            Onward::End => Some(self.ending(resource)),
        };
        let subset = fetched.subset.clone();
        let target = PageTarget {
            lease: self.session.lease,
            walk: self.checkpoint.walk,
            resource,
            part,
            subset: &subset,
        };
        match self.store_whole(target, &fetched, ending).await {
            Err(SyncError::Database(error)) if is_of_data(&error) => {
                *self.checkpoint = before;
                self.without_what_fails(target, fetched, &error).await
            }
            Ok(PageStored::RowsGone) => {
                *self.checkpoint = before;
                let mut transaction = self.begin().await?;
                etag::forget(&mut transaction, self.session.lease.owner, resource).await?;
                transaction.commit().await?;
                Ok(())
            }
            Ok(PageStored::Whole) => {
                self.count_lost(resource, &fetched);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn store_whole(
        &mut self,
        target: PageTarget<'_>,
        fetched: &Fetched,
        ending: Option<Ending>,
    ) -> Result<PageStored, SyncError> {
        // A part of which something was lost is read again as soon as it can be.
        let whole = !self.checkpoint.trail.damaged;
        // What an end is worth may depend on what is here: then the checkpoint comes after it.
        let decided = match ending {
            None => true,
            Some(Ending::Short(why)) => {
                self.fall_short(target, why);
                true
            }
            Some(Ending::Counted(CountVerdict::Complete)) => {
                self.complete(target);
                true
            }
            Some(Ending::Counted(CountVerdict::Short)) => {
                self.fall_short(target, Shortfall::Miscounted);
                true
            }
            Some(Ending::Counted(CountVerdict::Empty | CountVerdict::Uncounted)) => false,
        };
        let mut transaction = if decided {
            self.begin().await?
        } else {
            self.session.lease.begin(self.session.database).await?
        };
        if target.store(&mut transaction, fetched).await? == PageStored::RowsGone {
            transaction.rollback().await?;
            return Ok(PageStored::RowsGone);
        }
        match ending {
            Some(Ending::Counted(CountVerdict::Complete)) => {
                target.sweep(&mut transaction).await?;
                if whole {
                    target.finish_part(&mut transaction).await?;
                }
            }
            Some(Ending::Counted(verdict)) if !decided => {
                self.decide(target, &mut transaction, verdict).await?;
            }
            // Where its pages led is not believed a second time.
            Some(Ending::Short(Shortfall::Endless)) => {
                etag::forget(&mut transaction, target.lease.owner, target.resource).await?;
            }
            _ => {}
        }
        transaction.commit().await?;
        Ok(PageStored::Whole)
    }

    /// What the end of a list is worth whose count does not say that the rest is gone.
    async fn decide(
        &mut self,
        target: PageTarget<'_>,
        transaction: &mut PgTransaction<'static>,
        verdict: CountVerdict,
    ) -> Result<(), SyncError> {
        let emptied = verdict == CountVerdict::Empty;
        if !target.is_stale(transaction).await? {
            if !self.checkpoint.trail.damaged {
                target.finish_part(transaction).await?;
            }
            self.complete(target);
        } else if emptied && self.knowledge.was_emptied(target.resource, target.subset) {
            target.sweep(transaction).await?;
            target.finish_part(transaction).await?;
            self.complete(target);
        } else if emptied {
            let known = self.learned.entry(target.resource.name);
            known
                .or_insert_with(Known::unsettled)
                .note_emptied(target.subset);
            self.fall_short(target, Shortfall::Emptied);
        } else {
            self.fall_short(target, Shortfall::Miscounted);
        }
        self.session
            .lease
            .keep(transaction, self.checkpoint, &self.learned)
            .await
    }

    /// Stores the rows of a page that the database takes. What it does not take is lost by itself.
    async fn without_what_fails(
        &mut self,
        target: PageTarget<'_>,
        fetched: Fetched,
        error: &sqlx::Error,
    ) -> Result<(), SyncError> {
        tracing::warn!(user = %target.lease.owner.user, resource = target.resource.name, %error, "a page cannot be stored as it is");
        let Items::New(rows, _) = &fetched.items else {
            return Err(SyncError::Unstorable(error.to_string()));
        };
        let mut transaction = self.session.lease.begin(self.session.database).await?;
        let storable = target.storable(&mut transaction, rows).await?;
        transaction.rollback().await?;
        if storable.len() == rows.len() {
            return Err(SyncError::Unstorable(error.to_string()));
        }
        let mut lost = fetched.lost;
        *lost.entry("row").or_default() += u32::try_from(rows.len() - storable.len()).unwrap_or(0);
        let fetched = Fetched {
            items: Items::New(storable, None),
            lost,
            ..fetched
        };
        Box::pin(self.store(target.resource, target.part, fetched)).await
    }

    fn ending(&self, resource: &'static Resource) -> Ending {
        Ending::Counted(match resource.statements.stale {
            Some(_) => self.checkpoint.trail.verdict(resource.hides_items),
            // Nothing is removed.
            None => CountVerdict::Complete,
        })
    }

    fn complete(&mut self, target: PageTarget<'_>) {
        if target.part.is_empty() {
            self.finish(target.resource);
        } else {
            self.checkpoint.finish_part(target.part);
        }
    }

    /// Goes on without the rest of a list, which the next sync walks again.
    fn fall_short(&mut self, target: PageTarget<'_>, why: Shortfall) {
        self.miss(target.resource, why);
        if target.part.is_empty() {
            self.checkpoint.finish(target.resource);
        } else {
            self.checkpoint.finish_part(target.part);
        }
    }

    /// The resource was walked to its end. One of which a part is missing stays due.
    pub(super) fn finish(&mut self, resource: &'static Resource) {
        let lost = std::mem::take(&mut self.checkpoint.lost);
        self.checkpoint.finish(resource);
        if !self.checkpoint.misses(resource) {
            self.learned
                .insert(resource.name, Known::walked(Utc::now(), lost));
        }
    }

    fn count_lost(&self, resource: &'static Resource, fetched: &Fetched) {
        if fetched.lost.is_empty() {
            return;
        }
        let owner = self.session.lease.owner;
        tracing::warn!(user = %owner.user, resource = resource.name, lost = ?fetched.lost, "some of a page could not be read");
        for (&field, &times) in &fetched.lost {
            self.session.metrics.providers.field_lost(
                owner.provider,
                resource.name,
                field,
                times.into(),
            );
        }
    }
}
