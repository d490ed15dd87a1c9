//! Writing them, in batches that nobody who chats meanwhile feels.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Account;
use super::error::ImportError;
use super::message::{History, Message};
use crate::adopt::pace::{BATCH_WITHIN, Pace, TRIES, passes};

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(2);

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

/// From the first message of a session to its last one.
struct Session {
    id: Uuid,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

/// What is written in batches.
#[derive(Clone, Copy)]
enum Rows<'a> {
    Sessions(&'a [Session]),
    Messages(&'a [Message]),
}

/// Stores sessions, then messages.
///
/// # Errors
/// [`ImportError`]; what was stored stays.
pub(super) async fn store(
    database: &mut PgConnection,
    account: &Account,
    history: &History,
    share: u8,
    stop: &CancellationToken,
) -> Result<Stored, ImportError> {
    let mut writer = Writer {
        database,
        account,
        share,
        stop,
    };
    let sessions = sessions(&history.messages);
    let (sessions, _) = writer.write(Rows::Sessions(&sessions)).await?;
    let (taken, done) = writer.write(Rows::Messages(&history.messages)).await?;
    Ok(Stored {
        taken,
        known: done as u64 - taken,
        sessions,
        is_whole: done == history.messages.len(),
    })
}

fn sessions(messages: &[Message]) -> Vec<Session> {
    let mut times: BTreeMap<Uuid, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
    for message in messages {
        if let Some(session) = message.session {
            let (first, last) = times.entry(session).or_insert((message.at, message.at));
            *first = message.at.min(*first);
            *last = message.at.max(*last);
        }
    }
    let session = |(id, (first, last))| Session { id, first, last };
    times.into_iter().map(session).collect()
}

struct Writer<'a> {
    database: &'a mut PgConnection,
    account: &'a Account,
    share: u8,
    stop: &'a CancellationToken,
}

impl Writer<'_> {
    /// Writes batch after batch: how many are new, and how many were gone through before it was told to stop.
    async fn write(&mut self, rows: Rows<'_>) -> Result<(u64, usize), ImportError> {
        let mut pace = Pace::new(self.share);
        let (mut taken, mut done) = (0, 0);
        let mut told = Instant::now();
        while done < rows.len() && !self.stop.is_cancelled() {
            let began = Instant::now();
            let (new, of) = self.batch(rows, done, &mut pace).await?;
            taken += new;
            done += of;
            if done < rows.len() {
                pace.rest(began.elapsed(), self.stop).await;
            }
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                eprintln!("{done} of {} {}", rows.len(), rows.name());
            }
        }
        Ok((taken, done))
    }

    /// The next batch, tried again with fewer rows where the server ends it: how many are new, of how many.
    async fn batch(
        &mut self,
        rows: Rows<'_>,
        done: usize,
        pace: &mut Pace,
    ) -> Result<(u64, usize), ImportError> {
        let mut tries = 1;
        while !self.stop.is_cancelled() {
            let most = usize::try_from(pace.rows()).unwrap_or(1);
            let next = done..rows.len().min(done + most);
            let of = next.len();
            match self.attempt(rows.part(next)).await {
                Err(ImportError::Database(error)) if passes(&error) && tries < TRIES => {
                    tracing::debug!(%error, of, "a batch is tried again with fewer rows");
                    tries += 1;
                    pace.shrink();
                    tokio::time::sleep(Duration::from_millis(100) * tries).await;
                }
                result => return Ok((result?, of)),
            }
        }
        Ok((0, 0))
    }

    async fn attempt(&mut self, rows: Rows<'_>) -> Result<u64, ImportError> {
        let mut transaction = self.database.begin().await?;
        sqlx::raw_sql(BATCH_WITHIN)
            .execute(&mut *transaction)
            .await?;
        hold(&mut transaction, self.account).await?;
        let user = self.account.user;
        let new = match rows {
            Rows::Sessions(sessions) => insert_sessions(&mut transaction, user, sessions).await?,
            Rows::Messages(messages) => insert_messages(&mut transaction, user, messages).await?,
        };
        transaction.commit().await?;
        Ok(new)
    }
}

impl Rows<'_> {
    fn len(self) -> usize {
        match self {
            Self::Sessions(sessions) => sessions.len(),
            Self::Messages(messages) => messages.len(),
        }
    }

    /// As people read it.
    fn name(self) -> &'static str {
        match self {
            Self::Sessions(_) => "sessions",
            Self::Messages(_) => "messages",
        }
    }

    /// Those of a range, which is within them.
    fn part(self, range: Range<usize>) -> Self {
        match self {
            Self::Sessions(sessions) => Self::Sessions(&sessions[range]),
            Self::Messages(messages) => Self::Messages(&messages[range]),
        }
    }
}

/// Whoever asks to be forgotten meanwhile waits for this transaction, or is seen here.
async fn hold(database: &mut PgConnection, account: &Account) -> Result<(), ImportError> {
    let is_there: bool = sqlx::query_scalar("select bondhu.lock_account($1)")
        .bind(account.user)
        .fetch_one(&mut *database)
        .await?;
    if !is_there {
        return Err(ImportError::NoAccount(account.user.to_string()));
    }
    // Most erasures are over in the call that asks for them, so that none is ever seen under way.
    let is_forgotten: bool = sqlx::query_scalar(
        "select bondhu.is_being_erased($1)
           or exists (select from public.erasures e where e.user_id = $1 and e.id <> all ($2))",
    )
    .bind(account.user)
    .bind(&account.erasures)
    .fetch_one(&mut *database)
    .await?;
    if is_forgotten {
        return Err(ImportError::BeingErased);
    }
    Ok(())
}

/// Sessions that are still kept: older ones would go again within the hour.
async fn insert_sessions(
    database: &mut PgConnection,
    user: Uuid,
    sessions: &[Session],
) -> Result<u64, sqlx::Error> {
    let of = |field: fn(&Session) -> DateTime<Utc>| sessions.iter().map(field).collect::<Vec<_>>();
    let stored = sqlx::query(
        "insert into public.user_sessions
           (user_id, id, device_id, started_at, last_seen_at, check_idle_at, ended_at, end_reason)
         select $1, s.id, 'imported', s.first, s.last, s.last, s.last, 'ended'
         from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) s (id, first, last)
         where s.last > now() - make_interval(days => (select session_retention_days from bondhu.settings))
         on conflict (user_id, id) do nothing",
    )
    .bind(user)
    .bind(sessions.iter().map(|session| session.id).collect::<Vec<_>>())
    .bind(of(|session| session.first))
    .bind(of(|session| session.last))
    .execute(database)
    .await?;
    Ok(stored.rows_affected())
}

async fn insert_messages(
    database: &mut PgConnection,
    user: Uuid,
    messages: &[Message],
) -> Result<u64, sqlx::Error> {
    let of = |field: fn(&Message) -> &str| messages.iter().map(field).collect::<Vec<_>>();
    let stored = sqlx::query(
        "insert into public.chat_messages (user_id, id, session_id, sender_type, message_text, created_at)
         select $1, m.id, m.session, m.sender, m.text, m.at
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[]) with ordinality
           m (id, session, sender, text, at, place)
         order by m.place
         on conflict (user_id, id) do nothing",
    )
    .bind(user)
    .bind(messages.iter().map(|message| message.id).collect::<Vec<_>>())
    .bind(messages.iter().map(|message| message.session).collect::<Vec<_>>())
    .bind(of(|message| message.sender.name()))
    .bind(of(|message| &message.text))
    .bind(messages.iter().map(|message| message.at).collect::<Vec<_>>())
    .execute(database)
    .await?;
    Ok(stored.rows_affected())
}
