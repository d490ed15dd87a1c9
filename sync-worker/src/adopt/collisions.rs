//! What has a name that Bondhu needs, as the migration's own preflight finds it.

use sqlx::postgres::PgDatabaseError;
use sqlx::{Acquire as _, PgConnection};

use super::shapes::{SCHEMA, Shapes};

/// The first statement of the migrations: it refuses, and says in its detail what stands in the way, an object a line.
const PREFLIGHT: &str = include_str!("../../../sql/10_foundation/05_preflight.sql");

/// What the preflight refuses with: `duplicate_object`.
const REFUSED: &str = "42710";

/// Kinds of objects that can be moved as they are, as the preflight calls them and as `alter` does.
const MOVABLE: [(&str, &str); 8] = [
    ("materialized view", "materialized view"),
    ("view", "view"),
    ("sequence", "sequence"),
    ("function", "routine"),
    ("procedure", "routine"),
    ("aggregate", "routine"),
    ("type", "type"),
    ("composite type", "type"),
];

/// An object of the app's that has to make room.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub(super) struct Moved {
    /// As `alter` calls it: `table`, `view`, `routine` …
    pub(super) kind: String,
    /// Its identity within its schema, quoted where it has to be: `chat_messages`, `dashboard(integer)`.
    pub(super) object: String,
}

impl Moved {
    fn new(kind: &str, object: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            object: object.to_owned(),
        }
    }

    /// Moves it out of the way.
    pub(super) fn away(&self) -> String {
        format!(
            "alter {} public.{} set schema {SCHEMA}",
            self.kind, self.object
        )
    }

    /// Moves it back.
    pub(super) fn back(&self) -> String {
        format!(
            "alter {} {SCHEMA}.{} set schema public",
            self.kind, self.object
        )
    }

    /// Drops it from where it waited.
    pub(super) fn drop(&self) -> String {
        format!("drop {} {SCHEMA}.{}", self.kind, self.object)
    }
}

/// What is moved, and what cannot be: a sentence each.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) moved: Vec<Moved>,
    pub(super) refused: Vec<String>,
}

impl Moves {
    /// Decides what makes room, of the known tables and of whatever else stands in the way.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn read(
        database: &mut PgConnection,
        shapes: &Shapes,
    ) -> Result<Self, sqlx::Error> {
        let mut moves = Self::default();
        for found in shapes.0.iter().filter(|found| found.known.moves()) {
            if found.schema != "public" || !found.mismatches.is_empty() {
                continue;
            }
            let kind = if found.is_table { "table" } else { "view" };
            moves.moved.push(Moved::new(kind, found.known.name));
            if !found.is_ours {
                moves.refused.push(format!(
                    "{} belongs to another role: connect as its owner",
                    found.describe()
                ));
            }
        }
        for object in in_the_way(database).await? {
            moves.add(database, shapes, &object).await?;
        }
        Ok(moves)
    }

    async fn add(
        &mut self,
        database: &mut PgConnection,
        shapes: &Shapes,
        object: &str,
    ) -> Result<(), sqlx::Error> {
        let known = shapes.0.iter().find(|found| found.describe() == object);
        if let Some(found) = known {
            if !found.mismatches.is_empty() {
                self.refused.push(format!(
                    "{object} is not as known: {}",
                    found.mismatches.join("; ")
                ));
            }
            return Ok(());
        }
        if let Some(index) = object.strip_prefix("index ") {
            let table: Option<String> = sqlx::query_scalar(
                "select indrelid::regclass::text from pg_index where indexrelid = to_regclass($1)",
            )
            .bind(index)
            .fetch_optional(database)
            .await?;
            // It goes along with its table.
            let table = table.unwrap_or_default();
            if !self.takes(&table) {
                self.refused.push(format!(
                    "{object} of table {table} has a name that Bondhu needs: rename it"
                ));
            }
            return Ok(());
        }
        let movable = MOVABLE.iter().find_map(|(called, kind)| {
            let identity = object.strip_prefix(called)?.strip_prefix(" public.")?;
            Some(Moved::new(kind, identity))
        });
        match movable {
            Some(moved) if self.moved.contains(&moved) => {}
            Some(moved) => self.moved.push(moved),
            None => self.refused.push(format!(
                "{object} has a name that Bondhu needs, and is not known: rename it"
            )),
        }
        Ok(())
    }

    /// Whether a table, named as `regclass` writes it, is moved.
    fn takes(&self, table: &str) -> bool {
        let table = table.strip_prefix("public.").unwrap_or(table);
        self.moved
            .iter()
            .any(|moved| moved.kind == "table" && moved.object == table)
    }
}

/// What the preflight finds; nothing where Bondhu is installed.
async fn in_the_way(database: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut attempt = database.begin().await?;
    let refused = sqlx::raw_sql(PREFLIGHT).execute(&mut *attempt).await;
    attempt.rollback().await?;
    let Err(error) = refused else {
        return Ok(Vec::new());
    };
    let detail = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .filter(|error| error.code() == REFUSED)
        .and_then(PgDatabaseError::detail);
    match detail {
        Some(detail) => Ok(detail.lines().map(str::to_owned).collect()),
        None => Err(error),
    }
}
