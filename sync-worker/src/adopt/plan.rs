//! What an adoption would do, said before anything is done.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::{Acquire as _, PgConnection};

use super::collisions::Moves;
use super::error::AdoptError;
use super::judged::{self, Kind};
use super::queries;
use super::shapes::{Fate, Found, Shapes};
use super::state::{Adoption, is_installed};

/// The rule which characters a text may have, as the migrations define it.
const TEXT_RULE: &str = include_str!("../../../sql/10_foundation/20_text.sql");

/// Messages that a server takes a second with the import's half of its time, by the engine that it has: from the runs behind
/// docs/adopting.md on two cores.
const NATIVE_PER_SECOND: i64 = 4_000;
const PORTABLE_PER_SECOND: i64 = 1_000;

/// A table or a view, and what becomes of it.
#[derive(Debug, Serialize)]
pub(super) struct PlannedObject {
    /// Such as `table public.chat_messages`.
    pub(super) object: String,
    /// Rows; `None` of a view, or where nothing is read.
    pub(super) rows: Option<i64>,
    /// What becomes of it.
    pub(super) becomes: String,
}

/// What is imported of a kind, and what is not.
#[derive(Debug, Serialize)]
pub(super) struct PlannedKind {
    pub(super) kind: &'static str,
    /// Rows that are taken.
    pub(super) taken: i64,
    /// Rows that are left, by the reason.
    pub(super) left: BTreeMap<String, i64>,
}

/// What an adoption would do.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    pub(super) objects: Vec<PlannedObject>,
    pub(super) kinds: Vec<PlannedKind>,
    /// What is taken otherwise than it stands there.
    pub(super) notes: Vec<String>,
    /// What of the app's refers to what moves, or names it.
    pub(super) mentions: Vec<String>,
    /// What cannot be taken over; the adoption is refused unless it is empty.
    pub(super) refused: Vec<String>,
    /// How long the import takes, about, in seconds.
    pub(super) seconds: i64,
    /// The app's queries, before and after.
    pub(super) queries: Vec<queries::Change>,
}

impl Plan {
    /// Reads it, and writes nothing.
    ///
    /// # Errors
    /// The database does not answer, or Bondhu is installed.
    pub(super) async fn read(database: &mut PgConnection) -> Result<Self, AdoptError> {
        if Adoption::read(database).await?.is_some() {
            return Err(AdoptError::Begun);
        }
        if is_installed(database).await? {
            return Err(AdoptError::Installed);
        }
        let shapes = Shapes::read(database).await?;
        let moves = Moves::read(database, &shapes).await?;
        if shapes.0.is_empty() && moves.moved.is_empty() && moves.refused.is_empty() {
            return Err(AdoptError::Nothing);
        }
        let mut objects = Vec::new();
        for found in &shapes.0 {
            objects.push(object(database, found).await?);
        }
        let kinds = kinds(database, &shapes).await?;
        let messages: i64 = kinds
            .iter()
            .filter(|kind| kind.kind == Kind::Messages.name())
            .map(|kind| kind.taken)
            .sum();
        let native: bool = sqlx::query_scalar(
            "select exists (select from pg_available_extensions where name = 'bondhu')",
        )
        .fetch_one(&mut *database)
        .await?;
        let per_second = if native {
            NATIVE_PER_SECOND
        } else {
            PORTABLE_PER_SECOND
        };
        Ok(Self {
            notes: notes(database, &shapes).await?,
            mentions: mentions(database, &moves).await?,
            refused: moves.refused,
            seconds: 10 + messages / per_second,
            queries: queries::of(&shapes),
            objects,
            kinds,
        })
    }
}

async fn object(database: &mut PgConnection, found: &Found) -> Result<PlannedObject, sqlx::Error> {
    let rows = if found.is_table {
        let count = format!("select count(*) from {}.{}", found.schema, found.known.name);
        Some(sqlx::query_scalar(&count).fetch_one(database).await?)
    } else {
        None
    };
    let becomes = if !found.mismatches.is_empty() {
        format!("not as known: {}", found.mismatches.join("; "))
    } else {
        match found.known.fate {
            Fate::Moves => "moved to before_bondhu, and imported".to_owned(),
            Fate::MovesUnread(why) => format!("moved to before_bondhu; nothing is imported: {why}"),
            Fate::Stays => "stays; what Bondhu knows of it is imported".to_owned(),
            Fate::StaysUnread(why) => format!("stays; nothing is imported: {why}"),
        }
    };
    Ok(PlannedObject {
        object: found.describe(),
        rows,
        becomes,
    })
}

