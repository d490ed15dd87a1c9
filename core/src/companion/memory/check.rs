//! What of a model's answer is kept.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::{CATEGORIES, Line, MOST_FOUND, Memory, MemoryTask};
use crate::characters::{is_stray_control, is_visible};
use crate::companion::fault_of_reply;
use crate::score::{Patterns, SupportLevel, score, with_words};

const TEXT: &str = include_str!("../../../data/memories.txt");

/// The longest memory, in characters: `memory_text_is_a_sentence`.
const MAX_CHARS: usize = 300;
/// In bytes of UTF-8.
const MAX_BYTES: usize = 1_200;
/// What is less sure than this, in hundredths, is not kept.
const SURE_FROM: i64 = 50;
/// So many digits in a row open something, or reach somebody.
const MOST_DIGITS: usize = 8;
/// What no sentence about a person holds.
const MARKUP: &[&str] = &[
    "<", ">", "{", "}", "[", "]", "|", "\\", "`", ";", "--", "##", "%0", "%3", "://", "www.", "@",
];

/// A memory as a model found it.
#[derive(Clone, Debug, Deserialize)]
struct Found {
    memory_text: String,
    category: String,
    confidence: f64,
    #[serde(default)]
    holds_from: Option<String>,
    #[serde(default)]
    holds_until: Option<String>,
    #[serde(default)]
    replaces: Option<usize>,
    messages: Vec<usize>,
}

/// Why a text is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFault {
    /// Nothing that can be seen, or more than a sentence.
    Length,
    /// It speaks to its reader, of how that works, or holds markup or an address.
    Instruction,
    /// It opens something, or reaches somebody.
    Secret,
    /// It speaks of harming oneself.
    Harm,
}

impl MemoryFault {
    fn of_pattern(kind: &str) -> Option<Self> {
        match kind {
            "instruction" => Some(Self::Instruction),
            "secret" => Some(Self::Secret),
            "harm" => Some(Self::Harm),
            _ => None,
        }
    }
}

static PATTERNS: LazyLock<Patterns<Option<MemoryFault>>> =
    LazyLock::new(|| Patterns::read(TEXT, MemoryFault::of_pattern));

/// What is kept of an answer: at most [`MOST_FOUND`], each with evidence, none twice. What has a fault, is not sure
/// or not of the shape is left out; of an answer that is cut the memories before the cut are kept.
pub(super) fn checked(task: &MemoryTask, answer: &str) -> Vec<Memory> {
    let mut kept: Vec<Memory> = Vec::new();
    for memory in listed(answer).filter_map(|found| memory(task, &found)) {
        let is_new = kept.iter().all(|other| {
            other.memory_text != memory.memory_text
                && (memory.replaces.is_none() || other.replaces != memory.replaces)
        });
        if is_new && kept.len() < MOST_FOUND {
            kept.push(memory);
        }
    }
    kept
}

/// The elements of the list `memories` that are whole, whatever stands around it: some models write Markdown.
fn listed(answer: &str) -> impl Iterator<Item = Found> {
    let list = answer
        .split_once("\"memories\"")
        .map_or("", |(_, list)| list);
    let mut rest = list
        .trim_start()
        .strip_prefix(':')
        .map_or("", str::trim_start);
    let mut mark = '[';
    std::iter::from_fn(move || {
        let element = rest.strip_prefix(mark)?;
        mark = ',';
        let mut values = serde_json::Deserializer::from_str(element).into_iter::<Value>();
        let value = values.next()?.ok()?;
        rest = element.get(values.byte_offset()..)?.trim_start();
        Some(serde_json::from_value(value).ok())
    })
    .flatten()
}

