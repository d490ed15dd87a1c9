//! `refresh(user_ids)`: stored profiles brought to the present, for reads of the tables.

use bondhu_core::fold::advance;
use bondhu_core::personality::Personality;
use pgrx::datum::Uuid;
use pgrx::prelude::*;

use crate::datum;
use crate::error::{EngineError, or_raise};
use crate::ledger::UserMessages;
use crate::spi::{self, Visibility};
use crate::store::{profile, settings};
use crate::table::{Access, Snapshot, Table};

/// Advances the stored profiles of users to the present, as a message of theirs would.
/// Users without one are left out.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn refresh(user_ids: Vec<Option<Uuid>>) {
    or_raise(spi::connected(|| {
        refresh_all(user_ids.into_iter().flatten().collect())
    }));
}

fn refresh_all(mut users: Vec<Uuid>) -> Result<(), EngineError> {
    let profiles = Table::open(&profile::TABLE, Access::Write)?;
    let settings = settings::read(Snapshot::Transaction)?;
    // The order in which messages of many users lock them.
    users.sort_unstable();
    users.dedup();
    for user in users {
        if let Some((mut profile, row)) = profile::lock(&profiles, user)? {
            let messages = UserMessages::new(user, Visibility::Committed);
            advance(&messages, &mut profile.state, datum::now(), &settings)?;
            profile::save(
                user,
                &row,
                &profile,
                &Personality::of(&profile.state, &settings),
            )?;
        }
    }
    Ok(())
}
