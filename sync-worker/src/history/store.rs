//! Writing them, in batches that nobody who chats meanwhile feels.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::ImportError;
use super::message::{History, Message};
use crate::adopt::pace::{BATCH_WITHIN, Pace, passes};

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Tries of one batch, smaller each time.
const TRIES: u32 = 8;

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) taken: u64,
    /// They had been there.
    pub(super) known: u64,
    pub(super) sessions: u64,
    /// Whether it came to the end.
    pub(super) is_whole: bool,
}

/// Stores sessions, then messages.
pub(super) async fn store(
    database: &mut PgConnection,
    user: Uuid,
    history: &History,
    share: u8,
    stop: &CancellationToken,
) -> Result<Stored, ImportError> {
    let mut stored = Stored {
        sessions: store_sessions(database, user, &history.messages).await?,
        ..Stored::default()
    };
    let mut pace = Pace::new(share);
    let mut rest = &history.messages[..];
    let mut told = Instant::now();
    let mut tries = 0;
    while !rest.is_empty() && !stop.is_cancelled() {
        let rows = usize::try_from(pace.rows()).unwrap_or(1).min(rest.len());
        let (batch, after) = rest.split_at(rows);
        let began = Instant::now();
        match store_messages(database, user, batch).await {
            Err(ImportError::Database(error)) if passes(&error) && tries < TRIES => {
                tries += 1;
                pace.shrink();
                tokio::time::sleep(Duration::from_millis(100) * tries).await;
                continue;
            }
            result => {
                let taken = result?;
                stored.taken += taken;
                stored.known += batch.len() as u64 - taken;
            }
        }
        (tries, rest) = (0, after);
        if !rest.is_empty() {
            pace.rest(began.elapsed(), stop).await;
        }
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            eprintln!(
                "{} of {} messages",
                history.messages.len() - rest.len(),
                history.messages.len()
            );
        }
    }
    stored.is_whole = rest.is_empty();
    Ok(stored)
}

/// Sessions that are still kept: older ones would go again within the hour.
async fn store_sessions(
    database: &mut PgConnection,
    user: Uuid,
    messages: &[Message],
) -> Result<u64, sqlx::Error> {
    let mut sessions: BTreeMap<Uuid, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
    for message in messages {
        if let Some(session) = message.session {
            let (first, last) = sessions.entry(session).or_insert((message.at, message.at));
            *first = message.at.min(*first);
            *last = message.at.max(*last);
        }
    }
    let ids: Vec<Uuid> = sessions.keys().copied().collect();
    let (first, last): (Vec<_>, Vec<_>) = sessions.into_values().unzip();
    let stored = sqlx::query(
        "insert into public.user_sessions
           (user_id, id, device_id, started_at, last_seen_at, check_idle_at, ended_at, end_reason)
         select $1, s.id, 'imported', s.first, s.last, s.last, s.last, 'ended'
         from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) s (id, first, last)
         where s.last > now() - make_interval(days => (select session_retention_days from bondhu.settings))
         on conflict (user_id, id) do nothing",
    )
    .bind(user)
    .bind(ids)
    .bind(first)
    .bind(last)
    .execute(database)
    .await?;
    Ok(stored.rows_affected())
}

async fn store_messages(
    database: &mut PgConnection,
    user: Uuid,
    batch: &[Message],
) -> Result<u64, ImportError> {
    let mut transaction = database.begin().await?;
    sqlx::raw_sql(BATCH_WITHIN)
        .execute(&mut *transaction)
        .await?;
    // Who asks to be forgotten meanwhile waits for this batch, or is seen here.
    let is_there: bool = sqlx::query_scalar("select bondhu.lock_account($1)")
        .bind(user)
        .fetch_one(&mut *transaction)
        .await?;
    if !is_there {
        return Err(ImportError::NoAccount(user.to_string()));
    }
    let is_being_erased: bool = sqlx::query_scalar("select bondhu.is_being_erased($1)")
        .bind(user)
        .fetch_one(&mut *transaction)
        .await?;
    if is_being_erased {
        return Err(ImportError::BeingErased);
    }
    let of = |field: fn(&Message) -> &str| batch.iter().map(field).collect::<Vec<_>>();
    let stored = sqlx::query(
        "insert into public.chat_messages (user_id, id, session_id, sender_type, message_text, created_at)
         select $1, m.id, m.session, m.sender, m.text, m.at
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[]) with ordinality
           m (id, session, sender, text, at, place)
         order by m.place
         on conflict (user_id, id) do nothing",
    )
    .bind(user)
    .bind(batch.iter().map(|message| message.id).collect::<Vec<_>>())
    .bind(batch.iter().map(|message| message.session).collect::<Vec<_>>())
    .bind(of(|message| message.sender.name()))
    .bind(of(|message| &message.text))
    .bind(batch.iter().map(|message| message.at).collect::<Vec<_>>())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(stored.rows_affected())
}
