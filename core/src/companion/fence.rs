//! The fence around data in a prompt.
//!
//! Data is JSON in which `<` and `>` are written as escapes, between two tags: whatever a text holds, it is a
//! JSON string, and never a tag, a line of its own or an end of the fence.

use serde::Serialize;

/// What a fence begins with.
pub const OPEN: &str = "<data>";
/// What it ends with.
pub const CLOSE: &str = "</data>";

/// The value inside a fence, on one line.
///
/// # Errors
/// The value is no JSON, such as a map whose keys are no strings.
pub fn fenced(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    // Angle brackets, and what ends a line without being a control character, occur in strings alone.
    let escaped = json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
        .replace('\u{85}', "\\u0085");
    Ok(format!("{OPEN}\n{escaped}\n{CLOSE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_leaves_the_fence(text in "\\PC*|(</data>|<data>|\"|\\\\|\n|\r|[\u{2028}\u{85}]){0,20}") {
            let whole = fenced(&[&text])?;
            prop_assert_eq!(whole.matches(CLOSE).count(), 1);
            prop_assert_eq!(whole.matches(OPEN).count(), 1);
            prop_assert_eq!(whole.lines().count(), 3);
            let inside = whole.lines().nth(1).unwrap_or_default();
            let read: Vec<String> = serde_json::from_str(inside)?;
            prop_assert_eq!(&read[0], &text);
        }
    }
}
