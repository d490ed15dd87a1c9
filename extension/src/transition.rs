//! The rows of a statement's transition tables, grouped by user.
#![allow(unsafe_code)]

use std::collections::BTreeMap;

use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use pgrx::datum::Uuid;
use pgrx::prelude::*;
use pgrx::{FromDatum, pg_sys};

use crate::column::{Column, column};
use crate::datum;
use crate::error::EngineError;

/// A scored message of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScoredRow {
    pub(crate) user_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) message: Message,
}

/// What a statement did to one user's scored messages.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) removed: Vec<ScoredRow>,
    pub(crate) added: Vec<ScoredRow>,
}

/// The changes of the statement a trigger fires for, in the order of user ids, which is the
/// order profiles are locked in. Unscored rows, and updates that leave the score, its time
/// and its owner alone, are no change.
pub(crate) fn changes(trigger: &PgTrigger<'_>) -> Result<BTreeMap<Uuid, Change>, EngineError> {
    let data = trigger.trigger_data();
    // SAFETY: an AFTER statement trigger's transition tables have the relation's descriptor.
    let (removed, added) = unsafe {
        let descriptor = (*data.tg_relation).rd_att;
        (
            read(data.tg_oldtable, descriptor)?,
            read(data.tg_newtable, descriptor)?,
        )
    };
    // Postgres writes both rows of an update at once, so that they pair up.
    let paired = !data.tg_oldtable.is_null() && removed.len() == added.len();
    let same = |index: usize| paired && removed.get(index) == added.get(index);

    let mut changes: BTreeMap<Uuid, Change> = BTreeMap::new();
    for (index, row) in removed
        .iter()
        .enumerate()
        .filter(|&(index, _)| !same(index))
    {
        if let Some(row) = row {
            changes.entry(row.user_id).or_default().removed.push(*row);
        }
        if paired && let Some(Some(row)) = added.get(index) {
            changes.entry(row.user_id).or_default().added.push(*row);
        }
    }
    if !paired {
        for row in added.iter().flatten() {
            changes.entry(row.user_id).or_default().added.push(*row);
        }
    }
    Ok(changes)
}

const COLUMNS: [Column; 7] = [
    column("user_id", 1),
    column("id", 2),
    column("created_at", 11),
    column("sentiment_score", 7),
    column("mood_detected", 8),
    column("support_level", 9),
    column("engine_version", 10),
];

/// Every row of a transition table, unscored ones as `None`.
///
/// # Safety
/// `store` is null or holds tuples of `descriptor`.
unsafe fn read(
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
) -> Result<Vec<Option<ScoredRow>>, EngineError> {
    let mut rows = Vec::new();
    if store.is_null() {
        return Ok(rows);
    }
    // SAFETY: the caller's; the slot is dropped before the descriptor goes.
    unsafe {
        let mut numbers = [0; COLUMNS.len()];
        for (number, column) in numbers.iter_mut().zip(COLUMNS) {
            *number = column.number(descriptor)? as i32;
        }
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
    ] = values
    else {
        return Ok(None);
    };
    // SAFETY: the caller's. Everything is copied out of the slot.
    unsafe {
        let missing = || EngineError::UnexpectedValue("chat_messages");
        let mood = <&str>::from_datum(mood, false)
            .and_then(Mood::parse)
            .ok_or_else(missing)?;
        let support = <&str>::from_datum(support, false).ok_or_else(missing)?;
        Ok(Some(ScoredRow {
            user_id: Uuid::from_datum(user_id, false).ok_or_else(missing)?,
            id: Uuid::from_datum(id, false).ok_or_else(missing)?,
            message: Message {
                created_at: datum::instant(created_at.value() as i64),
                score: datum::hundredths(score)?,
                mood,
                crisis: support == "crisis",
            },
        }))
    }
}
