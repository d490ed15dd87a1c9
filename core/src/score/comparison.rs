//! Negated comparatives: what "couldn't be worse" is as bad as can be, and who has "never
//! been happier" is happy. Negation would turn them.

use super::hash::WordHash;
use super::lexicon::{Entry, Lexicon};
use super::plain::{Named, WordSet};
use super::tokens::{Token, Tokens};

const fn word(text: &str) -> u32 {
    WordHash::of_ascii(text)
}

/// Hashes of the words, in a set.
macro_rules! words {
    ($($word:literal)*) => { &[$(word($word)),*] };
}

type Words = &'static [u32];

/// Comparatives that feel; "more sad" is one as well.
const COMPARATIVES: Words = words!(
    "better" "worse" "worser" "angrier" "bleaker" "braver" "brighter" "busier" "calmer" "closer" "colder"
    "cozier" "crazier" "crueler" "cuter" "darker" "deeper" "dumber" "easier" "emptier" "fonder" "freer"
    "friendlier" "funnier" "gladder" "gloomier" "greater" "grumpier" "happier" "harder" "healthier"
    "kinder" "lonelier" "lovelier" "lower" "luckier" "madder" "meaner" "merrier" "nastier" "nicer"
    "poorer" "prettier" "prouder" "ruder" "sadder" "safer" "scarier" "sicker" "sillier" "smarter"
    "sorrier" "stronger" "stupider" "surer" "sweeter" "tenser" "tougher" "uglier" "unhappier" "warmer"
    "weaker" "wearier" "weirder" "wiser"
);
const BETTER: Words = words!("better");
const WORSE: Words = words!("worse" "worser");
const MORE: Words = words!("more");
const LESS: Words = words!("less");
const THAN: Words = words!("than" "then");

const COULD_NOT: Words = words!("couldnt" "couldn" "cudnt");
const CAN_NOT: Words = words!("cant" "cannot");
const COULD: Words = words!("could" "cud");
const CAN: Words = words!("can");
const NOT: Words = words!("not" "never" "hardly" "scarcely" "barely");
const NEVER: Words = words!("never");
const NOBODY: Words = words!("nothing" "nobody" "noone");
const NO_ONE: [Words; 2] = [words!("no"), words!("one")];
const DOES_NOT: Words = words!("doesnt" "dont" "didnt" "not");
const THINK: Words = words!("think" "believe" "imagine" "see" "sure" "know");
const HAVE_NOT: Words = words!("havent" "hasnt" "hadnt");

const ADVERBS: Words = words!("possibly" "really" "honestly" "literally" "even" "ever" "one");
const DEGREES: Words = words!("any" "much" "even" "a" "an" "so" "lot" "far" "in");
const BE: Words = words!("be" "feel" "look");
const ASK: Words = words!("ask" "wish" "hope");
const AGREE: Words = words!("agree" "love" "adore" "admire" "appreciate" "thank" "hate" "miss");
const GET: Words = words!("get" "go" "become");
const HAVE: Words = words!("have" "of");
const IS: Words = words!("is" "are" "was" "feels" "beats" "gets");
const EVER: Words = words!(
    "been" "felt" "had" "seen" "met" "known" "looked" "heard" "read" "loved" "hated" "needed" "wanted" "missed"
);
const OFF: Words = words!("off");
const FOR: Words = words!("for");
const IN: Words = words!("in");

/// Bangla and Hindi: "er cheye kharap hote pare na", "isse bura nahi ho sakta".
const THAN_THIS: Words = words!("cheye" "cheyeo" "chaite" "isse" "usse" "isase");
const IS_ABLE: Words = words!("pare" "pari" "parbe" "sakta" "sakti" "sakte");
const HO_IS_ABLE: [Words; 2] = [words!("ho"), IS_ABLE];
const NO: Words = words!("na" "naa" "nahi" "nahin" "nhi" "nai");

/// Words between "couldn't have" and what is compared: "asked for a", "come at a".
const COUNTERFACTUAL: usize = 4;

/// Words that "I don't think" may put before "it could be worse".
const THOUGHT: usize = 4;

/// Words between "isse" and "nahi", or "cheye" and "na".
const CLAUSE: usize = 6;

/// What a negation of a comparative says, in words that the model knows.
const STRONGLY: &str = "so";
const AS_GOOD_AS_CAN_BE: &str = "happier";
const AS_BAD_AS_CAN_BE: &str = "bad";
const NOT_AT_ALL: &str = "not";

