//! What the commands print.

use std::fmt::Write as _;

use serde::Serialize;

use super::judged::Kind;
use super::plan::Plan;
use super::state::Step;
use super::undo::Undone;
use super::verify::Comparison;

/// For programs.
pub(super) fn json(of: &impl Serialize) -> String {
    // Maps with string keys alone: there is nothing that JSON lacks.
    serde_json::to_string_pretty(of).unwrap_or_default()
}

/// A number as people read it: 20,000.
fn number(of: i64) -> String {
    let digits = of.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if of < 0 { format!("-{text}") } else { text }
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1_800) / 3_600),
    }
}

// Writing to a String cannot fail: `let _` below.

pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::from("What is there\n");
    let names = plan.objects.iter().map(|object| object.object.len());
    let width = names.max().unwrap_or_default().max(42);
    for object in &plan.objects {
        let rows = object.rows.map(number).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:<width$} {rows:>10}  {}",
            object.object, object.becomes
        );
    }
    text.push_str("\nWhat is imported\n");
    for kind in &plan.kinds {
        let _ = writeln!(text, "  {:<width$} {:>10}", kind.kind, number(kind.taken));
        for (reason, rows) in &kind.left {
            let reason = format!("  left: {reason}");
            let _ = writeln!(text, "  {reason:<width$} {:>10}", number(*rows));
        }
    }
    section(&mut text, "What is otherwise then", &plan.notes);
    section(&mut text, "What refers to what moves", &plan.mentions);
    if !plan.queries.is_empty() {
        text.push_str("\nWhat the app's queries become\n");
        for change in &plan.queries {
            let _ = writeln!(text, "  {}\n    → {}", change.before, change.after);
        }
    }
    if plan.refused.is_empty() {
        let _ = writeln!(
            text,
            "\nIt takes about {}. `sync-worker adopt apply` does it; nothing was changed so far.",
            duration(plan.seconds)
        );
    }
    text
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

pub(super) fn applied(steps: &[(Kind, Step)]) -> String {
    let mut text = String::from("What was imported                      rows         left\n");
    for (kind, step) in steps {
        let _ = writeln!(
            text,
            "  {:<24} {:>16} {:>12}",
            kind.name(),
            number(step.rows_taken),
            number(step.rows_of - step.rows_taken)
        );
    }
    text.push_str("`sync-worker adopt verify` compares, and names what was left and why; `adopt undo` puts everything back.\n");
    text
}

pub(super) fn comparison(comparison: &Comparison) -> String {
    let mut text =
        String::from("Rows                             before          now  people who differ\n");
    for kind in &comparison.kinds {
        let _ = writeln!(
            text,
            "  {:<22} {:>14} {:>12} {:>18}",
            kind.kind,
            number(kind.before),
            number(kind.now),
            kind.differing.len()
        );
        for person in &kind.differing {
            let _ = writeln!(
                text,
                "    {}: {} before, {} now",
                person.user_id,
                number(person.rows_before),
                number(person.rows_now)
            );
        }
    }
    if !comparison.left.is_empty() {
        let _ = writeln!(
            text,
            "\nLeft: {} rows",
            number(comparison.left.len() as i64)
        );
        for row in &comparison.left {
            let user = row
                .user_id
                .map_or_else(|| "nobody".to_owned(), |user| user.to_string());
            let key = row.key.as_deref().unwrap_or("without a key");
            let _ = writeln!(text, "  {} {key} of {user}: {}", row.source, row.reason);
        }
    }
    let _ = writeln!(
        text,
        "\nbondhu.verify(): {}",
        match comparison.miscounted {
            0 => "all sums are those of the messages".to_owned(),
            figures => format!("{figures} figures differ"),
        }
    );
    text
}

pub(super) fn undone(undone: &Undone) -> String {
    let mut text = format!(
        "{} tables and views are back. Messages written since: {}; changed or deleted since: {}\n",
        undone.objects, undone.written, undone.changed
    );
    for stays in &undone.stays {
        let _ = writeln!(text, "it stays: {stays}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{duration, number};

    #[test]
    fn numbers_and_durations_are_for_people() {
        assert_eq!(
            [0, 999, 1_000, 20_000, 1_234_567].map(number),
            ["0", "999", "1,000", "20,000", "1,234,567"]
        );
        assert_eq!([45, 600, 7_200].map(duration), ["45 s", "10 min", "2 h"]);
    }
}
