//! The words of `sql/portable/50_state.sql` and of the templates that follow it: what a message leads to.
//!
//! A word stands for a constant or a list of `core`; `{{round a / b}}` for a quotient rounded half
//! away from zero.

use bondhu_core::decay::{HORIZON_DAYS, UNIT, weight};
use bondhu_core::evidence::{MOST_CANDIDATES, MOST_EVIDENCE};
use bondhu_core::mood::{MOODS, Mood};
use bondhu_core::patterns::MIN_PAIRS;
use bondhu_core::profile::{self, Column, Value};
use bondhu_core::time::Day;
use bondhu_core::traits::{
    AGREEABLENESS, CONSCIENTIOUSNESS, EXTRAVERSION, NEUROTICISM, OPENNESS, Signal, Traits,
    UNASSESSED, VARIABILITY_PERCENT, WHOLE,
};
use bondhu_core::wellness;

/// What moves the traits, in the order of their names.
const SIGNALS: [Signal; 5] = [
    OPENNESS,
    CONSCIENTIOUSNESS,
    EXTRAVERSION,
    AGREEABLENESS,
    NEUROTICISM,
];

/// What a word stands for.
pub(super) fn meaning(word: &str) -> Option<String> {
    if let Some(quotient) = word.strip_prefix("round ") {
        let (dividend, divisor) = quotient.split_once(" / ")?;
        return Some(rounded(dividend, divisor));
    }
    if let Some(quotient) = word.strip_prefix("nearest ") {
        let (dividend, divisor) = quotient.split_once(" / ")?;
        return Some(nearest(dividend, divisor));
    }
    if let Some(square) = word.strip_prefix("root of ") {
        // Of what a double holds exactly.
        return Some(format!("floor(sqrt(({square})::double precision))"));
    }
    let of_message = word.split_once(" of ");
    if let Some(read) = of_message.and_then(|(what, message)| read(what, message)) {
        return Some(read);
    }
    Some(match word {
        "whole" => WHOLE.to_string(),
        "half" => (WHOLE / 2).to_string(),
        "4 whole" => (4 * WHOLE).to_string(),
        "whole squared" => (WHOLE * WHOLE).to_string(),
        // Of a message, in the weights of messages over the parts of a whole.
        "full confidence" => {
            const { assert!(UNIT as i128 % WHOLE == 0, "the quotient has a rest") };
            (i128::from(UNIT) / WHOLE).to_string()
        }
        "unit" => UNIT.to_string(),
        "last age" => (HORIZON_DAYS - 1).to_string(),
        "weights" => weights(),
        "moods" => MOODS.to_string(),
        "looked at" => MOST_CANDIDATES.to_string(),
        "named" => MOST_EVIDENCE.to_string(),
        "least pairs" => MIN_PAIRS.to_string(),
        "week" => wellness::WEEK.to_string(),
        "before first day" => (2 * wellness::WEEK - 1).to_string(),
        "mean weight" => wellness::MEAN_WEIGHT.to_string(),
        "trend weight" => wellness::TREND_WEIGHT.to_string(),
        "stability weight" => wellness::STABILITY_WEIGHT.to_string(),
        "trend scale" => wellness::TREND_SCALE.to_string(),
        "stability scale" => (100 * wellness::STABILITY_SCALE).to_string(),
        "days weight" => wellness::DAYS_WEIGHT.to_string(),
        "full messages" => wellness::FULL_MESSAGES.to_string(),
        "shares" => SIGNALS.map(|signal| share(&signal)).join(", "),
        "reaches" => format!(
            "'{{{}}}'::bigint[]",
            SIGNALS.map(|signal| signal.reach.to_string()).join(",")
        ),
        "neuroticism" => SIGNALS.len().to_string(),
        "steadiness" => format!(
            "{} * signal + {VARIABILITY_PERCENT} * least(root, {WHOLE})",
            100 - VARIABILITY_PERCENT
        ),
        "traits" => Traits::NAMES
            .into_iter()
            .zip(1..)
            .map(|(name, number)| format!("  p.{name} := traits[{number}] * 0.01;"))
            .collect::<Vec<_>>()
            .join("\n"),
        "middle" => format!(
            "'{{{}}}'::bigint[]",
            UNASSESSED.values().map(|value| value.to_string()).join(",")
        ),
        "profile" => format!(
            "\n  user_id uuid,\n  {}\n",
            lines(&profile::COLUMNS, |column| format!(
                "{} {}",
                column.name,
                kind(column)
            ))
        ),
        "profile columns" => format!(
            "stored.user_id, {}",
            columns(&profile::COLUMNS, ", ", |name| format!("stored.{name}"))
        ),
        "written" => columns(&profile::COLUMNS, ", ", |name| format!("{name} = p.{name}")),
        "compared" => columns(
            &profile::COLUMNS[..profile::DETERMINED],
            ",\n          ",
            |name| format!("('{name}', p.{name}::text, r.{name}::text)"),
        ),
        "former traits" => {
            traits(|index, name| format!("'{name}', former.landmark_traits[{index}] * 0.01"))
        }
        "traits now" => traits(|_, name| format!("'{name}', p.{name}")),
        "landmark" => traits(|_, name| format!("(p.{name} * 100)::bigint")),
        "trait has moved" => {
            let distance =
                traits(|index, name| format!("abs(p.{name} * 100 - p.landmark_traits[{index}])"));
            format!("greatest({distance}) >= s.history_min_change * 100")
        }
        _ => return of_moods(word),
    })
}

