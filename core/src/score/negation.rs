//! Which tokens negation reaches.

use super::lexicon::Entry;
use super::plain::Named;
use super::tokens::Token;

/// Tokens after a negator that it reaches, unless the clause ends before.
const REACH: usize = 5;

/// Tokens before a negator that follows what it negates (Bangla, Hindi).
const REACH_BACK: usize = 3;

/// Marks the tokens that an odd number of negations reaches.
pub(crate) fn mark(tokens: &mut [Token]) {
    for at in 0..tokens.len() {
        let Some(&Token { entry, .. }) = tokens.get(at) else {
            return;
        };
        if entry.is(Entry::NEGATES_NEXT) {
            let ends = tokens.get(at).is_some_and(|token| token.ends_clause);
            let scope = tokens
                .iter_mut()
                .skip(at + 1)
                .take(if ends { 0 } else { REACH });
            for token in scope {
                if token.entry.is(Entry::CONTRASTS) {
                    break;
                }
                token.negated = !token.negated;
                if token.ends_clause {
                    break;
                }
            }
        }
        if entry.is(Entry::NEGATES_BEFORE) {
            let scope = tokens.iter_mut().take(at).rev().take(REACH_BACK);
            for token in scope {
                if token.ends_clause || token.entry.is(Entry::CONTRASTS) {
                    break;
                }
                token.negated = !token.negated;
            }
        }
    }
}

/// How far negation reaches, for [`super::blueprint`].
pub(super) const fn constants() -> [Named; 2] {
    [
        ("REACH_AFTER", REACH as i64),
        ("REACH_BEFORE", REACH_BACK as i64),
    ]
}
