//! Pages into tables, and what a finished walk sweeps. All of a page commits together, with
//! the checkpoint after it.

use sqlx::PgTransaction;
use sqlx::types::Json;
use uuid::Uuid;

use super::etag;
use super::lease::Lease;
use super::outcome::SyncError;
use super::page::{Fetched, Items};
use super::resource::Resource;

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is in its tables.
    Whole,
    /// Rows that an unchanged page stands for are gone: it has to be sent again.
    RowsGone,
}

/// Stores a page; `part` is the one under way, empty for a resource without parts. A page
/// without a next one ends its resource or part: what the walk did not see is swept.
///
/// # Errors
/// [`SyncError`].
pub(super) async fn store(
    transaction: &mut PgTransaction<'static>,
    lease: Lease,
    walk: Uuid,
    resource: Resource,
    part: &str,
    fetched: &Fetched,
) -> Result<Stored, SyncError> {
    let (list, user) = (resource.list(), lease.owner.user);
    match &fetched.items {
        Items::New(rows, tagged) => {
            sqlx::query(list.insert)
                .bind(user)
                .bind(Json(rows))
                .bind(walk)
                .bind(&fetched.scope)
                .execute(&mut **transaction)
                .await?;
            if let Some(tagged) = tagged {
                let next = fetched.next.as_deref();
                etag::keep(transaction, lease.owner, resource, walk, tagged, rows, next).await?;
            }
        }
        Items::Unchanged { page, ids } => {
            let Some(touch) = list.touch else {
                return Ok(Stored::RowsGone);
            };
            let touched = sqlx::query(touch)
                .bind(user)
                .bind(ids)
                .bind(walk)
                .bind(&fetched.scope)
                .execute(&mut **transaction)
                .await?
                .rows_affected();
            if touched < ids.len() as u64 {
                return Ok(Stored::RowsGone);
            }
            etag::seen(transaction, lease.owner, resource, walk, page).await?;
        }
    }
    if fetched.next.is_none() {
        if let Some(sweep) = list.sweep {
            sqlx::query(sweep)
                .bind(user)
                .bind(walk)
                .bind(&fetched.scope)
                .execute(&mut **transaction)
                .await?;
        }
        if let Some(finish) = list.parts.as_ref().and_then(|parts| parts.finish) {
            sqlx::query(finish)
                .bind(user)
                .bind(part)
                .execute(&mut **transaction)
                .await?;
        }
    }
    Ok(Stored::Whole)
}
