//! Assessments: questionnaires that a person answers about themselves, and the traits that come of it. Items
//! of the International Personality Item Pool, `data/assessment_*.txt`; answers run from 1, very inaccurate,
//! to 5, very accurate.
//!
//! A trait is the mean of its items' answers, reversed ones as 6 − answer, from 1..5 to 0..100. There are no
//! norms: the project that publishes the items advises against them (<https://ipip.ori.org/newNorms.htm>), so
//! that 50 is the middle of the scale and nobody's average.
//!
//! Rounding: traits and contradictions to hundredths of a point, half away from zero.

use crate::fixed::round_div;
use crate::traits::Traits;

/// A questionnaire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The Mini-IPIP, 20 items: quick, and not exact.
    Short,
    /// The IPIP-NEO-120.
    Long,
}

/// One statement of a questionnaire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `short_01`, `long_001`: the same in every language, and never another's.
    pub id: String,
    /// Place of its trait in [`Traits::NAMES`].
    pub of_trait: usize,
    /// Whether who agrees has less of the trait.
    pub is_reversed: bool,
    /// Its wording in each language that it has.
    pub texts: Vec<(Locale, &'static str)>,
}

/// A language of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locale {
    /// The wording that was published.
    English,
    /// A translation that nobody has validated.
    Bengali,
}

/// From 1, very inaccurate, to 5, very accurate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer(u8);

/// What answers come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// In hundredths of a point; none before every item is answered.
    pub traits: Option<Traits>,
    /// How many items are answered.
    pub answered: usize,
    /// The most items in a row, in their order, that have one and the same answer: whoever agrees or disagrees
    /// with everything has a long one. An item without an answer ends it.
    pub longest_run: usize,
    /// How far the items of a trait disagree: the distance between the mean of those that are not reversed and
    /// the mean of those that are, on the trait's scale of 0..100, in hundredths of a point. None where either
    /// has no answer. In the order of [`Traits::NAMES`].
    pub contradictions: [Option<i64>; 5],
}

/// Answers of one key, each as what it says for the trait.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    answers: i128,
    total: i128,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Short, Self::Long];

    /// Its name, as columns have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }

    /// Its items, in the order in which they are shown.
    #[must_use]
    pub fn items(self) -> Vec<Item> {
        let (text, digits) = match self {
            Self::Short => (include_str!("../data/assessment_short.txt"), 2),
            Self::Long => (include_str!("../data/assessment_long.txt"), 3),
        };
        let items = text.lines().filter_map(Item::read).zip(1..);
        items
            .map(|(item, place)| Item {
                id: format!("{}_{place:0digits$}", self.name()),
                ..item
            })
            .collect()
    }
}

impl Item {
    /// The item of a line of data, yet without its id; none of other lines.
    fn read(line: &'static str) -> Option<Self> {
        let (key, texts) = line.split_once('\t')?;
        let (letter, is_reversed) = match key.split_at_checked(1)? {
            (letter, "+") => (letter.to_lowercase(), false),
            (letter, "-") => (letter.to_lowercase(), true),
            _ => return None,
        };
        let mut names = Traits::NAMES.iter();
        Some(Self {
            id: String::new(),
            of_trait: names.position(|name| name.starts_with(&letter))?,
            is_reversed,
            texts: Locale::ALL.into_iter().zip(texts.split('\t')).collect(),
        })
    }
}

impl Locale {
    /// All of them, in the order of the data.
    pub const ALL: [Self; 2] = [Self::English, Self::Bengali];

    /// Its language tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Bengali => "bn",
        }
    }

    /// Whether the wording is the one that was studied.
    #[must_use]
    pub const fn is_validated(self) -> bool {
        match self {
            Self::English => true,
            Self::Bengali => false,
        }
    }
}

impl Answer {
    /// None unless it is 1 to 5.
    #[must_use]
    pub const fn new(answer: u8) -> Option<Self> {
        match answer {
            1..=5 => Some(Self(answer)),
            _ => None,
        }
    }
}

impl Sum {
    fn put(&mut self, answer: Answer, is_reversed: bool) {
        let answer = i128::from(answer.0);
        self.answers += 1;
        self.total += if is_reversed { 6 - answer } else { answer };
    }
}

impl Assessment {
    /// What these answers come to, which are in the order of the items.
    #[must_use]
    pub fn of(items: &[Item], answers: &[Option<Answer>]) -> Self {
        let mut sums = [[Sum::default(); 2]; 5];
        let (mut answered, mut run, mut longest_run) = (0, 0, 0);
        let mut last = None;
        for (item, answer) in items.iter().zip(answers) {
            run = match answer {
                Some(_) if *answer == last => run + 1,
                Some(_) => 1,
                None => 0,
            };
            longest_run = longest_run.max(run);
            last = *answer;
            if let Some(answer) = *answer {
                answered += 1;
                sums[item.of_trait][usize::from(item.is_reversed)].put(answer, item.is_reversed);
            }
        }
        let is_complete = answered == items.len() && !items.is_empty();
        Self {
            traits: is_complete.then(|| Traits::from_values(sums.map(value))),
            answered,
            longest_run,
            contradictions: sums.map(contradiction),
        }
    }
}