/// `dividend / divisor`, which is positive, rounded half away from zero.
fn rounded(dividend: &str, divisor: &str) -> String {
    let dividend = format!("({dividend})::numeric");
    format!("(sign({dividend}) * div(2 * abs({dividend}) + ({divisor}), 2 * ({divisor})))")
}

/// [`rounded`] of `bigint`s; `dividend` is a variable.
fn nearest(dividend: &str, divisor: &str) -> String {
    format!(
        "((2 * {dividend} + case when {dividend} < 0 then -{divisor} else {divisor} end) / (2 * {divisor}))"
    )
}

/// By age in days.
fn weights() -> String {
    let today = Day(0);
    let weights = (0..HORIZON_DAYS).map(|age| weight(Day(-age), today).to_string());
    format!("'{{{}}}'::bigint[]", weights.collect::<Vec<_>>().join(","))
}

fn lines(columns: &[Column], each: impl Fn(&Column) -> String) -> String {
    columns.iter().map(each).collect::<Vec<_>>().join(",\n  ")
}

/// The type of a column.
fn kind(column: &Column) -> &'static str {
    match column.value {
        Value::Instant(_) | Value::InstantOrNull(_) => "timestamptz",
        Value::Hundredths(_) => "numeric(5, 2)",
        Value::TenThousandths(_) | Value::TenThousandthsOrNull(_) => "numeric(5, 4)",
        Value::Text(_) | Value::TextOrNull(_) => "text",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) => "integer",
        Value::Bigint(_) => "bigint",
        Value::Bigints(_) | Value::Traits(_) => "bigint[]",
        Value::Instants(_) => "timestamptz[]",
    }
}

fn columns(columns: &[Column], separator: &str, each: impl Fn(&str) -> String) -> String {
    let each = columns.iter().map(|column| each(column.name));
    each.collect::<Vec<_>>().join(separator)
}

fn traits(each: impl Fn(usize, &str) -> String) -> String {
    let each = (1..)
        .zip(Traits::NAMES)
        .map(|(index, name)| each(index, name));
    each.collect::<Vec<_>>().join(", ")
}

/// The messages of some moods less those of others.
fn share(signal: &Signal) -> String {
    let total = |moods: &[Mood]| {
        let counts = moods
            .iter()
            .map(|mood| format!("moods[{}]", mood.index() + 1));
        counts.collect::<Vec<_>>().join(" + ")
    };
    match signal.down {
        [] => total(signal.up),
        down => format!("({}) - ({})", total(signal.up), total(down)),
    }
}

