//! The end of an adoption: what waited is dropped, and no token stays in clear.

use std::io::{BufRead as _, Write as _};

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};
use sqlx::{Acquire as _, PgConnection};

use super::error::AdoptError;
use super::shapes::{SCHEMA, Shapes};
use super::state::Adoption;

/// What Postgres says when something else uses what would go.
const IN_USE: &str = "2BP01";

/// The name of the project: its reference on hosted Supabase, else that of the database.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn project(
    database: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<String, sqlx::Error> {
    let host = options.get_host();
    let direct = host
        .strip_prefix("db.")
        .and_then(|host| host.strip_suffix(".supabase.co"));
    let pooled = host
        .ends_with(".pooler.supabase.com")
        .then(|| options.get_username().split_once('.'))
        .flatten()
        .map(|(_, reference)| reference);
    match direct.or(pooled) {
        Some(reference) => Ok(reference.to_owned()),
        None => {
            sqlx::query_scalar("select current_database()::text")
                .fetch_one(database)
                .await
        }
    }
}

/// Asks for the project's name on the terminal.
///
/// # Errors
/// It cannot be read.
pub(super) fn ask(project: &str) -> Result<String, AdoptError> {
    eprint!(
        "This drops schema {SCHEMA} with all that the app had, and empties the tokens in clear; it cannot be undone.\n\
         Type the name of the project, {project}, to go on: "
    );
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Drops what waited, and empties tokens in clear; how many people's these were.
///
/// # Errors
/// The import has not come to its end, or the app still uses what would go: nothing was dropped.
pub(super) async fn confirm(database: &mut PgConnection) -> Result<u64, AdoptError> {
    let adoption = Adoption::expect(database).await?;
    if !adoption.is_finished {
        return Err(AdoptError::Unfinished);
    }
    let shapes = Shapes::read(database).await?;
    let mut transaction = database.begin().await?;
    sqlx::raw_sql(
        "set local statement_timeout = 0; set local lock_timeout = '10s'; set local search_path to default;
         delete from bondhu.app_tables where relation like 'before\\_bondhu.%';
         drop table before_bondhu.adopted_messages, before_bondhu.adoption_steps, before_bondhu.adoption",
    )
    .execute(&mut *transaction)
    .await?;
    let keys: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname)
         from pg_constraint k
         join pg_class t on t.oid = k.conrelid
         join pg_class m on m.oid = k.confrelid
         where k.contype = 'f' and k.conparentid = 0 and m.relnamespace = $1::regnamespace and t.relnamespace <> $1::regnamespace",
    )
    .bind(SCHEMA)
    .fetch_all(&mut *transaction)
    .await?;
    let named = |tables: bool| {
        let objects = adoption
            .moved
            .0
            .iter()
            .filter(|moved| moved.is_table == tables);
        let names: Vec<String> = objects
            .map(|moved| format!("{SCHEMA}.{}", moved.name))
            .collect();
        names.join(", ")
    };
    let mut drops = keys;
    // Views before what they read; tables in one statement, since they may refer to one another.
    for (kind, names) in [("view", named(false)), ("table", named(true))] {
        if !names.is_empty() {
            drops.push(format!("drop {kind} {names}"));
        }
    }
    drops.push(format!("drop schema {SCHEMA}"));
    for drop in drops {
        sqlx::raw_sql(&drop)
            .execute(&mut *transaction)
            .await
            .map_err(in_use)?;
    }
    let columns = shapes.clear_tokens();
    let mut emptied = 0;
    if !columns.is_empty() {
        let set = columns.iter().map(|column| format!("{column} = null"));
        let held = columns.iter().map(|column| format!("{column} is not null"));
        let statement = format!(
            "update public.profiles set {} where {}",
            set.collect::<Vec<_>>().join(", "),
            held.collect::<Vec<_>>().join(" or ")
        );
        emptied = sqlx::query(&statement)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
    }
    transaction.commit().await?;
    if emptied > 0 {
        // The former rows are on disk until then.
        sqlx::raw_sql("vacuum public.profiles")
            .execute(database)
            .await?;
    }
    Ok(emptied)
}

fn in_use(error: sqlx::Error) -> AdoptError {
    let reported = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .filter(|error| error.code() == IN_USE);
    match reported {
        Some(reported) => AdoptError::InUse(
            reported
                .detail()
                .unwrap_or(reported.message())
                .replace('\n', "\n  "),
        ),
        None => error.into(),
    }
}
