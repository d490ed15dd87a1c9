//! Re-reading documents from Postgres, many users at a time.

use std::collections::HashSet;

use bondhu_core::cache::Document;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

/// A document as Postgres built it.
#[derive(Debug)]
pub(super) struct Body {
    /// Whose it is.
    pub user: Uuid,
    /// What it says; `None` when there is nothing to keep about this user.
    pub data: Option<Box<RawValue>>,
    /// The next instant at which it changes by time alone.
    pub until: Option<DateTime<Utc>>,
}

/// Builds `document` for `users` as of an instant; users who no longer exist are left out.
///
/// # Errors
/// When the database does not answer, or its functions are not those of this version.
pub(super) async fn read(
    connection: &mut PgConnection,
    document: Document,
    users: &[Uuid],
    as_of: DateTime<Utc>,
) -> Result<Vec<Body>, sqlx::Error> {
    // The name comes from the enum: no input reaches this text.
    let rows: Vec<(Uuid, Option<String>, Option<DateTime<Utc>>)> =
        QueryBuilder::<Postgres>::new("select user_id, data::text, until from bondhu.")
            .push(document.name())
            .push("_document(")
            .push_bind(users)
            .push(", ")
            .push_bind(as_of)
            .push(")")
            .build_query_as()
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(user, data, until)| {
            let data = data.map(RawValue::from_string).transpose();
            let data = data.map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
            Ok(Body { user, data, until })
        })
        .collect()
}

/// Those of `users` who have a session that has not ended.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn active_among(
    connection: &mut PgConnection,
    users: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let active: Vec<Uuid> = sqlx::query_scalar(
        "select distinct user_id from public.user_sessions where ended_at is null and user_id = any($1)",
    )
    .bind(users)
    .fetch_all(connection)
    .await?;
    Ok(active.into_iter().collect())
}

/// Up to `page` users with a session that has not ended, in order, after `after`.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn active_after(
    connection: &mut PgConnection,
    after: Uuid,
    page: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct user_id from public.user_sessions
         where ended_at is null and user_id > $1 order by user_id limit $2",
    )
    .bind(after)
    .bind(page)
    .fetch_all(connection)
    .await
}
