//! `refresh(user_ids)`: stored profiles brought to the present, for reads of the tables.

use bondhu_core::fold::advance;
use bondhu_core::personality::Personality;
use pgrx::datum::Uuid;
use pgrx::prelude::*;

use crate::error::{EngineError, or_raise};
use crate::ledger::UserMessages;
use crate::spi::{self, Visibility};
use crate::store::{profile, settings};
use crate::table::{Access, Snapshot, Table};
use crate::{datum, recount};

/// Advances the stored profiles of users to the present, as a message of theirs would, and has them
/// start from the latest assessment. Who has none is given one if they were assessed.
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
        let assessed = profile::assessed(Visibility::Newest, user)?;
        let locked = match profile::lock(&profiles, user)? {
            None if assessed.is_some() => {
                Some(profile::lock_or_create(&profiles, user, datum::now())?)
            }
            found => found,
        };
        let Some((mut profile, row)) = locked else {
            continue;
        };
        // Looked for again under the lock.
        profile.start_from(profile::baseline(Visibility::Newest, user)?);
        if profile.is_recounted_by_folding(&settings) {
            let now = profile.state.as_of.max(datum::now());
            profile.state = recount::everything(user, now, &settings)?;
        } else {
            let messages = UserMessages::new(user, Visibility::Committed);
            advance(&messages, &mut profile.state, datum::now(), &settings)?;
        }
        profile.settings_version = settings.version;
        profile::save(
            user,
            &row,
            &profile,
            &Personality::of(&profile.state, &settings),
        )?;
    }
    Ok(())
}
