//! Importing kind after kind in batches, each in a transaction of its own that also stores how far it has come.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use sqlx::{Acquire as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::error::AdoptError;
use super::judged::{self, Kind};
use super::links;
use super::pace::{BATCH_WITHIN, Pace, TRIES, passes};
use super::shapes::Shapes;
use super::state::Step;
use crate::vault::Vault;

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// What a batch did.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Rows looked at; fewer than asked for: these were the last.
    pub(super) read: i64,
    /// Rows imported.
    pub(super) taken: i64,
    /// The key of the last row.
    pub(super) after: Option<Value>,
}

/// Imports the app's data.
pub(super) struct Import<'a> {
    pub(super) shapes: &'a Shapes,
    /// Seals tokens; `None`: linked accounts are left.
    pub(super) vault: Option<&'a Vault>,
    pub(super) pace: Pace,
    pub(super) stop: &'a CancellationToken,
}

impl Import<'_> {
    /// Imports what is left of a kind.
    ///
    /// # Errors
    /// [`AdoptError`]; what was imported stays.
    pub(super) async fn run(
        &mut self,
        database: &mut PgConnection,
        kind: Kind,
    ) -> Result<(), AdoptError> {
        if kind == Kind::Links && self.vault.is_none() {
            return Ok(());
        }
        let mut step = Step::of(database, kind, &count(self.shapes, kind)).await?;
        let (began, first) = (Instant::now(), step.rows_read);
        let mut told = Instant::now();
        while !step.is_finished {
            if self.stop.is_cancelled() {
                return Err(AdoptError::Stopped);
            }
            let started = Instant::now();
            self.batch(database, kind, &mut step).await?;
            if step.is_finished {
                break;
            }
            self.pace.rest(started.elapsed(), self.stop).await;
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                tell(kind, &step, first, began.elapsed());
            }
        }
        eprintln!(
            "{}: {} of {} imported",
            kind.name(),
            step.rows_taken,
            step.rows_of
        );
        Ok(())
    }

    /// One batch, tried again with fewer rows where the server ends it.
    async fn batch(
        &mut self,
        database: &mut PgConnection,
        kind: Kind,
        step: &mut Step,
    ) -> Result<(), AdoptError> {
        let mut tries = 1;
        loop {
            let rows = self.pace.rows();
            match self.attempt(database, kind, step, rows).await {
                Err(AdoptError::Database(error)) if passes(&error) && tries < TRIES => {
                    tracing::debug!(%error, rows, "a batch is tried again with fewer rows");
                    tries += 1;
                    self.pace.shrink();
                    tokio::time::sleep(Duration::from_millis(100) * tries).await;
                }
                result => return result,
            }
        }
    }

    async fn attempt(
        &self,
        database: &mut PgConnection,
        kind: Kind,
        step: &mut Step,
        rows: i64,
    ) -> Result<(), AdoptError> {
        let mut transaction = database.begin().await?;
        sqlx::raw_sql(BATCH_WITHIN)
            .execute(&mut *transaction)
            .await?;
        let batch = match (kind, self.vault) {
            (Kind::Links, Some(vault)) => {
                links::import(
                    &mut transaction,
                    self.shapes,
                    vault,
                    step.after.as_ref(),
                    rows,
                )
                .await?
            }
            _ => {
                import(
                    &mut transaction,
                    self.shapes,
                    kind,
                    step.after.as_ref(),
                    rows,
                )
                .await?
            }
        };
        let mut next = step.clone();
        next.rows_read += batch.read;
        next.rows_taken += batch.taken;
        next.is_finished = batch.read < rows;
        next.after = batch.after.or(next.after);
        next.keep(&mut transaction, kind).await?;
        transaction.commit().await?;
        *step = next;
        Ok(())
    }
}

fn tell(kind: Kind, step: &Step, first: i64, took: Duration) {
    let rows = (step.rows_read - first).max(1);
    let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    let left = took.saturating_mul((step.rows_of - step.rows_read).max(0)) / rows;
    let end =
        TimeDelta::try_milliseconds(left).and_then(|left| Utc::now().checked_add_signed(left));
    let end = end.map_or_else(String::new, |end| {
        format!("; done at about {} UTC", end.format("%H:%M:%S"))
    });
    eprintln!(
        "{}: {} of {} read, {} imported{end}",
        kind.name(),
        step.rows_read,
        step.rows_of,
        step.rows_taken,
    );
}

/// How many rows of a kind there are.
pub(super) fn count(shapes: &Shapes, kind: Kind) -> String {
    let rows = match kind {
        Kind::Messages => "before_bondhu.adopted_messages".to_owned(),
        Kind::Sessions => SESSIONS.to_owned(),
        Kind::Profiles => format!("({})", shapes.profiles()),
        Kind::Assessments => format!("({})", shapes.traits()),
        Kind::Plays => format!("({})", shapes.plays()),
        Kind::Links => format!("({})", shapes.links()),
    };
    format!("select count(*) from {rows} r")
}

/// Sessions that are not over for as long as sessions are kept: older ones would go again within the hour.
pub(super) const SESSIONS: &str = "(
  select l.user_id, l.session_id as id, min(l.at) as started_at, max(l.at) as ended_at
  from before_bondhu.adopted_messages l
  where l.left_because is null and l.session_id is not null
  group by 1, 2
  having max(l.at) > now() - make_interval(days => (select session_retention_days from bondhu.settings))
)";

/// Rows of people who have asked to be forgotten meanwhile stay out.
const NOT_ERASED: &str = "not exists (select from public.erasures e where e.user_id = b.user_id)
    and exists (select from auth.users u where u.id = b.user_id)";

