//! What a new epoch begins with: every document that Redis holds, and all those of users with an
//! active session. Redis may hold what no stream will ever correct. It comes in place of the stream's
//! intake.

use sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::changes::{Batch, DocumentSet};
use super::documents;
use super::error::MirrorError;
use super::prepare::USERS_AT_A_TIME;
use bondhu_core::cache::position::Lsn;

/// Hands all that on through `batches`, as of `start`; ends early when nobody takes it.
///
/// # Errors
/// When Postgres does not answer.
pub(super) async fn read(
    database: &PgPool,
    start: Lsn,
    batches: mpsc::Sender<Batch>,
) -> Result<(), MirrorError> {
    let empty = || Batch {
        end: start,
        ..Batch::default()
    };
    let mut batch = empty();
    batch.touched.everyone = DocumentSet::all();
    let mut last = Uuid::nil();
    while batches.send(batch).await.is_ok() {
        let mut connection = database.acquire().await?;
        let users = documents::active_after(&mut connection, last, USERS_AT_A_TIME as i64).await?;
        let Some(greatest) = users.last() else { break };
        last = *greatest;
        batch = empty();
        let all = |user| (user, DocumentSet::all());
        batch.touched.users = users.into_iter().map(all).collect();
    }
    Ok(())
}