/// Writes "so" for each negation that only strengthens, and what is better, worse or less than
/// all as what it is.
pub(super) fn strengthen(tokens: &mut Tokens, lexicon: &Lexicon<'_>) {
    for at in 0..tokens.list().len() {
        let clause = Clause(tokens.list());
        if !clause.negates(at) {
            continue;
        }
        let compared = clause.compared(at);
        if compared.is_none() && !clause.compares_before(at) {
            continue;
        }
        if let Some(compared) = compared {
            let said = [
                (BETTER, AS_GOOD_AS_CAN_BE),
                (WORSE, AS_BAD_AS_CAN_BE),
                (LESS, NOT_AT_ALL),
            ];
            let said = said
                .into_iter()
                .find(|&(words, _)| clause.is(compared, words));
            if let Some((_, said)) = said {
                tokens.replace(compared, said, lexicon);
            }
        }
        tokens.replace(at, STRONGLY, lexicon);
    }
}

struct Clause<'t>(&'t [Token]);

impl Clause<'_> {
    fn is(&self, at: usize, words: &[u32]) -> bool {
        self.0
            .get(at)
            .is_some_and(|token| words.contains(&token.hash))
    }

    fn negates(&self, at: usize) -> bool {
        const NEGATES: u8 = Entry::NEGATES_NEXT | Entry::NEGATES_BEFORE;
        self.0.get(at).is_some_and(|token| token.entry.is(NEGATES))
    }

    fn ends(&self, at: usize) -> bool {
        self.0.get(at).is_none_or(|token| token.ends_clause)
    }

    /// Whether the tokens from `at` on are one of each set, within a clause.
    fn are(&self, at: usize, sets: &[Words]) -> bool {
        let within = (at..at + sets.len() - 1).all(|at| !self.ends(at));
        within && sets.iter().zip(at..).all(|(words, at)| self.is(at, words))
    }

    fn skip(&self, mut at: usize, words: &[u32]) -> usize {
        while self.is(at, words) && !self.ends(at) {
            at += 1;
        }
        at
    }

    /// Where the comparative stands that the negation at `at` makes a superlative.
    fn compared(&self, at: usize) -> Option<usize> {
        let token = self.0.get(at).filter(|token| !token.ends_clause)?;
        if !token.entry.is(Entry::NEGATES_NEXT) {
            return None;
        }
        let next = self.skip(at + 1, ADVERBS);
        let before = at.checked_sub(1).filter(|&before| !self.ends(before));
        let after = |words| before.is_some_and(|before| self.is(before, words));
        let not = self.is(at, NOT);
        if self.is(at, COULD_NOT) || not && after(COULD) {
            return self.not_able(next, true);
        }
        if self.is(at, CAN_NOT) || not && after(CAN) {
            return self.not_able(next, false);
        }
        if self.is(at, NOBODY) || self.are(at, &NO_ONE) {
            return self.nobody(next);
        }
        let unthinkable = self
            .is(at, DOES_NOT)
            .then(|| self.unthinkable(next))
            .flatten();
        unthinkable.or_else(|| self.never(at, next))
    }

    /// After "couldn't" or "can't".
    fn not_able(&self, at: usize, could: bool) -> Option<usize> {
        if could && self.is(at, HAVE) {
            let reach = at + 1..=at + 1 + COUNTERFACTUAL;
            return self.first(reach, |at| self.more_at_all(at));
        }
        let degree = at + 1;
        let compared = self.skip(degree, DEGREES);
        if self.is(at, GET) {
            // "I can't get better" is no praise.
            let stressed = compared > degree || self.is(compared, WORSE);
            return self.comparative(compared).filter(|_| stressed);
        }
        if self.ends(at) {
            return None;
        }
        if self.is(at, AGREE) || self.is(at, ASK) && self.is(degree, FOR) {
            let found = self.first(degree..=degree + 2, |at| self.more_at_all(at));
            return found.filter(|_| could);
        }
        if !self.is(at, BE) {
            return None;
        }
        self.comparative(compared).or_else(|| self.more(compared))
    }

    /// After "nothing": "could be worse", "is better than this", "better than this".
    fn nobody(&self, at: usize) -> Option<usize> {
        if self.is(at, COULD) || self.is(at, CAN) {
            return self.not_able(self.skip(at + 1, ADVERBS), self.is(at, COULD));
        }
        let compared = self.skip(self.skip(at, IS), DEGREES);
        let compared = self.comparative(compared).or_else(|| self.more(compared))?;
        let end = (compared + 1..=compared + 2).find(|&at| self.is(at, THAN));
        end.map(|_| compared)
    }

    /// After "don't": "think it could be worse"; "get better than this".
    fn unthinkable(&self, at: usize) -> Option<usize> {
        if self.is(at, GET) {
            let compared = self.skip(at + 1, DEGREES);
            return self
                .comparative(compared)
                .filter(|&at| self.is(at + 1, THAN));
        }
        if !self.is(at, THINK) || self.ends(at) {
            return None;
        }
        self.first(at + 1..=at + 1 + THOUGHT, |at| {
            let able = self.is(at, COULD) || self.is(at, CAN);
            able.then(|| self.not_able(self.skip(at + 1, ADVERBS), self.is(at, COULD)))?
        })
    }

    /// "never been", "never better", "haven't felt … in years".
    fn never(&self, at: usize, next: usize) -> Option<usize> {
        if self.is(at, NEVER) && self.ends(next) {
            return self.comparative(next);
        }
        if !self.is(next, EVER) || self.ends(next) {
            return None;
        }
        let compared = self.skip(next + 1, DEGREES);
        let compared = self.comparative(compared).or_else(|| self.more(compared));
        if self.is(at, NEVER) {
            let met = || self.first(next + 1..=next + 3, |at| self.comparative(at));
            return compared.or_else(met);
        }
        compared.filter(|&compared| self.is(at, HAVE_NOT) && self.are(compared + 1, &[IN]))
    }

    /// The first of the places for which `find` finds something, within the clause.
    fn first(
        &self,
        places: std::ops::RangeInclusive<usize>,
        find: impl Fn(usize) -> Option<usize>,
    ) -> Option<usize> {
        let start = *places.start();
        places
            .take_while(|&at| at == start || !self.ends(at - 1))
            .find_map(find)
    }

    /// A comparative; not "better off", nor "worse than this" of something before.
    fn comparative(&self, at: usize) -> Option<usize> {
        let off = !self.ends(at) && self.is(at + 1, OFF);
        (self.is(at, COMPARATIVES) && !off).then_some(at)
    }

    /// "more" or "less" of something.
    fn more(&self, at: usize) -> Option<usize> {
        let of_what = !self.ends(at) && !self.is(at + 1, THAN);
        ((self.is(at, MORE) || self.is(at, LESS)) && of_what).then_some(at)
    }

    /// A comparative, or "more" with nothing after it.
    fn more_at_all(&self, at: usize) -> Option<usize> {
        let more = self.is(at, MORE) && (self.ends(at) || !self.is(at + 1, THAN));
        self.comparative(at).or(more.then_some(at))
    }

    /// Whether the negation at `at` follows a comparison with this: "er cheye … pare na".
    fn compares_before(&self, at: usize) -> bool {
        let able = |at: usize| self.is(at, IS_ABLE);
        let bangla = || at > 0 && able(at - 1);
        let hindi = || !self.ends(at) && self.are(at + 1, &HO_IS_ABLE);
        if !self.is(at, NO) || !(bangla() || hindi()) {
            return false;
        }
        let places = (at.saturating_sub(CLAUSE)..at).rev();
        places
            .take_while(|&at| !self.ends(at))
            .any(|at| self.is(at, THAN_THIS))
    }
}

