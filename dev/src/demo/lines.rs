//! The lines that the demo sends.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Limit of `message_is_at_most_8000_characters` on `chat_messages`.
const LONGEST: usize = 8_000;

/// First cells that name a column instead of saying something.
const HEADERS: [&str; 5] = ["text", "message", "message_text", "sentence", "utterance"];

/// The first column of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// What can be stored.
    pub(super) fit: Vec<String>,
    /// Blank or over-long: what the database has to refuse.
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
            if !cell.chars().any(shows) || cell.chars().count() > LONGEST {
                lines.unfit.push(cell.to_owned());
            } else {
                lines.fit.push(cell.to_owned());
            }
        }
        lines
    }
}

/// Whether a character can be seen, by the rule of `message_is_not_blank` on `chat_messages`.
fn shows(character: char) -> bool {
    !character.is_whitespace()
        && !matches!(
            character,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFA0}'
        )
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
