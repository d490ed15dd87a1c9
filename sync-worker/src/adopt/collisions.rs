//! What has a name that Bondhu needs, as the migration's own preflight finds it.

use sqlx::postgres::PgDatabaseError;
use sqlx::{Acquire as _, PgConnection};

use super::shapes::{SCHEMA, Shapes};

/// The first statement of the migrations: it refuses, and says in its detail what stands in the way, an object a line.
const PREFLIGHT: &str = include_str!("../../../sql/10_foundation/05_preflight.sql");

/// What the preflight refuses with: `duplicate_object`.
const REFUSED: &str = "42710";

/// A table or a view of the app's that makes room.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub(super) struct Moved {
    pub(super) is_table: bool,
    pub(super) name: String,
}

impl Moved {
    const fn kind(&self) -> &'static str {
        if self.is_table { "table" } else { "view" }
    }

    /// Moves it out of the way.
    pub(super) fn away(&self) -> String {
        format!(
            "alter {} public.{} set schema {SCHEMA}",
            self.kind(),
            self.name
        )
    }

    /// Moves it back.
    pub(super) fn back(&self) -> String {
        format!(
            "alter {} {SCHEMA}.{} set schema public",
            self.kind(),
            self.name
        )
    }
}

/// What is moved, and what cannot be: a sentence each.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) moved: Vec<Moved>,
    pub(super) refused: Vec<String>,
}

impl Moves {
    /// Decides what makes room: the known tables. Whatever else stands in the way is the app's to rename, since nobody else
    /// knows who calls it.
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
            moves.moved.push(Moved {
                is_table: found.is_table,
                name: found.known.name.to_owned(),
            });
            if !found.is_ours {
                moves.refused.push(format!(
                    "{} belongs to another role: connect as its owner",
                    found.describe()
                ));
            }
        }
        for object in in_the_way(database).await? {
            let known = shapes.0.iter().find(|found| found.describe() == object);
            match known {
                Some(found) if found.mismatches.is_empty() => {}
                Some(found) => moves.refused.push(format!(
                    "{object} is not as known: {}",
                    found.mismatches.join("; ")
                )),
                None => moves
                    .refused
                    .push(format!("{object} has a name that Bondhu needs: rename it")),
            }
        }
        Ok(moves)
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
