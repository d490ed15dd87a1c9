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
