//! `score(text)`, `engine_version()` and the trigger that scores a row before it is stored.
#![allow(unsafe_code)]

use bondhu_core::score::{ENGINE_VERSION, Part, explain as why, score as read};
use pgrx::datum::Uuid;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;
use pgrx::{AllocatedByPostgres, AnyNumeric, FromDatum, IntoDatum, PgTupleDesc, pg_sys};

use crate::error::{EngineError, or_raise};
use crate::store::learning;
use crate::store::messages::{
    CORRECTED_MOOD, CORRECTED_SENTIMENT, COUNTS, CREATED_AT, MESSAGE_TEXT, MOOD_DETECTED,
    SENDER_TYPE, SENTIMENT_SCORE, SUPPORT_LEVEL, USER_ID, VERSION,
};
use crate::{column, datum, spi, watched};

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

/// BEFORE INSERT OR UPDATE row trigger: scores what the user says, and nobody else; new messages of
/// whoever is not learnt from do not count.
#[pg_trigger]
fn score_message<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, EngineError> {
    Ok(Some(or_raise(scored_row(trigger))))
}

/// Columns that are written. The corrections, only where another text has replaced the one that they are
/// about; whether it counts, only where it does not.
const WRITTEN: [usize; 4] = [SENTIMENT_SCORE, MOOD_DETECTED, SUPPORT_LEVEL, VERSION];

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
        let counts = value(new, COUNTS).is_some_and(|counts| counts.value() != 0);
        let user = value(new, USER_ID).and_then(|user| Uuid::from_datum(user, false));
        let uncounted = match user.filter(|_| !updates && counts && score.is_some()) {
            Some(user) => !is_learnt_from(trigger, user)?,
            None => false,
        };
        let scored = match score {
            Some((sentiment, mood, _, support, version)) => [
                sentiment.into_datum(),
                mood.into_datum(),
                support.into_datum(),
                version.into_datum(),
            ],
            None => [None; 4],
        };
        let mut written: Vec<_> = WRITTEN.into_iter().zip(scored).collect();
        if updates {
            written.extend([(CORRECTED_SENTIMENT, None), (CORRECTED_MOOD, None)]);
        }
        if uncounted {
            written.push((COUNTS, false.into_datum()));
        }
        let numbers = written.iter().map(|(column, _)| shape.number(*column));
        let mut numbers: Vec<_> = numbers.map(|number| number as i32).collect();
        let nothing = pg_sys::Datum::from(0_usize);
        let values = written.iter().map(|(_, value)| value.unwrap_or(nothing));
        let nulls = written.iter().map(|(_, value)| value.is_none());
        Ok(row(pg_sys::heap_modify_tuple_by_cols(
            new,
            descriptor,
            numbers.len() as i32,
            numbers.as_mut_ptr(),
            values.collect::<Vec<_>>().as_mut_ptr(),
            nulls.collect::<Vec<_>>().as_mut_ptr(),
        )))
    }
}

/// Whether what a user writes is learnt from, which only the owner of the messages may see.
fn is_learnt_from(trigger: &PgTrigger<'_>, user: Uuid) -> Result<bool, EngineError> {
    learning::is_learnt_from_by_command(user, || {
        watched::as_owner(trigger, || {
            spi::connected(|| learning::is_learnt_from(user))
        })
    })
}
