//! The lines that the demo sends.

use std::path::Path;

use anyhow::{Context, Result, bail};
use bondhu_core::characters::{is_stray_control, is_visible};

/// Characters that `message_can_be_read` on `chat_messages` lets through.
const LONGEST: usize = 8_000;

/// And bytes.
const MOST_BYTES: usize = 24_000;

/// First cells that name a column instead of saying something.
const HEADERS: [&str; 5] = ["text", "message", "message_text", "sentence", "utterance"];

/// The first column of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// What can be stored.
    pub(super) fit: Vec<String>,
    /// Blank, over-long or with control characters: what the database has to refuse.
    pub(super) unfit: Vec<String>,
}

impl Lines {
    /// Reads UTF-8, tab-separated, with or without a header.
    ///
    /// # Errors
    /// The file cannot be read, is no text, or has nothing to say.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| {
            format!(
                "cannot read {}: give DATA a file of tab-separated values",
                path.display()
            )
        })?;
        let text = match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => text,
            _ => bail!(
                "{} is no text in UTF-8: give DATA a file of tab-separated values whose first column is text",
                path.display()
            ),
        };
        let lines = Self::parse(&text);
        if lines.fit.is_empty() {
            bail!(
                "{} holds no line that can be sent: each needs text before its first tab",
                path.display()
            );
        }
        Ok(lines)
    }

    fn parse(text: &str) -> Self {
        let mut lines = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, row) in text.lines().enumerate() {
            let cell = row.split('\t').next().unwrap_or_default();
            let header = number == 0 && HEADERS.contains(&cell.trim().to_lowercase().as_str());
            if header {
                continue;
            }
            if !may_be_sent(cell) {
                lines.unfit.push(cell.to_owned());
            } else {
                lines.fit.push(cell.to_owned());
            }
        }
        lines
    }
}

/// The rules of `chat_messages`.
fn may_be_sent(text: &str) -> bool {
    text.chars().any(is_visible)
        && !text.chars().any(is_stray_control)
        && text.chars().count() <= LONGEST
        && text.len() <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_column_is_read_and_a_header_is_not() {
        let lines = Lines::parse("\u{feff}text\tlabel\nI am glad.\tjoy\r\nNo label\n");
        assert_eq!(lines.fit, ["I am glad.", "No label"]);
        assert!(lines.unfit.is_empty());
    }

    #[test]
    fn a_first_line_that_says_something_is_no_header() {
        assert_eq!(Lines::parse("Hello\thi\n").fit, ["Hello"]);
    }

    #[test]
    fn blank_and_over_long_rows_are_kept_apart_for_the_database_to_refuse() {
        let lines = Lines::parse(&format!(
            "a\n\t\n   \n{}\n{}\n",
            "x".repeat(LONGEST + 1),
            "é".repeat(LONGEST)
        ));
        assert_eq!(lines.fit.len(), 2);
        assert_eq!(lines.unfit.len(), 3);
    }
}
