//! What an import prints.

use std::fmt::Write as _;

use super::message::History;
use super::store::Stored;

/// What was read, and what became of it. Writing to a String cannot fail.
pub(super) fn table(history: &History, stored: &Stored) -> String {
    let mut text = String::new();
    for (what, rows) in [
        ("read", history.read()),
        ("imported", stored.taken),
        ("already there", stored.known),
        ("sessions made", stored.sessions),
    ] {
        let _ = writeln!(text, "{what:<40} {rows:>10}");
    }
    let to_come = history.messages.len() as u64 - stored.taken - stored.known;
    if to_come > 0 {
        let _ = writeln!(text, "{:<40} {to_come:>10}", "still to come");
    }
    for (reason, (rows, places)) in &history.left {
        let what = format!("left: {reason}");
        let more = if *rows > places.len() as u64 {
            ", …"
        } else {
            ""
        };
        let _ = writeln!(text, "{what:<40} {rows:>10}  {}{more}", places.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use uuid::Uuid;

    use super::super::lines;
    use super::super::message::History;
    use super::super::store::Stored;
    use super::table;

    #[test]
    fn what_is_left_is_named_with_its_first_places() {
        let mut history = History::new(Uuid::from_u128(1), Utc::now());
        let line = r#"{"text":"hi","sender":"user","at":"2024-05-01T06:00:00Z"}"#;
        let file = format!("{line}\n{line}\n{line}\n{}", "?\n".repeat(8));
        lines::read(file.as_bytes(), &mut history);
        let stored = Stored {
            taken: 1,
            known: 1,
            ..Stored::default()
        };
        let table = table(&history, &stored);
        let rows: Vec<Vec<&str>> = (table.lines())
            .map(|row| {
                row.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            rows,
            [
                vec!["read", "11"],
                vec!["imported", "1"],
                vec!["already there", "1"],
                vec!["sessions made", "0"],
                vec!["still to come", "1"],
                vec![
                    "left: no message as JSON",
                    "8",
                    "line 4, line 5, line 6, line 7, line 8, …"
                ],
            ]
        );
    }
}
