//! The rows of a statement's transition tables, grouped by user.
#![allow(unsafe_code)]

use std::collections::BTreeMap;

use bondhu_core::fold::{Change, Identified};
use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use pgrx::datum::Uuid;
use pgrx::prelude::*;
use pgrx::{FromDatum, pg_sys};

use crate::column::Numeric;
use crate::error::EngineError;
use crate::relation::Shape;
use crate::store::messages::{
    CORRECTED_MOOD, CORRECTED_SENTIMENT, COUNTS, CREATED_AT, ID, MOOD_DETECTED, SENTIMENT_SCORE,
    SUPPORT_LEVEL, USER_ID, VERSION,
};
use crate::{datum, watched};

/// A scored message of a row that counts, or shows a crisis.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ScoredRow {
    user_id: Uuid,
    said: Identified<Uuid>,
}

/// The changes of the statement a trigger fires for, in the order of user ids, which is the
/// order profiles are locked in. Unscored rows, those that say nothing, and updates that leave how a
/// message is read, its time and its owner alone, are no change.
///
/// # Errors
/// The trigger was attached without the transition tables of its event.
pub(crate) fn changes(
    trigger: &PgTrigger<'_>,
) -> Result<BTreeMap<Uuid, Change<Uuid>>, EngineError> {
    let (data, event) = (trigger.trigger_data(), trigger.event());
    if !event.fired_by_insert() && data.tg_oldtable.is_null() {
        return Err(EngineError::MissingTransition("referencing old table"));
    }
    if !event.fired_by_delete() && data.tg_newtable.is_null() {
        return Err(EngineError::MissingTransition("referencing new table"));
    }
    let shape = watched::messages(trigger)?;
    // SAFETY: an AFTER statement trigger's transition tables have the relation's descriptor, whose
    // columns were checked.
    let (removed, added) = unsafe {
        let descriptor = (*data.tg_relation).rd_att;
        (
            read(data.tg_oldtable, descriptor, &shape)?,
            read(data.tg_newtable, descriptor, &shape)?,
        )
    };
    // Postgres writes both rows of an update at once, so that they pair up.
    let paired = !data.tg_oldtable.is_null() && removed.len() == added.len();
    let same = |index: usize| paired && removed.get(index) == added.get(index);

    let mut changes: BTreeMap<Uuid, Change<Uuid>> = BTreeMap::new();
    for (index, row) in removed
        .iter()
        .enumerate()
        .filter(|&(index, _)| !same(index))
    {
        if let Some(row) = row {
            changes
                .entry(row.user_id)
                .or_default()
                .removed
                .push(row.said);
        }
        if paired && let Some(Some(row)) = added.get(index) {
            changes.entry(row.user_id).or_default().added.push(row.said);
        }
    }
    if !paired {
        for row in added.iter().flatten() {
            changes.entry(row.user_id).or_default().added.push(row.said);
        }
    }
    Ok(changes)
}

const COLUMNS: [usize; 10] = [
    USER_ID,
    ID,
    CREATED_AT,
    SENTIMENT_SCORE,
    MOOD_DETECTED,
    SUPPORT_LEVEL,
    VERSION,
    CORRECTED_SENTIMENT,
    CORRECTED_MOOD,
    COUNTS,
];

/// Every row of a transition table, those that say nothing as `None`.
///
/// # Safety
/// `store` is null or holds tuples of `descriptor`, which has that shape.
unsafe fn read(
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
    shape: &Shape,
) -> Result<Vec<Option<ScoredRow>>, EngineError> {
    let mut rows = Vec::new();
    if store.is_null() {
        return Ok(rows);
    }
    // SAFETY: the caller's; the slot is dropped before the descriptor goes.
    unsafe {
        let numbers = COLUMNS.map(|column| shape.number(column) as i32);
        let last = numbers.iter().copied().max().unwrap_or(0);
        let slot =
            pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsMinimalTuple);
        pg_sys::tuplestore_rescan(store);
        while pg_sys::tuplestore_gettupleslot(store, true, false, slot) {
            pg_sys::slot_getsomeattrs_int(slot, last);
            let value = |number: i32| {
                let index = number as usize - 1;
                (!*(*slot).tts_isnull.add(index)).then(|| *(*slot).tts_values.add(index))
            };
            rows.push(scored(numbers.map(value))?);
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
    }
    Ok(rows)
}

/// # Safety
/// The values have the types of [`COLUMNS`].
unsafe fn scored(
    values: [Option<pg_sys::Datum>; COLUMNS.len()],
) -> Result<Option<ScoredRow>, EngineError> {
    let [
        Some(user_id),
        Some(id),
        Some(created_at),
        Some(score),
        Some(mood),
        Some(support),
        Some(_),
        corrected_score,
        corrected_mood,
        Some(counts),
    ] = values
    else {
        return Ok(None);
    };
    // SAFETY: the caller's. Everything is copied out of the slot.
    unsafe {
        let missing = || EngineError::UnexpectedValue("chat_messages");
        let mood = <&str>::from_datum(corrected_mood.unwrap_or(mood), false)
            .and_then(Mood::parse)
            .ok_or_else(missing)?;
        let crisis = <&str>::from_datum(support, false).ok_or_else(missing)? == "crisis";
        let counts = counts.value() != 0;
        if !counts && !crisis {
            return Ok(None);
        }
        Ok(Some(ScoredRow {
            user_id: Uuid::from_datum(user_id, false).ok_or_else(missing)?,
            said: Identified {
                id: Uuid::from_datum(id, false).ok_or_else(missing)?,
                message: Message {
                    created_at: datum::instant(created_at.value() as i64),
                    score: datum::hundredths(Numeric(corrected_score.unwrap_or(score)))?,
                    mood,
                    crisis,
                    counts,
                },
            },
        }))
    }
}
