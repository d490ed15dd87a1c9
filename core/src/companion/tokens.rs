//! How many tokens a text is, roughly: what is counted in the end is what the provider says.

/// An estimate that is high rather than low. Tokenisers of language models take three to five Latin
/// letters a token, and for other scripts up to a token a character, for rare ones one a byte.
#[must_use]
pub fn estimated_tokens(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others: usize = text
        .chars()
        .filter(|c| !c.is_ascii())
        .map(|c| if (c as u32) < 0x1_0000 { 1 } else { 3 })
        .sum();
    ascii.div_ceil(3) + others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_grows_with_the_text_and_never_falls_short_of_a_third() {
        for (text, tokens) in [("", 0), ("abc", 1), ("abcd", 2), ("আমি", 3), ("🙂", 3)] {
            assert_eq!(estimated_tokens(text), tokens, "{text}");
        }
    }
}
