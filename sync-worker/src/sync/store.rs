//! Pages into tables, and what a finished walk sweeps. All of a page commits together, with
//! the checkpoint after it.

use serde_json::Value;
use sqlx::types::Json;
use sqlx::{Connection as _, PgTransaction};
use uuid::Uuid;

use super::etag;
use super::fetched::{Fetched, Items};
use super::lease::Lease;
use super::outcome::{SyncError, is_of_data};
use super::resource::Resource;

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageStored {
    /// It is in its tables.
    Whole,
    /// Rows that an unchanged page stands for are gone: it has to be sent again.
    RowsGone,
}

/// Where a walk stores what it finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageTarget<'a> {
    pub(super) lease: Lease,
    pub(super) walk: Uuid,
    pub(super) resource: &'static Resource,
    /// The part under way; empty for a resource without parts.
    pub(super) part: &'a str,
    /// Which of the table's rows these are.
    pub(super) subset: &'a str,
}

impl PageTarget<'_> {
    /// Stores a page.
    ///
    /// # Errors
    /// [`SyncError`].
    pub(super) async fn store(
        self,
        transaction: &mut PgTransaction<'static>,
        fetched: &Fetched,
    ) -> Result<PageStored, SyncError> {
        let Self {
            lease,
            walk,
            resource,
            ..
        } = self;
        match &fetched.items {
            Items::New(rows, tagged) => {
                self.insert(transaction, rows).await?;
                if let Some(tagged) = tagged {
                    etag::keep(
                        transaction,
                        lease.owner,
                        resource,
                        walk,
                        tagged,
                        rows,
                        fetched,
                    )
                    .await?;
                }
            }
            Items::Unchanged { page, ids } => {
                let Some(touch) = resource.statements.touch else {
                    return Ok(PageStored::RowsGone);
                };
                let touched = sqlx::query(touch)
                    .bind(lease.owner.user)
                    .bind(ids)
                    .bind(walk)
                    .bind(self.subset)
                    .execute(&mut **transaction)
                    .await?
                    .rows_affected();
                if touched < ids.len() as u64 {
                    return Ok(PageStored::RowsGone);
                }
                etag::seen(transaction, lease.owner, resource, walk, page).await?;
            }
        }
        Ok(PageStored::Whole)
    }

    async fn insert(
        self,
        transaction: &mut PgTransaction<'static>,
        rows: &[Value],
    ) -> Result<(), sqlx::Error> {
        sqlx::query(self.resource.statements.insert)
            .bind(self.lease.owner.user)
            .bind(Json(rows))
            .bind(self.walk)
            .bind(self.subset)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// The rows of a page that the database takes, each tried by itself; nothing is stored.
    ///
    /// # Errors
    /// The database does not answer, or refuses for another reason than what is in a row.
    pub(super) async fn storable(
        self,
        transaction: &mut PgTransaction<'static>,
        rows: &[Value],
    ) -> Result<Vec<Value>, SyncError> {
        let mut storable = Vec::new();
        for row in rows {
            let mut trial = transaction.begin().await?;
            let tried = sqlx::query(self.resource.statements.insert)
                .bind(self.lease.owner.user)
                .bind(Json([row]))
                .bind(self.walk)
                .bind(self.subset)
                .execute(&mut *trial)
                .await;
            trial.rollback().await?;
            match tried {
                Ok(_) => storable.push(row.clone()),
                Err(error) if is_of_data(&error) => {
                    tracing::warn!(resource = self.resource.name, %error, "a row cannot be stored");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(storable)
    }

    /// Whether something is here that the walk has not seen.
    ///
    /// # Errors
    /// The database does not answer, or refuses.
    pub(super) async fn is_stale(
        self,
        transaction: &mut PgTransaction<'static>,
    ) -> Result<bool, sqlx::Error> {
        let Some(stale) = self.resource.statements.stale else {
            return Ok(false);
        };
        sqlx::query_scalar(&format!("select exists (select {stale})"))
            .bind(self.lease.owner.user)
            .bind(self.walk)
            .bind(self.subset)
            .fetch_one(&mut **transaction)
            .await
    }

    /// Removes what the walk has not seen.
    ///
    /// # Errors
    /// The database does not answer, or refuses.
    pub(super) async fn sweep(
        self,
        transaction: &mut PgTransaction<'static>,
    ) -> Result<(), sqlx::Error> {
        if let Some(stale) = self.resource.statements.stale {
            sqlx::query(&format!("delete {stale}"))
                .bind(self.lease.owner.user)
                .bind(self.walk)
                .bind(self.subset)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Notes that the part under way was walked to its end.
    ///
    /// # Errors
    /// The database does not answer, or refuses.
    pub(super) async fn finish_part(
        self,
        transaction: &mut PgTransaction<'static>,
    ) -> Result<(), sqlx::Error> {
        let parts = self.resource.statements.parts.as_ref();
        if let Some(finish) = parts.and_then(|parts| parts.finish) {
            sqlx::query(finish)
                .bind(self.lease.owner.user)
                .bind(self.part)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }
}