/// The mean of a trait's answers, from 1..5 to hundredths of 0..100.
fn value([straight, reversed]: [Sum; 2]) -> i64 {
    let answers = straight.answers + reversed.answers;
    let total = straight.total + reversed.total;
    round_div((total - answers) * 10_000, 4 * answers) as i64
}

fn contradiction([straight, reversed]: [Sum; 2]) -> Option<i64> {
    let apart = straight.total * reversed.answers - reversed.total * straight.answers;
    let scale = 4 * straight.answers * reversed.answers;
    (scale > 0).then(|| round_div(apart.abs() * 10_000, scale) as i64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::{Answer, Assessment, Form, Item, Locale};
    use crate::traits::Traits;

    fn answers(items: &[Item], of: impl Fn(&Item) -> u8) -> Vec<Option<Answer>> {
        items.iter().map(|item| Answer::new(of(item))).collect()
    }

    #[test]
    fn every_trait_has_as_many_items_and_both_keys() {
        for (form, each) in [(Form::Short, 4), (Form::Long, 24)] {
            let items = form.items();
            for of_trait in 0..Traits::NAMES.len() {
                let own = items.iter().filter(|item| item.of_trait == of_trait);
                let reversed = own.clone().filter(|item| item.is_reversed).count();
                assert_eq!(own.count(), each, "{form:?}, {}", Traits::NAMES[of_trait]);
                assert!(reversed > 0 && reversed < each);
            }
            let ids: BTreeSet<_> = items.iter().map(|item| &item.id).collect();
            assert_eq!(ids.len(), items.len());
        }
    }

    #[test]
    fn every_item_of_the_short_form_has_two_languages_and_of_the_long_form_english() {
        for (form, locales) in [
            (Form::Short, &Locale::ALL[..]),
            (Form::Long, &[Locale::English]),
        ] {
            for item in form.items() {
                let own: Vec<_> = item.texts.iter().map(|(locale, _)| *locale).collect();
                assert_eq!(own, locales, "{}", item.id);
                assert!(item.texts.iter().all(|(_, text)| !text.trim().is_empty()));
            }
        }
    }

    #[test]
    fn the_key_of_the_short_form_is_the_published_one() {
        let key: String = Form::Short
            .items()
            .iter()
            .map(|item| {
                let letter = &Traits::NAMES[item.of_trait][..1];
                if item.is_reversed {
                    letter.to_owned()
                } else {
                    letter.to_uppercase()
                }
            })
            .collect();
        assert_eq!(key, "EACNOeacnoEACNoeacno");
    }

    #[test]
    fn who_has_all_of_a_trait_gets_100_and_who_has_none_gets_0() {
        for form in Form::ALL {
            let items = form.items();
            for (towards, away, points) in [(5, 1, 10_000), (1, 5, 0), (3, 3, 5_000), (4, 2, 7_500)]
            {
                let given = answers(&items, |item| if item.is_reversed { away } else { towards });
                let found = Assessment::of(&items, &given);
                assert_eq!(found.traits.unwrap().values(), [points; 5]);
                assert_eq!(found.contradictions, [Some(0); 5]);
            }
        }
    }

    #[test]
    fn who_agrees_with_everything_contradicts_themselves() {
        let items = Form::Short.items();
        let found = Assessment::of(&items, &answers(&items, |_| 5));
        assert_eq!(found.longest_run, 20);
        assert_eq!(found.contradictions, [Some(10_000); 5]);
        // Openness has one item that is not reversed, and three that are.
        assert_eq!(
            found.traits.unwrap().values(),
            [2_500, 5_000, 5_000, 5_000, 5_000]
        );
    }

    #[test]
    fn a_missing_answer_ends_a_run_and_leaves_no_traits() {
        let items = Form::Short.items();
        let mut given = answers(&items, |_| 2);
        given[12] = None;
        let found = Assessment::of(&items, &given);
        assert_eq!(
            (found.traits, found.answered, found.longest_run),
            (None, 19, 12)
        );
        let nothing = Assessment::of(&items, &[]);
        assert_eq!(
            (
                nothing.answered,
                nothing.longest_run,
                nothing.contradictions
            ),
            (0, 0, [None; 5])
        );
    }

    #[test]
    fn figures_are_rounded_half_away_from_zero() {
        let items = Form::Long.items();
        let mut given = answers(&items, |_| 3);
        // One of 24 answers is one of 96 steps: 1.041666….
        let first = items
            .iter()
            .position(|item| item.of_trait == 0 && !item.is_reversed)
            .unwrap();
        given[first] = Answer::new(4);
        assert_eq!(
            Assessment::of(&items, &given).traits.unwrap().openness,
            5_104
        );
        // Of 12 a key: 1/48 of 100 is 2.0833….
        assert_eq!(Assessment::of(&items, &given).contradictions[0], Some(208));
    }

    #[test]
    fn an_answer_is_1_to_5() {
        let is_one = |answer| Answer::new(answer).is_some();
        assert_eq!([0, 1, 5, 6].map(is_one), [false, true, true, false]);
    }
}
