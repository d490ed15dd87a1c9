//! The AFTER trigger: a statement's changed messages into buckets, profile and history.
//!
//! Each user's profile row is the lock under which everything derived about them changes.
//! The cost of a message is bounded by what it changes and by what left the windows since
//! the last one, not by the length of the history. In which order is core's rule.

use bondhu_core::fold::fold;
use pgrx::AllocatedByPostgres;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;

use crate::error::{EngineError, or_raise};
use crate::ledger::UserLedger;
use crate::spi;
use crate::store::{buckets, learning, profile, settings};
use crate::table::{Access, Snapshot, Table};
use crate::{datum, transition, watched};

/// AFTER INSERT, UPDATE or DELETE statement trigger with transition tables.
#[pg_trigger]
fn fold_messages<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, EngineError> {
    or_raise(fold_statement(trigger));
    Ok(None)
}

fn fold_statement(trigger: &PgTrigger<'_>) -> Result<(), EngineError> {
    let event = trigger.event();
    if !event.fired_after() || !event.fired_for_statement() || event.fired_by_truncate() {
        return Err(EngineError::WrongTrigger("fold_messages"));
    }
    let changes = transition::changes(trigger)?;
    if changes.is_empty() {
        return Ok(());
    }
    watched::as_owner(trigger, || {
        spi::connected(|| {
            // A change of settings need not wait: each profile says which it was folded under.
            let profiles = Table::open(&profile::TABLE, Access::Write)?;
            let buckets = Table::open(&buckets::TABLE, Access::Write)?;
            let settings = settings::read(Snapshot::Transaction)?;
            let now = datum::now();
            // In the order of user ids, so that no two statements wait for each other.
            changes.iter().try_for_each(|(user, change)| {
                let mut ledger = UserLedger {
                    user: *user,
                    profiles: &profiles,
                    buckets: &buckets,
                };
                fold(&mut ledger, change, now, &settings)?;
                if event.fired_by_insert() {
                    learning::uncount(*user, change)?;
                }
                Ok(())
            })
        })
    })
}
