//! Taking over: make room, install, import. Killed at any moment it goes on where it stopped.

use std::time::Duration;

use sqlx::{Acquire as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::collisions::Moves;
use super::error::AdoptError;
use super::import::Import;
use super::judged::Kind;
use super::migrations::{self, Migration};
use super::pace::Pace;
use super::shapes::{SCHEMA, Shapes};
use super::state::{Adoption, is_installed};
use super::{judged, ledger};
use crate::vault::Vault;

/// How long making room waits for whoever reads or writes what moves, and makes others wait behind it.
const ROOM_WITHIN: &str = "set local lock_timeout = '5s'";

/// A migration runs as in `supabase db push`, however long it takes.
const AS_PUSHED: &str = "set local statement_timeout = 0; set local search_path to default";

/// How often it is tried again.
const TRIES: u32 = 20;

/// What `apply` is told.
#[derive(Debug)]
pub(super) struct Options {
    /// Seals tokens; `None`: linked accounts are left.
    pub(super) vault: Option<Vault>,
    /// For how many per cent of the time the import is busy.
    pub(super) share: u8,
}

/// Takes over, or goes on with it.
///
/// # Errors
/// [`AdoptError`]: nothing was changed, or what was done stays and goes on with the next call.
pub(super) async fn apply(
    database: &mut PgConnection,
    options: &Options,
    stop: &CancellationToken,
) -> Result<(), AdoptError> {
    let adoption = match Adoption::read(database).await? {
        Some(adoption) => adoption,
        None => {
            begin(database, options).await?;
            Adoption::expect(database).await?
        }
    };
    for migration in migrations::all() {
        if !migration.is_applied(database).await? {
            install(database, migration).await?;
        }
        if stop.is_cancelled() {
            return Err(AdoptError::Stopped);
        }
    }
    let shapes = Shapes::read(database).await?;
    register(database, &shapes).await?;
    ledger::make(database, &judged::messages(&shapes, "bondhu.text_fault")).await?;
    let mut import = Import {
        shapes: &shapes,
        vault: options.vault.as_ref().filter(|_| adoption.with_links),
        pace: Pace::new(options.share),
        stop,
    };
    for kind in Kind::ALL {
        import.run(database, kind).await?;
    }
    score_what_was_written_before_the_engine(database).await?;
    Adoption::finish(database).await?;
    Ok(())
}

/// Makes room and installs the first migration, in one transaction: the app sees its own tables, or Bondhu's.
async fn begin(database: &mut PgConnection, options: &Options) -> Result<(), AdoptError> {
    if is_installed(database).await? {
        return Err(AdoptError::Installed);
    }
    let shapes = Shapes::read(database).await?;
    let moves = Moves::read(database, &shapes).await?;
    if !moves.refused.is_empty() {
        return Err(AdoptError::Refused(moves.refused));
    }
    if !shapes.0.iter().any(|found| found.known.is_read()) && moves.moved.is_empty() {
        return Err(AdoptError::Nothing);
    }
    let mut tries = 1;
    while let Err(error) = make_room(database, &moves, options).await {
        // Somebody is in the middle of a long transaction.
        let is_busy = error
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| matches!(code.as_ref(), "55P03" | "40P01"));
        if !is_busy || tries == TRIES {
            return Err(error.into());
        }
        tries += 1;
        eprintln!("the app's tables are in use; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    eprintln!(
        "{} tables and views were moved to before_bondhu",
        moves.moved.len()
    );
    eprintln!("installed: foundation");
    Ok(())
}

async fn make_room(
    database: &mut PgConnection,
    moves: &Moves,
    options: &Options,
) -> Result<(), sqlx::Error> {
    let Some(first) = migrations::all().next() else {
        return Ok(());
    };
    let mut transaction = database.begin().await?;
    sqlx::raw_sql(ROOM_WITHIN)
        .execute(&mut *transaction)
        .await?;
    let made = migrations::prepare_records(&mut transaction).await?;
    let with_links = options.vault.is_some();
    Adoption::begin(&mut transaction, made, &moves.moved, with_links).await?;
    for moved in &moves.moved {
        sqlx::raw_sql(&moved.away())
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::raw_sql(AS_PUSHED).execute(&mut *transaction).await?;
    first.apply(&mut transaction).await?;
    transaction.commit().await
}

async fn install(database: &mut PgConnection, migration: Migration) -> Result<(), sqlx::Error> {
    let mut transaction = database.begin().await?;
    sqlx::raw_sql(AS_PUSHED).execute(&mut *transaction).await?;
    migration.apply(&mut transaction).await?;
    transaction.commit().await?;
    eprintln!("installed: {}", migration.name);
    Ok(())
}

/// People could write from the first migration on, and the engine comes with the last.
async fn score_what_was_written_before_the_engine(
    database: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    let scored = "select bondhu.rescore() where bondhu.engine() is not null";
    while sqlx::query_scalar::<_, i64>(scored)
        .fetch_optional(&mut *database)
        .await?
        .is_some_and(|scored| scored > 0)
    {}
    Ok(())
}

/// What waits in `before_bondhu` is the person's as before: who has their data erased has it erased there, too.
async fn register(database: &mut PgConnection, shapes: &Shapes) -> Result<(), sqlx::Error> {
    for found in &shapes.0 {
        // What stays is the app's, which registers it or does not.
        if found.schema != SCHEMA || !found.is_table {
            continue;
        }
        sqlx::query(
            "insert into bondhu.app_tables (relation, user_column, is_exported, is_erased)
             select $1, 'user_id', false, true
             where exists (select from bondhu.key_columns($1::regclass))
               and exists (
                 select from pg_attribute
                 where attrelid = $1::regclass and attname = 'user_id' and atttypid = 'uuid'::regtype and not attisdropped)
             on conflict (relation) do nothing",
        )
        .bind(format!("{}.{}", found.schema, found.known.name))
        .execute(&mut *database)
        .await?;
    }
    Ok(())
}
