//! What a caller may do on a private topic: asked of the policies on `realtime.messages`, by rows that are
//! rolled back.

use sqlx::{Acquire as _, PgConnection, PgPool};
use uuid::Uuid;

use super::token::Session;

/// The most that a policy may take to answer.
const PATIENCE: &str = "15s";

/// What was asked and answered on one topic; `None` is what nobody has asked yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) hear_broadcasts: Option<bool>,
    pub(super) hear_presence: Option<bool>,
    pub(super) send_broadcasts: Option<bool>,
    pub(super) send_presence: Option<bool>,
}

impl Rights {
    /// Whether the topic may be joined.
    pub(super) fn hears_anything(self) -> bool {
        self.hear_broadcasts == Some(true) || self.hear_presence == Some(true)
    }

    /// Whether something that could be heard before cannot be heard now.
    pub(super) fn lost_since(self, before: Self) -> bool {
        let lost = |before, now| before == Some(true) && now == Some(false);
        lost(before.hear_broadcasts, self.hear_broadcasts)
            || lost(before.hear_presence, self.hear_presence)
    }
}

/// Who asks, and about what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    pub(super) session: &'a Session,
    pub(super) topic: &'a str,
    /// A JSON object.
    pub(super) headers: &'a str,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// A policy, a grant or the role fails.
    Policy,
    /// A policy takes too long.
    Canceled(String),
    /// `realtime.messages` has no place for the row.
    MissingPartition,
    /// The database does not answer.
    Unavailable,
}

impl From<sqlx::Error> for NoAnswer {
    fn from(error: sqlx::Error) -> Self {
        let Some(error) = error.as_database_error() else {
            return Self::Unavailable;
        };
        match error.code().as_deref() {
            Some("57014") => Self::Canceled(error.message().to_owned()),
            Some("23514") => Self::MissingPartition,
            _ => Self::Policy,
        }
    }
}

/// Asks what may be heard, of presence only if that is wanted.
///
/// # Errors
/// There is no answer.
pub(super) async fn ask_to_hear(
    pool: &PgPool,
    caller: Caller<'_>,
    presence: bool,
    mut rights: Rights,
) -> Result<Rights, NoAnswer> {
    let (broadcast_probe, presence_probe) = (Uuid::new_v4(), Uuid::new_v4());
    let mut probes = vec![(broadcast_probe, "broadcast")];
    if presence {
        probes.push((presence_probe, "presence"));
    }
    let (ids, extensions): (Vec<Uuid>, Vec<&str>) = probes.into_iter().unzip();

    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into realtime.messages (id, topic, extension) \
         select probe.id, $1, probe.extension from unnest($2::uuid[], $3::text[]) probe (id, extension)",
    )
    .bind(caller.topic)
    .bind(&ids)
    .bind(&extensions)
    .execute(&mut *transaction)
    .await?;
    become_caller(&mut transaction, caller).await?;
    let seen: Vec<Uuid> =
        sqlx::query_scalar("select m.id from realtime.messages m where m.id = any ($1)")
            .bind(&ids)
            .fetch_all(&mut *transaction)
            .await?;
    transaction.rollback().await?;

    rights.hear_broadcasts = Some(seen.contains(&broadcast_probe));
    if presence {
        rights.hear_presence = Some(seen.contains(&presence_probe));
    }
    Ok(rights)
}

/// Asks what may be sent.
///
/// # Errors
/// There is no answer.
pub(super) async fn ask_to_send(
    pool: &PgPool,
    caller: Caller<'_>,
    mut rights: Rights,
) -> Result<Rights, NoAnswer> {
    let mut transaction = pool.begin().await?;
    become_caller(&mut transaction, caller).await?;
    rights.send_broadcasts = Some(may_insert(&mut transaction, caller.topic, "broadcast").await?);
    rights.send_presence = Some(may_insert(&mut transaction, caller.topic, "presence").await?);
    transaction.rollback().await?;
    Ok(rights)
}

async fn may_insert(
    connection: &mut PgConnection,
    topic: &str,
    extension: &str,
) -> Result<bool, NoAnswer> {
    let mut savepoint = connection.begin().await?;
    let inserted = sqlx::query("insert into realtime.messages (topic, extension) values ($1, $2)")
        .bind(topic)
        .bind(extension)
        .execute(&mut *savepoint)
        .await;
    savepoint.rollback().await?;
    match inserted {
        Ok(_) => Ok(true),
        Err(error)
            if error.as_database_error().and_then(|e| e.code()).as_deref() == Some("42501") =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes the caller's role and claims until the end of the transaction.
async fn become_caller(
    connection: &mut PgConnection,
    caller: Caller<'_>,
) -> Result<(), sqlx::Error> {
    let Caller {
        session,
        topic,
        headers,
    } = caller;
    let claims = serde_json::Value::Object(session.claims.clone()).to_string();
    sqlx::query(
        "select set_config('statement_timeout', $1, true), set_config('role', $2, true), \
           set_config('realtime.topic', $3, true), set_config('request.jwt.claims', $4, true), \
           set_config('request.jwt.claim.sub', $5, true), set_config('request.jwt.claim.role', $2, true), \
           set_config('request.headers', $6, true)",
    )
    .bind(PATIENCE)
    .bind(&session.role)
    .bind(topic)
    .bind(claims)
    .bind(&session.subject)
    .bind(headers)
    .execute(connection)
    .await?;
    Ok(())
}
