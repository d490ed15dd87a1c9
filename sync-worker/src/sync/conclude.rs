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
use super::store::{PageStored, Shelf};
use super::trail::Verdict;
use chrono::Utc;

/// How the walk along a list, or a part of one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Before its end.
    Short(Shortfall),
    /// At its end.
    Counted(Verdict),
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
        let shelf = Shelf {
            lease: self.session.lease,
            walk: self.checkpoint.walk,
            resource,
            part,
            subset: &subset,
        };
        match self.store_whole(shelf, &fetched, ending).await {
            Err(SyncError::Database(error)) if is_of_data(&error) => {
                *self.checkpoint = before;
                self.without_what_fails(shelf, fetched, &error).await
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
        shelf: Shelf<'_>,
        fetched: &Fetched,
        ending: Option<Ending>,
    ) -> Result<PageStored, SyncError> {
        // A part of which something was lost is read again as soon as it can be.
        let whole = !self.checkpoint.trail.damaged;
        // What an end is worth may depend on what is here: then the checkpoint comes after it.
        let decided = match ending {
            None => true,
            Some(Ending::Short(why)) => {
                self.fall_short(shelf, why);
                true
            }
            Some(Ending::Counted(Verdict::Complete)) => {
                self.complete(shelf);
                true
            }
            Some(Ending::Counted(Verdict::Short)) => {
                self.fall_short(shelf, Shortfall::Miscounted);
                true
            }
            Some(Ending::Counted(Verdict::Empty | Verdict::Uncounted)) => false,
        };
        let mut transaction = if decided {
            self.begin().await?
        } else {
            self.session.lease.begin(self.session.database).await?
        };
        if shelf.store(&mut transaction, fetched).await? == PageStored::RowsGone {
            transaction.rollback().await?;
            return Ok(PageStored::RowsGone);
        }
        match ending {
            Some(Ending::Counted(Verdict::Complete)) => {
                shelf.sweep(&mut transaction).await?;
                if whole {
                    shelf.finish_part(&mut transaction).await?;
                }
            }
            Some(Ending::Counted(verdict)) if !decided => {
                self.decide(shelf, &mut transaction, verdict).await?;
            }
            // Where its pages led is not believed a second time.
            Some(Ending::Short(Shortfall::Endless)) => {
                etag::forget(&mut transaction, shelf.lease.owner, shelf.resource).await?;
            }
            _ => {}
        }
        transaction.commit().await?;
        Ok(PageStored::Whole)
    }

    /// What the end of a list is worth whose count does not say that the rest is gone.
    async fn decide(
        &mut self,
        shelf: Shelf<'_>,
        transaction: &mut PgTransaction<'static>,
        verdict: Verdict,
    ) -> Result<(), SyncError> {
        let emptied = verdict == Verdict::Empty;
        if !shelf.is_stale(transaction).await? {
            if !self.checkpoint.trail.damaged {
                shelf.finish_part(transaction).await?;
            }
            self.complete(shelf);
        } else if emptied && self.knowledge.was_emptied(shelf.resource, shelf.subset) {
            shelf.sweep(transaction).await?;
            shelf.finish_part(transaction).await?;
            self.complete(shelf);
        } else if emptied {
            let known = self.learned.entry(shelf.resource.name);
            known
                .or_insert_with(Known::unsettled)
                .note_emptied(shelf.subset);
            self.fall_short(shelf, Shortfall::Emptied);
        } else {
            self.fall_short(shelf, Shortfall::Miscounted);
        }
        self.session
            .lease
            .keep(transaction, self.checkpoint, &self.learned)
            .await
    }

    /// Stores the rows of a page that the database takes. What it does not take is lost by itself.
    async fn without_what_fails(
        &mut self,
        shelf: Shelf<'_>,
        fetched: Fetched,
        error: &sqlx::Error,
    ) -> Result<(), SyncError> {
        tracing::warn!(user = %shelf.lease.owner.user, resource = shelf.resource.name, %error, "a page cannot be stored as it is");
        let Items::New(rows, _) = &fetched.items else {
            return Err(SyncError::Unstorable(error.to_string()));
        };
        let mut transaction = self.session.lease.begin(self.session.database).await?;
        let storable = shelf.storable(&mut transaction, rows).await?;
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
        Box::pin(self.store(shelf.resource, shelf.part, fetched)).await
    }

    fn ending(&self, resource: &'static Resource) -> Ending {
        Ending::Counted(match resource.statements.stale {
            Some(_) => self.checkpoint.trail.verdict(resource.hides_items),
            // Nothing is removed.
            None => Verdict::Complete,
        })
    }

    fn complete(&mut self, shelf: Shelf<'_>) {
        if shelf.part.is_empty() {
            self.finish(shelf.resource);
        } else {
            self.checkpoint.finish_part(shelf.part);
        }
    }

    /// Goes on without the rest of a list, which the next sync walks again.
    fn fall_short(&mut self, shelf: Shelf<'_>, why: Shortfall) {
        self.learned
            .entry(shelf.resource.name)
            .or_insert_with(Known::unsettled);
        self.checkpoint.miss(shelf.resource, why);
        if shelf.part.is_empty() {
            self.checkpoint.finish(shelf.resource);
        } else {
            self.checkpoint.finish_part(shelf.part);
        }
    }

    /// The resource was walked to its end. One of which a part is missing stays due: else the
    /// next sync would pass it by and call itself complete.
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
