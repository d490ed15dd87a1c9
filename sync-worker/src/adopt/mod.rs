//! Taking over an app that has people's data in it: rehearsed first, resumable, and reversible until it is confirmed.
//!
//! What makes room waits in schema `before_bondhu`, and so does how far the import has come. Each kind of the app's data is
//! read by one query in Bondhu's terms ([`judged`]), which plan, apply and verify share: what is said beforehand is what is
//! done, and what is compared.

mod apply;
mod collisions;
mod confirm;
mod error;
mod import;
mod judged;
mod ledger;
mod links;
mod migrations;
pub(crate) mod pace;
mod plan;
mod queries;
mod report;
mod shapes;
mod state;
mod undo;
mod verify;

use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

pub use error::AdoptError;

use crate::vault::Vault;
use judged::Kind;
use plan::Plan;
use state::connect;
use verify::Comparison;

/// Says what an adoption would do; writes nothing. `as_json`: for programs.
///
/// # Errors
/// Something cannot be taken over ([`AdoptError::Refused`], after all of it was said), or there is nothing to take over.
pub async fn plan(owner: &PgConnectOptions, as_json: bool) -> Result<(), AdoptError> {
    let mut database = connect(owner).await?;
    let mut plan = Plan::read(&mut database).await?;
    if as_json {
        println!("{}", report::json(&plan));
    } else {
        print!("{}", report::plan(&plan));
    }
    if plan.refused.is_empty() {
        Ok(())
    } else {
        Err(AdoptError::Refused(std::mem::take(&mut plan.refused)))
    }
}

/// Whether there are tokens in clear that an adoption would seal, or will.
///
/// # Errors
/// When the database does not answer.
pub async fn has_links(owner: &PgConnectOptions) -> Result<bool, AdoptError> {
    let mut database = connect(owner).await?;
    if let Some(adoption) = state::Adoption::read(&mut database).await? {
        return Ok(adoption.with_links && !adoption.is_finished);
    }
    let shapes = shapes::Shapes::read(&mut database).await?;
    let links = judged::links(&shapes);
    let some = format!("select exists (select from ({links}) l where l.left_because is null)");
    Ok(sqlx::query_scalar(&some).fetch_one(&mut database).await?)
}

/// Takes over, or goes on with it. `vault` seals tokens, `None` leaves linked accounts; `share`: for how many per cent of the
/// time the import is busy.
///
/// # Errors
/// [`AdoptError`]: nothing was changed, or what was done stays, and the same call goes on.
pub async fn apply(
    owner: &PgConnectOptions,
    vault: Option<Vault>,
    share: u8,
    stop: &CancellationToken,
) -> Result<(), AdoptError> {
    let mut database = connect(owner).await?;
    let options = apply::Options { vault, share };
    apply::apply(&mut database, &options, stop).await?;
    let mut steps = Vec::new();
    for kind in Kind::ALL {
        if let Some(step) = state::Step::read(&mut database, kind).await? {
            steps.push((kind, step));
        }
    }
    print!("{}", report::applied(&steps));
    Ok(())
}

/// Compares what was imported with what the app had. `as_json`: for programs.
///
/// # Errors
/// Something differs, or the import has not come to its end.
pub async fn verify(owner: &PgConnectOptions, as_json: bool) -> Result<(), AdoptError> {
    let mut database = connect(owner).await?;
    let comparison = Comparison::read(&mut database).await?;
    if as_json {
        println!("{}", report::json(&comparison));
    } else {
        print!("{}", report::comparison(&comparison));
    }
    match (comparison.differing(), comparison.miscounted) {
        (0, 0) => Ok(()),
        (0, miscounted) => Err(AdoptError::Miscounted(miscounted)),
        (differing, _) => Err(AdoptError::Differs(differing)),
    }
}

/// Puts everything back as it was, with what people wrote, changed and deleted since.
///
/// # Errors
/// No adoption has begun, or the app depends on something of Bondhu's: nothing was changed.
pub async fn undo(owner: &PgConnectOptions) -> Result<(), AdoptError> {
    let mut database = connect(owner).await?;
    let undone = undo::undo(&mut database).await?;
    print!("{}", report::undone(&undone));
    Ok(())
}

/// Ends an adoption: drops what waited, and empties tokens in clear. `project`: its name, which is asked for without.
///
/// # Errors
/// The import has not come to its end, the name is another, or the app still uses what would go: nothing was dropped.
pub async fn confirm(owner: &PgConnectOptions, project: Option<&str>) -> Result<(), AdoptError> {
    let mut database = connect(owner).await?;
    if !state::Adoption::expect(&mut database).await?.is_finished {
        return Err(AdoptError::Unfinished);
    }
    let name = confirm::project(&mut database, owner).await?;
    let answer = match project {
        Some(project) => project.to_owned(),
        None => confirm::ask(&name)?,
    };
    if answer != name {
        return Err(AdoptError::WrongName(name));
    }
    let emptied = confirm::confirm(&mut database).await?;
    println!("before_bondhu is gone; tokens in clear of {emptied} people were emptied");
    Ok(())
}