/// How a message is read: the person's correction comes before the engine's score.
fn read(what: &str, message: &str) -> Option<String> {
    Some(match what {
        "score" => format!(
            "(coalesce({message}.corrected_sentiment, {message}.sentiment_score) * 100)::bigint"
        ),
        "mood" => format!("coalesce({message}.corrected_mood, {message}.mood_detected)"),
        "counts" => format!("{message}.engine_version is not null and {message}.counts"),
        "says something" => format!(
            "{message}.engine_version is not null and ({message}.counts or {message}.support_level = 'crisis')"
        ),
        _ => return None,
    })
}

/// A list with an entry for each mood.
fn of_moods(word: &str) -> Option<String> {
    let list = |each: &dyn Fn(usize, &str) -> String| {
        let each = Mood::ALL.map(|mood| each(mood.index() + 1, mood.as_str()));
        each.join(", ")
    };
    let signed = |index| format!("coalesce(sum(c.sign) filter (where c.mood = {index}), 0)");
    Some(match word {
        "mood names" => format!("array[{}]", list(&|_, mood| format!("'{mood}'"))),
        "mood columns" => list(&|_, mood| mood.to_owned()),
        "bucket mood columns" => list(&|_, mood| format!("b.{mood}")),
        "bucket columns" => format!(
            "o.message_count, o.score_sum, o.score_sum_squares, {}",
            list(&|_, mood| format!("o.{mood}"))
        ),
        "each mood" => list(&|index, _| format!("moods[{index}]")),
        "each of the windows" => list(&|index, _| format!("p.window_moods[{index}]")),
        "each of the traits" => list(&|index, _| format!("p.trait_moods[{index}]")),
        "mood counts" => list(&|_, mood| format!("count(*) filter (where c.mood = '{mood}')")),
        "bucket moods" => {
            list(&|_, mood| format!("(count(*) filter (where c.mood = '{mood}'))::integer"))
        }
        "mood latest" => {
            list(&|_, mood| format!("max(c.created_at) filter (where c.mood = '{mood}')"))
        }
        "decayed messages" => {
            list(&|_, mood| format!("coalesce(sum(d.weight) filter (where d.mood = '{mood}'), 0)"))
        }
        "decayed buckets" => list(&|_, mood| format!("coalesce(sum(b.weight * b.{mood}), 0)")),
        "one mood" => list(&|index, _| format!("case when mood = {index} then 1 else 0 end")),
        "one mood more" => list(&|index, mood| {
            format!("{mood} = case when mood = {index} then b.{mood} + 1 else b.{mood} end")
        }),
        "moods more" => list(&|_, mood| format!("{mood} = b.{mood} + c.{mood}")),
        "changed moods" => list(&|_, mood| format!("c.{mood}")),
        "mood integers" => list(&|_, mood| format!("{mood} integer")),
        "changed buckets" => {
            let changes = Mood::ALL.map(|mood| format!("{} <> 0", signed(mood.index() + 1)));
            let moods = list(&|index, mood| format!("{} as {mood}", signed(index)));
            format!(
                "
    select c.bucket, sum(c.sign) as n, sum(c.sign * c.score) as total, sum(c.sign * c.score * c.score) as squares,
      {moods}
    from (
      select r.sign, r.score, r.mood, date_bin('15 minutes', r.at, '1900-01-01 00:00+00') as bucket
      from unnest(signs, ats, scores, moods) r (sign, at, score, mood)
      where r.score is not null
      offset 0
    ) c
    group by c.bucket
    having sum(c.sign) <> 0 or sum(c.sign * c.score) <> 0 or sum(c.sign * c.score * c.score) <> 0
      or {}
  ",
                changes.join(" or ")
            )
        }
        "changes" => "array_agg(c.sign) as signs, array_agg(c.id) as ids, \
             array_agg(c.created_at) as ats, array_agg(c.score) as scores,\n        \
             array_agg(c.mood) as moods, array_agg(c.crisis) as crises"
            .to_owned(),
        _ => return None,
    })
}
