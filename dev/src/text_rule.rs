//! The classes of characters in `sql/10_foundation/20_text.sql`, written out from `core`.

use bondhu_core::characters::{invisible, is_stray_control};

/// Characters of a line of SQL that a class may fill.
const WIDTH: usize = 100;

/// `source` with its classes written anew; nothing if it has no place for them.
#[must_use]
pub fn written_out(source: &str) -> Option<String> {
    let control = ('\0'..='\u{9f}').filter(|&c| is_stray_control(c));
    let source = filled(source, "('['\n", &class(joined(control)))?;
    filled(&source, "('[^'\n", &class(invisible()))
}

/// What stands between `opening` and the end of its bracket, replaced.
fn filled(source: &str, opening: &str, class: &str) -> Option<String> {
    const END: &str = "    ']')";
    let start = source.find(opening)? + opening.len();
    let end = start + source.get(start..)?.find(END)?;
    Some(format!(
        "{}{class}\n{}",
        source.get(..start)?,
        source.get(end..)?
    ))
}

/// Neighbours as ranges.
fn joined(chars: impl Iterator<Item = char>) -> impl Iterator<Item = (char, char)> {
    let mut ranges: Vec<(char, char)> = Vec::new();
    for c in chars {
        match ranges.last_mut() {
            Some((_, last)) if *last as u32 + 1 == c as u32 => *last = c,
            _ => ranges.push((c, c)),
        }
    }
    ranges.into_iter()
}

/// The ranges as the inside of a bracket expression, in literals of a line each. No text in
/// Postgres has a NUL.
fn class(ranges: impl Iterator<Item = (char, char)>) -> String {
    let mut lines = vec![String::new()];
    for (first, last) in ranges {
        let first = first.max('\u{1}');
        let range = if first == last {
            escape(first)
        } else {
            format!("{}-{}", escape(first), escape(last))
        };
        match lines.last_mut() {
            Some(line) if line.len() + range.len() <= WIDTH => *line += &range,
            _ => lines.push(range),
        }
    }
    let lines: Vec<_> = lines.iter().map(|line| format!("    '{line}'")).collect();
    lines.join("\n")
}

fn escape(c: char) -> String {
    match c as u32 {
        code @ ..=0xffff => format!("\\u{code:04X}"),
        code => format!("\\U{code:08X}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_classes_are_current() {
        let file = bondhu_stack::paths::checkout().join("sql/10_foundation/20_text.sql");
        let committed = std::fs::read_to_string(&file).unwrap();
        let current = super::written_out(&committed).unwrap();
        if std::env::var_os("TEXT_RULE").is_some() {
            return std::fs::write(file, current).unwrap();
        }
        assert!(
            committed == current,
            "run: TEXT_RULE=write cargo test -p bondhu-dev --lib text_rule"
        );
    }
}