/// The sets of words, for [`super::blueprint`].
pub(super) fn word_sets() -> Vec<WordSet> {
    let sets = [
        ("COMPARATIVES", COMPARATIVES),
        ("BETTER", BETTER),
        ("WORSE", WORSE),
        ("MORE", MORE),
        ("LESS", LESS),
        ("THAN", THAN),
        ("COULD_NOT", COULD_NOT),
        ("CAN_NOT", CAN_NOT),
        ("COULD", COULD),
        ("CAN", CAN),
        ("NOT", NOT),
        ("NEVER", NEVER),
        ("NOBODY", NOBODY),
        ("DOES_NOT", DOES_NOT),
        ("THINK", THINK),
        ("HAVE_NOT", HAVE_NOT),
        ("ADVERBS", ADVERBS),
        ("DEGREES", DEGREES),
        ("BE", BE),
        ("ASK", ASK),
        ("AGREE", AGREE),
        ("GET", GET),
        ("HAVE", HAVE),
        ("IS", IS),
        ("EVER", EVER),
        ("OFF", OFF),
        ("FOR", FOR),
        ("IN", IN),
        ("THAN_THIS", THAN_THIS),
        ("IS_ABLE", IS_ABLE),
        ("NO", NO),
        ("NO_ONE", NO_ONE[0]),
        ("ONE", NO_ONE[1]),
        ("HO", HO_IS_ABLE[0]),
    ];
    sets.into_iter()
        .map(|(name, words)| (name, words.to_vec()))
        .collect()
}

/// The reaches, for [`super::blueprint`].
pub(super) fn constants() -> [Named; 3] {
    [
        ("COUNTERFACTUAL", COUNTERFACTUAL as i64),
        ("THOUGHT", THOUGHT as i64),
        ("CLAUSE", CLAUSE as i64),
    ]
}

/// The words that are read in place of a negated comparative, for [`super::blueprint`].
pub(super) const REPLACEMENTS: [&str; 4] =
    [STRONGLY, AS_GOOD_AS_CAN_BE, AS_BAD_AS_CAN_BE, NOT_AT_ALL];
