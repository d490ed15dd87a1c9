//! Valence of the tokens in context: negation, degree, contrast, emphasis.
//!
//! After VADER (Hutto & Gilbert 2014), whose constants are kept in thousandths of its
//! valence scale.

use super::lexicon::Entry;
use super::plain::Named;
use super::tokens::Token;

/// What the lexicon's words add up to, in thousandths of VADER's scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Valence {
    /// Words and symbols, contrast weighed.
    pub(crate) whole: i64,
    /// What follows the last contrast or, without one, the last clause.
    pub(crate) end: i64,
    /// Emoji and emoticons alone.
    pub(crate) symbols: i64,
    /// Good words alone, and bad ones (negative).
    pub(crate) good: i64,
    pub(crate) bad: i64,
    /// Words that negation reaches, turned.
    pub(crate) negated: i64,
}

// VADER's constants, in thousandths.
const BOOST: i64 = 293;
const SHOUT: i64 = 733;
const NEGATED: i64 = -740;
/// "not bad" is weaker than "good".
const NEGATED_BAD: i64 = -400;
const EXCLAMATION: i64 = 292;
/// Percent that what stands before and after the last contrast counts.
const BEFORE_CONTRAST: i64 = 50;
const AFTER_CONTRAST: i64 = 150;
/// How many tokens degree reaches.
const REACH: usize = 3;

/// Reads the tokens once; the work for each is bounded.
pub(crate) fn read(tokens: &[Token], turn: Option<usize>) -> Valence {
    let last_clause = tokens
        .iter()
        .take(tokens.len().saturating_sub(1))
        .rposition(|token| token.ends_clause);
    let mut sum = Valence::default();
    let mut exclamations = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.entry.valence == 0 {
            exclamations += i64::from(token.is_exclamation());
            continue;
        }
        let own = in_context(tokens, at, token);
        let percent = match turn {
            Some(turn) if at < turn => BEFORE_CONTRAST,
            Some(_) => AFTER_CONTRAST,
            None => 100,
        };
        sum.whole += own * percent / 100;
        if turn.or(last_clause).is_none_or(|start| at > start) {
            sum.end += own;
        }
        if token.entry.is(Entry::SYMBOL) {
            sum.symbols += own;
        }
        if token.negated {
            sum.negated += own;
        }
        *(if own > 0 { &mut sum.good } else { &mut sum.bad }) += own;
    }
    sum.whole += EXCLAMATION * exclamations.min(4) * sum.whole.signum();
    sum
}

fn in_context(tokens: &[Token], at: usize, token: &Token) -> i64 {
    let mut valence = i64::from(token.entry.valence) * 100;
    let direction = valence.signum();
    if token.shouted {
        valence += SHOUT * direction;
    }
    for (distance, before) in (1..=REACH).zip(tokens.iter().take(at).rev()) {
        if before.ends_clause {
            break;
        }
        // Degree fades with distance: 1, .95, .9.
        let faded = BOOST * (105 - 5 * distance as i64) / 100;
        if before.entry.is(Entry::BOOSTS) {
            valence += faded * direction;
        } else if before.entry.is(Entry::DAMPENS) {
            valence -= faded * direction;
        }
    }
    match (token.negated, valence < 0) {
        (false, _) => valence,
        (true, true) => valence * NEGATED_BAD / 1_000,
        (true, false) => valence * NEGATED / 1_000,
    }
}

/// `valence / √(valence² + 15)` in thousandths, −1,000 to 1,000 (VADER's compound, α = 15).
pub(crate) fn compound(valence: i64) -> i64 {
    // Beyond this the quotient is 1,000.
    let valence = valence.clamp(-1_000_000, 1_000_000);
    1_000 * valence / (valence * valence + 15_000_000).isqrt()
}

/// VADER's numbers, for [`super::blueprint`].
pub(super) fn constants() -> [Named; 7] {
    [
        ("BOOST", BOOST),
        ("SHOUT", SHOUT),
        ("NEGATED", NEGATED),
        ("NEGATED_BAD", NEGATED_BAD),
        ("EXCLAIMED", EXCLAMATION),
        ("BEFORE_CONTRAST", BEFORE_CONTRAST),
        ("AFTER_CONTRAST", AFTER_CONTRAST),
    ]
}