fn memory(task: &MemoryTask, found: &Found) -> Option<Memory> {
    let memory_text = one_line(&found.memory_text);
    let confidence = hundredths(found.confidence)?;
    if confidence < SURE_FROM || fault_of(&memory_text).is_some() {
        return None;
    }
    let category = CATEGORIES
        .into_iter()
        .find(|known| *known == found.category)?;
    let (holds_from, holds_until) = (
        day(found.holds_from.as_deref())?,
        day(found.holds_until.as_deref())?,
    );
    if let (Some(from), Some(until)) = (&holds_from, &holds_until)
        && from > until
    {
        return None;
    }
    let replaces = match found.replaces {
        Some(number) => Some(task.memories.get(number.checked_sub(1)?)?.id.clone()),
        None => None,
    };
    let lines: Vec<&Line> = task.asked_about().collect();
    let said_by: BTreeSet<usize> = found.messages.iter().copied().collect();
    let message_ids: Vec<String> = said_by
        .into_iter()
        .filter_map(|number| Some(lines.get(number.checked_sub(1)?)?.id.clone()))
        .collect();
    if message_ids.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "0 to 100")]
    let confidence = confidence as f64 / 100.0;
    Some(Memory {
        memory_text,
        category,
        confidence,
        holds_from,
        holds_until,
        replaces,
        message_ids,
    })
}

/// What keeps a text from being a memory, if anything does.
#[must_use]
pub fn fault_of(text: &str) -> Option<MemoryFault> {
    let characters = text.chars().count();
    if !text.chars().any(is_visible) || characters > MAX_CHARS || text.len() > MAX_BYTES {
        return Some(MemoryFault::Length);
    }
    let lower = text.to_lowercase();
    let names_a_role = ["system", "assistant", "developer", "user"]
        .iter()
        .any(|role| lower.contains(&format!("{role}:")));
    let has_markup = MARKUP.iter().any(|mark| text.contains(mark));
    if has_markup || text.starts_with('#') || names_a_role {
        return Some(MemoryFault::Instruction);
    }
    if longest_number(text) >= MOST_DIGITS {
        return Some(MemoryFault::Secret);
    }
    if fault_of_reply(text).is_some() || score(text).support == SupportLevel::Crisis {
        return Some(MemoryFault::Harm);
    }
    with_words(text, |words| {
        let mut fault = None;
        for start in 0..words.len() {
            PATTERNS.at(words, start, |_, meaning| fault = fault.or(meaning));
        }
        fault
    })
}

/// White space as single spaces, without control characters.
fn one_line(text: &str) -> String {
    let readable: String = text.chars().filter(|&c| !is_stray_control(c)).collect();
    readable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Digits in a row, with what is written between those of one number; years count for nothing.
fn longest_number(text: &str) -> usize {
    let latin: String = text.chars().map(latin_digit).collect();
    let joins = |c: char| matches!(c, ' ' | '-' | '.' | ',' | '/' | '(' | ')' | '+');
    latin
        .split(|c: char| !c.is_numeric() && !joins(c))
        .map(|number| {
            let groups = number.split(joins).filter(|group| !is_year(group));
            groups.map(|group| group.chars().count()).sum::<usize>()
        })
        .max()
        .unwrap_or_default()
}

fn is_year(group: &str) -> bool {
    group.len() == 4 && group.parse().is_ok_and(|year| (1900..2200).contains(&year))
}

/// A Bengali or Devanagari digit as a Latin one; every other character as it is.
fn latin_digit(character: char) -> char {
    let value = match character {
        '\u{9E6}'..='\u{9EF}' => character as u32 - 0x9E6,
        '\u{966}'..='\u{96F}' => character as u32 - 0x966,
        _ => return character,
    };
    char::from_digit(value, 10).unwrap_or(character)
}

/// From 0 to 100; `None` for what is no share.
fn hundredths(share: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
    (0.0..=1.0)
        .contains(&share)
        .then(|| (share * 100.0).round() as i64)
}

/// A day such as `2026-12-31` within the table's reach (`memory_days_are_ordered`), if there is one; `None` for what is
/// no day.
#[expect(
    clippy::option_option,
    reason = "whether it is fine, and whether there is one"
)]
fn day(text: Option<&str>) -> Option<Option<String>> {
    let Some(text) = text else {
        return Some(None);
    };
    let mut parts = text.split('-').map(|part| {
        let is_plain = part.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| part.parse::<u32>().ok()).flatten()
    });
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let is_day = text.len() == 10
        && parts.next().is_none()
        && (1900..2200).contains(&year)
        && (1..=days).contains(&day);
    is_day.then(|| Some(text.to_owned()))
}