/// Counts what would be taken and left, by the rules that are not installed yet: they are made for this transaction, which is
/// rolled back.
async fn kinds(
    database: &mut PgConnection,
    shapes: &Shapes,
) -> Result<Vec<PlannedKind>, sqlx::Error> {
    let mut attempt = database.begin().await?;
    sqlx::raw_sql(&text_rule().unwrap_or_default())
        .execute(&mut *attempt)
        .await?;
    let text_fault = "pg_temp.text_fault";
    let mut kinds = Vec::new();
    for (kind, judged) in [
        (Kind::Messages, judged::messages(shapes, text_fault)),
        (Kind::Profiles, judged::profiles(shapes, text_fault)),
        (Kind::Assessments, judged::assessments(shapes)),
        (Kind::Plays, judged::plays_once(shapes)),
        (Kind::Links, judged::links(shapes)),
    ] {
        let counted: Vec<(Option<String>, i64)> = sqlx::query_as(&format!(
            "select j.left_because, count(*) from ({judged}) j group by 1 order by 1"
        ))
        .fetch_all(&mut *attempt)
        .await?;
        let mut planned = PlannedKind {
            kind: kind.name(),
            taken: 0,
            left: BTreeMap::new(),
        };
        for (reason, rows) in counted {
            match reason {
                None => planned.taken = rows,
                Some(reason) => {
                    planned.left.insert(reason, rows);
                }
            }
        }
        kinds.push(planned);
    }
    attempt.rollback().await?;
    Ok(kinds)
}

/// `bondhu.text_fault()` as a temporary function.
fn text_rule() -> Option<String> {
    let from = TEXT_RULE.find("create function bondhu.text_fault(")?;
    let length = TEXT_RULE[from..].find("\n$$;")? + "\n$$;".len();
    let rule = &TEXT_RULE[from..from + length];
    Some(rule.replacen("bondhu.text_fault", "pg_temp.text_fault", 1))
}

/// What is taken otherwise than it stands there.
async fn notes(database: &mut PgConnection, shapes: &Shapes) -> Result<Vec<String>, sqlx::Error> {
    let messages = shapes.messages();
    let (unlike, together): (i64, i64) = sqlx::query_as(&format!(
        "select count(*) filter (where r.session <> '' and r.session !~ '^[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}$'),
           (select count(*) from (select from ({messages}) m group by m.user_id, m.at having count(*) > 1) t)
         from ({messages}) r"
    ))
    .fetch_one(&mut *database)
    .await?;
    let mut notes = Vec::new();
    if unlike > 0 {
        notes.push(format!(
            "{unlike} messages have a session id that is no uuid: they get one, the same for the same session"
        ));
    }
    if together > 0 {
        notes.push(format!(
            "at {together} instants somebody has several messages: the person's go before the companion's"
        ));
    }
    if shapes.message_columns().is_some_and(|columns| columns.mood) {
        notes.push(
            "moods and scores are the engine's; the app's own stay readable in before_bondhu"
                .to_owned(),
        );
    }
    notes.push(
        "people may chat through Bondhu's API while the import runs; writers of the old tables are refused".to_owned(),
    );
    Ok(notes)
}

/// Views, keys and functions of the app's that refer to what moves: the former go along, the latter's texts name what is no more.
async fn mentions(database: &mut PgConnection, moves: &Moves) -> Result<Vec<String>, sqlx::Error> {
    let names: Vec<&str> = moves
        .moved
        .iter()
        .map(|moved| moved.name.as_str())
        .collect();
    sqlx::query_scalar(include_str!("sql/mentions.sql"))
        .bind(&names)
        .fetch_all(database)
        .await
}

#[cfg(test)]
mod tests {
    use super::text_rule;

    #[test]
    fn the_rule_of_texts_is_found_where_it_is_written() {
        let rule = text_rule().unwrap_or_default();
        assert!(rule.starts_with("create function pg_temp.text_fault(value text)"));
        assert!(rule.ends_with("\n$$;"));
        assert!(!rule.contains("bondhu."));
    }
}