/// Imports the next rows of a kind; `after` is the key of the last one.
async fn import(
    database: &mut PgConnection,
    shapes: &Shapes,
    kind: Kind,
    after: Option<&Value>,
    rows: i64,
) -> Result<Batch, sqlx::Error> {
    let text_fault = "bondhu.text_fault";
    let (source, key, insert) = match kind {
        Kind::Messages => (
            "before_bondhu.adopted_messages".to_owned(),
            vec!["n"],
            format!(
                "insert into public.chat_messages (user_id, id, session_id, sender_type, message_text, created_at)
                 select b.user_id, b.id, b.session_id, b.sender, text.message_text, b.at
                 from batch b
                 cross join lateral (
                   select m.message_text from ({}) m where m.key = b.key and m.source = b.source and m.id = b.id
                 ) text
                 where b.left_because is null and {NOT_ERASED}
                 order by b.n
                 on conflict (user_id, id) do nothing",
                shapes.messages()
            ),
        ),
        Kind::Sessions => (
            SESSIONS.to_owned(),
            vec!["user_id", "id"],
            format!(
                "insert into public.user_sessions
                   (user_id, id, device_id, started_at, last_seen_at, check_idle_at, ended_at, end_reason)
                 select b.user_id, b.id, 'before bondhu', b.started_at, b.ended_at, b.ended_at, b.ended_at, 'ended'
                 from batch b where {NOT_ERASED}
                 on conflict (user_id, id) do nothing"
            ),
        ),
        Kind::Profiles => (
            judged::profiles(shapes, text_fault),
            vec!["user_id"],
            format!(
                "update public.companion_profiles p
                 set display_name = coalesce(p.display_name, case when b.left_because is null then b.display_name end),
                     onboarding_state = case when p.onboarding_state = 'new' and b.is_onboarded then 'complete' else p.onboarding_state end
                 from batch b
                 where p.user_id = b.user_id and {NOT_ERASED}
                   and (p.display_name is null and b.display_name is not null and b.left_because is null
                     or p.onboarding_state = 'new' and b.is_onboarded)"
            ),
        ),
        Kind::Assessments => (
            judged::assessments(shapes),
            vec!["user_id", "id"],
            format!(
                "insert into public.assessments
                   (user_id, id, form, started_at, completed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism)
                 select b.user_id, b.id, 'imported', least(b.completed_at, now()), least(b.completed_at, now()),
                   b.openness, b.conscientiousness, b.extraversion, b.agreeableness, b.neuroticism
                 from batch b where b.left_because is null and {NOT_ERASED}
                 on conflict (user_id, id) do nothing"
            ),
        ),
        Kind::Plays => (
            judged::plays(shapes),
            vec!["user_id", "track_id", "played_at"],
            format!(
                "insert into public.listening_history (user_id, track_id, played_at, track_name, artist_names, duration_ms)
                 select b.user_id, b.track_id, b.played_at, b.track_name,
                   case when btrim(b.artist_name) <> '' then array[btrim(b.artist_name)] else '{{}}' end,
                   case when b.duration_ms between 0 and 2147483647 then b.duration_ms end
                 from batch b where b.left_because is null and {NOT_ERASED}
                 on conflict (user_id, played_at, track_id) do nothing"
            ),
        ),
        // By links.rs: what is in clear is sealed outside the database.
        Kind::Links => return Ok(Batch::default()),
    };
    next_rows(database, &source, &key, &insert, after, rows).await
}

/// Runs `insert` over the next rows of `source` in the order of `key`, whose columns may be null: rows without a key are of
/// nobody, and the last ones.
async fn next_rows(
    database: &mut PgConnection,
    source: &str,
    key: &[&str],
    insert: &str,
    after: Option<&Value>,
    rows: i64,
) -> Result<Batch, sqlx::Error> {
    let source = if source.starts_with("select") {
        format!("({source})")
    } else {
        source.to_owned()
    };
    let columns = key.iter().map(|column| format!("s.{column}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let whole = key.iter().map(|column| format!("s.{column} is not null"));
    let whole = whole.collect::<Vec<_>>().join(" and ");
    let values = key.iter().map(|column| format!("b.{column}"));
    let values = values.collect::<Vec<_>>().join(", ");
    let further = match after {
        None => " and $1::jsonb is null".to_owned(),
        Some(_) => {
            let from = key
                .iter()
                .enumerate()
                .map(|(place, column)| format!("($1::jsonb ->> {place})::{}", key_type(column)));
            format!(
                " and ({columns}) > ({})",
                from.collect::<Vec<_>>().join(", ")
            )
        }
    };
    let statement = format!(
        "with batch as materialized (
           select s.* from {source} s where {whole}{further} order by {columns} limit $2
         ), taken as ({insert} returning 1)
         select (select count(*) from batch), (select count(*) from taken),
           (select jsonb_build_array({values}) from batch b order by {order} limit 1)",
        order = key
            .iter()
            .map(|column| format!("b.{column} desc"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    let (read, taken, last): (i64, i64, Option<Value>) = sqlx::query_as(&statement)
        .bind(after)
        .bind(rows)
        .fetch_one(database)
        .await?;
    Ok(Batch {
        read,
        taken,
        after: last,
    })
}

/// The type of a key's column.
fn key_type(column: &str) -> &'static str {
    match column {
        "n" => "bigint",
        "played_at" => "timestamptz",
        "track_id" => "text",
        _ => "uuid",
    }
}
