//! Two outputs of one command, compared without what differs in every run.

/// Numbers before these words count what a clock or a machine decides.
const UNITS: [&str; 4] = ["ms", "s", "messages a second", "times"];

/// Numbers after these words are given out anew, or follow the day in which the messages lie.
const NAMES: [&str; 7] = [
    "port",
    "agreeableness",
    "confidence",
    "conscientiousness",
    "extraversion",
    "neuroticism",
    "openness",
];

/// Tables whose last column follows the moment: of the log of changes, and of a document's length.
const LAST_COLUMNS: [&str; 2] = ["changes logged", "bytes"];

/// What stands in place of what differs.
const MASK: &str = "·";

/// The first lines that differ: of the one shown, and of the one printed.
pub(super) fn difference(shown: &str, printed: &str) -> Option<(String, String)> {
    let (mut shown, mut printed) = (steady(shown).into_iter(), steady(printed).into_iter());
    loop {
        match (shown.next(), printed.next()) {
            (None, None) => return None,
            (left, right) if left == right => {}
            (left, right) => {
                let or_end = |line: Option<String>| line.unwrap_or_else(|| "(the end)".to_owned());
                return Some((or_end(left), or_end(right)));
            }
        }
    }
}

/// Whether a line only says that something is waited for.
pub(super) fn is_progress(line: &str) -> bool {
    line.trim_start().starts_with("… ")
}

/// The lines of an output, masked.
fn steady(output: &str) -> Vec<String> {
    let mut in_table = false;
    let mut lines = Vec::new();
    for line in output.trim().lines().filter(|line| !is_progress(line)) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if in_table && let Some(last) = words.last_mut() {
            *last = MASK;
        }
        in_table = !words.is_empty()
            && (in_table || LAST_COLUMNS.iter().any(|column| line.ends_with(column)));
        lines.push(masked(&words));
    }
    lines
}

fn masked(words: &[&str]) -> String {
    let mut masked = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        let after = words.get(index + 1..).unwrap_or_default().join(" ");
        let counts = is_number(word)
            && (before.is_some_and(|before| NAMES.contains(before))
                || UNITS.iter().any(|unit| begins_with_word(&after, unit)));
        let span = word.strip_suffix('s').is_some_and(is_number);
        if counts || span || is_version(word) {
            masked.push(MASK.to_owned());
        } else {
            masked.push(without_id(word));
        }
    }
    masked.join(" ")
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word)
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Digits with or without a point, whatever brackets and marks stand around them.
fn is_number(word: &str) -> bool {
    let bare = word.trim_matches(['(', ')', ',', '.', ';']);
    !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// An epoch and a position of the write-ahead log.
fn is_version(word: &str) -> bool {
    word.len() >= 16 && word.chars().all(|c| c.is_ascii_hexdigit())
}

/// A key of a user, whoever it is.
fn without_id(word: &str) -> String {
    match (word.find('{'), word.find('}')) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{MASK}{}", &word[..=begin], &word[end..])
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn what_a_clock_or_a_machine_decides_is_no_difference() {
        let same = [
            ("Redis on port 28300", "Redis on port 9"),
            (
                "✓ 1493 messages a second, scored",
                "✓ 2 messages a second, scored",
            ),
            (
                "20 messages, at most 28.5 ms",
                "20 messages, at most 6.0 ms",
            ),
            (
                "46 claims hold (7 s)\n",
                "  … waiting (10 s)\n46 claims hold (23 s)",
            ),
            (
                "key bytes\nchat:{3a6f}:50 Ada 292s 6b04299100000000019 9946",
                "key   bytes\nchat:{5ccd}:50  Ada  9s 6b081cd300000000018  9524",
            ),
            (
                "traits  confidence 0.9265 · openness 52.65",
                "traits confidence 1 · openness 50",
            ),
        ];
        for (shown, printed) in same {
            assert_eq!(difference(shown, printed), None);
        }
    }

    #[test]
    fn a_mood_a_claim_and_a_missing_line_are_differences() {
        let different = [
            (
                "mean 0.8196, deviation 0.1299",
                "mean 0.8070, deviation 0.1299",
            ),
            ("  joy   15 ████", "  joy   12 ████"),
            ("✓ nobody sees another's: 0\ndemo: ok", "demo: ok"),
            ("demo: ok", "demo: ok\nand more"),
            ("46 claims hold (7 s)", "47 claims hold (7 s)"),
            ("Ada 28 28 0.82 joy no 4", "Ada 28 28 0.82 joy no 5"),
        ];
        for (shown, printed) in different {
            assert!(difference(shown, printed).is_some(), "{shown}");
        }
    }
}
