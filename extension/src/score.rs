//! `score(text)`, `engine_version()` and the trigger that scores a row before it is stored.
#![allow(unsafe_code)]

use bondhu_core::score::{ENGINE_VERSION, Part, explain as why, score as read};
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;
use pgrx::{AllocatedByPostgres, AnyNumeric, FromDatum, IntoDatum, PgTupleDesc, pg_sys};

use crate::error::{EngineError, or_raise};
use crate::store::messages::{
    CORRECTED_MOOD, CORRECTED_SENTIMENT, CREATED_AT, MESSAGE_TEXT, MOOD_DETECTED, SENDER_TYPE,
    SENTIMENT_SCORE, SUPPORT_LEVEL, VERSION,
};
use crate::{column, datum, watched};

/// Version of the scorer.
#[pg_extern(immutable, parallel_safe, strict)]
fn engine_version() -> i32 {
    ENGINE_VERSION
}

type Scored = (
    name!(sentiment_score, AnyNumeric),
    name!(mood, &'static str),
    name!(mood_confidence, AnyNumeric),
    name!(support_level, &'static str),
    name!(engine_version, i32),
);

/// Reads a text: sentiment 0..1, mood and how clearly it shows 0..1, support level.
#[pg_extern(immutable, parallel_safe, strict)]
fn score(
    message_text: &str,
) -> TableIterator<
    'static,
    (
        name!(sentiment_score, AnyNumeric),
        name!(mood, &'static str),
        name!(mood_confidence, AnyNumeric),
        name!(support_level, &'static str),
        name!(engine_version, i32),
    ),
> {
    TableIterator::once(scored(message_text))
}

fn scored(text: &str) -> Scored {
    let score = read(text);
    (
        datum::numeric(score.sentiment),
        score.mood.as_str(),
        datum::numeric(score.mood_confidence),
        score.support.as_str(),
        ENGINE_VERSION,
    )
}

/// Why a text is read as it is: what each word, pair of words or the whole message added, in
/// natural-log odds. `figure` is `sentiment` (above 0 towards good) or `mood` (towards the mood of
/// the score); the strongest come first.
#[pg_extern(immutable, parallel_safe, strict)]
fn explain(
    message_text: &str,
) -> TableIterator<
    'static,
    (
        name!(figure, &'static str),
        name!(part, String),
        name!(weight, AnyNumeric),
    ),
> {
    let explanation = why(message_text);
    let named = |figure| move |part: Part| (figure, part.text, datum::numeric(part.weight));
    let sentiment = explanation.sentiment.into_iter().map(named("sentiment"));
    let mood = explanation.mood.into_iter().map(named("mood"));
    TableIterator::new(sentiment.chain(mood).collect::<Vec<_>>())
}

/// BEFORE INSERT OR UPDATE row trigger: scores what the user says, and nobody else.
#[pg_trigger]
fn score_message<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, EngineError> {
    Ok(Some(or_raise(scored_row(trigger))))
}

/// Columns in the order they are written. The corrections, which are the last, only where another
/// text has replaced the one that they are about.
const WRITTEN: [usize; 6] = [
    SENTIMENT_SCORE,
    MOOD_DETECTED,
    SUPPORT_LEVEL,
    VERSION,
    CORRECTED_SENTIMENT,
    CORRECTED_MOOD,
];

fn scored_row<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<PgHeapTuple<'a, AllocatedByPostgres>, EngineError> {
    let (data, event) = (trigger.trigger_data(), trigger.event());
    let updates = event.fired_by_update();
    if !event.fired_before() || !event.fired_for_row() || !(updates || event.fired_by_insert()) {
        return Err(EngineError::WrongTrigger("score_message"));
    }
    let shape = watched::messages(trigger)?;
    // SAFETY: Postgres hands a BEFORE row trigger rows of the relation's descriptor, whose columns
    // were checked.
    unsafe {
        let descriptor = (*data.tg_relation).rd_att;
        let new = if updates {
            data.tg_newtuple
        } else {
            data.tg_trigtuple
        };
        let row =
            |tuple| PgHeapTuple::from_heap_tuple(PgTupleDesc::from_pg_unchecked(descriptor), tuple);
        let value = |tuple, column| column::value(tuple, descriptor, shape.number(column));
        let text =
            |tuple, column| value(tuple, column).and_then(|datum| <&str>::from_datum(datum, false));

        let (message, sender) = (text(new, MESSAGE_TEXT), text(new, SENDER_TYPE));
        let old = data.tg_trigtuple;
        if updates && message == text(old, MESSAGE_TEXT) && sender == text(old, SENDER_TYPE) {
            return Ok(row(new));
        }
        match value(new, CREATED_AT).map(|at| at.value() as i64) {
            Some(i64::MIN | i64::MAX) => return Err(EngineError::TimeNotFinite),
            Some(at) if !updates && datum::instant(at) > datum::now() => {
                return Err(EngineError::TimeInFuture);
            }
            _ => {}
        }

        let score = message.filter(|_| sender == Some("user")).map(scored);
        let values: [Option<pg_sys::Datum>; 6] = match score {
            Some((sentiment, mood, _, support, version)) => [
                sentiment.into_datum(),
                mood.into_datum(),
                support.into_datum(),
                version.into_datum(),
                None,
                None,
            ],
            None => [None; 6],
        };
        let mut numbers = WRITTEN.map(|column| shape.number(column) as i32);
        Ok(row(pg_sys::heap_modify_tuple_by_cols(
            new,
            descriptor,
            if updates { numbers.len() } else { 4 } as i32,
            numbers.as_mut_ptr(),
            values
                .map(|value| value.unwrap_or(pg_sys::Datum::from(0_usize)))
                .as_mut_ptr(),
            values.map(|value| value.is_none()).as_mut_ptr(),
        )))
    }
}
