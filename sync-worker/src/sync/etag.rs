//! Entity tags of pages: what a page held is kept with its tag, so that an unchanged page
//! need not be sent again. The rows it stood for have to be there still.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::PgTransaction;
use url::Url;
use uuid::Uuid;

use super::fetched::{Fetched, Onward, Tagged};
use super::resource::Resource;
use super::session::Session;
use super::trail::Sight;
use crate::vault::Owner;

/// What a page held under a tag.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct KnownPage {
    /// The tag.
    pub(super) etag: String,
    /// Ids of its rows.
    pub(super) item_ids: Vec<String>,
    /// Token of the page after it.
    pub(super) next_page: Option<String>,
    /// Items that were on it, those included that are no rows.
    shown: i32,
    /// How many the whole list had, as the provider said.
    total: Option<i32>,
}

impl KnownPage {
    /// What the page showed of its list, of which `limit` items were asked for.
    pub(super) fn sight(&self, limit: u32) -> Sight {
        Sight {
            items: self.shown.try_into().unwrap_or_default(),
            total: self.total.and_then(|total| total.try_into().ok()),
            limit,
        }
    }
}

/// What a page is known by: its path and query.
pub(super) fn page_of(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// What the page held when it was last sent.
pub(super) async fn held(
    session: &Session<'_>,
    resource: &'static Resource,
    page: &str,
) -> Result<Option<KnownPage>, sqlx::Error> {
    let Owner { user, provider } = session.lease.owner;
    sqlx::query_as(
        "select etag, item_ids, next_page, shown, total from bondhu.page_etags
         where user_id = $1 and provider = $2 and resource = $3 and page = $4",
    )
    .bind(user)
    .bind(provider.name())
    .bind(resource.name)
    .bind(page)
    .fetch_optional(session.database)
    .await
}

/// Keeps the tag of a page together with its rows.
pub(super) async fn keep(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
    resource: &'static Resource,
    walk: Uuid,
    tagged: &Tagged,
    rows: &[Value],
    fetched: &Fetched,
) -> Result<(), sqlx::Error> {
    let (id, sight) = (resource.statements.id, fetched.sight);
    let next_page = match &fetched.onward {
        Onward::End => None,
        Onward::Page(next) => Some(next.as_str()),
        // Asked for again, it may be whole.
        Onward::Broken(_) => return Ok(()),
    };
    let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row[id].as_str()).collect();
    sqlx::query(
        "insert into bondhu.page_etags (user_id, provider, resource, page, etag, item_ids, next_page, walk_id,
                                        shown, total)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (user_id, provider, resource, page) do update set
           etag = excluded.etag, item_ids = excluded.item_ids, next_page = excluded.next_page,
           walk_id = excluded.walk_id, shown = excluded.shown, total = excluded.total,
           fetched_at = now()",
    )
    .bind(owner.user)
    .bind(owner.provider.name())
    .bind(resource.name)
    .bind(&tagged.page)
    .bind(&tagged.etag)
    .bind(Vec::from_iter(ids))
    .bind(next_page)
    .bind(walk)
    .bind(i32::try_from(sight.items).unwrap_or(i32::MAX))
    .bind(sight.total.and_then(|total| i32::try_from(total).ok()))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Notes that the page still is what its tag says.
pub(super) async fn seen(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
    resource: &'static Resource,
    walk: Uuid,
    page: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update bondhu.page_etags set walk_id = $5, fetched_at = now()
         where user_id = $1 and provider = $2 and resource = $3 and page = $4",
    )
    .bind(owner.user)
    .bind(owner.provider.name())
    .bind(resource.name)
    .bind(page)
    .bind(walk)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Forgets all tags of a resource: rows they stand for are gone.
pub(super) async fn forget(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
    resource: &'static Resource,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from bondhu.page_etags where user_id = $1 and provider = $2 and resource = $3",
    )
    .bind(owner.user)
    .bind(owner.provider.name())
    .bind(resource.name)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Forgets the tag of one page: it does the page no good.
pub(super) async fn forget_page(
    session: &Session<'_>,
    resource: &'static Resource,
    page: &str,
) -> Result<(), sqlx::Error> {
    let Owner { user, provider } = session.lease.owner;
    sqlx::query(
        "delete from bondhu.page_etags
         where user_id = $1 and provider = $2 and resource = $3 and page = $4",
    )
    .bind(user)
    .bind(provider.name())
    .bind(resource.name)
    .bind(page)
    .execute(session.database)
    .await?;
    Ok(())
}
