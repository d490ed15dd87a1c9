//! The words that comparisons and the support detector ask for, numbered, and the detector's
//! patterns in those numbers.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use bondhu_core::score::blueprint::{self, Element, Map, Pattern, WordSet};

use super::seeded::{Layout, Place};
use super::tables::{Table, Values, seeds};

/// Buckets of the look-up: as many as 10 bits number.
const BUCKETS: usize = 1 << 10;

/// The commonest words of comments, the commonest first: they tell little.
const COMMON: &str = "\
    the i a to and you is it of that this in for my on its have be but not are so was just \
    with your me im like if at dont all they get what can he when an about no one think do \
    love really out how too as his would more from good up youre thats has we who or know \
    well her now much people thanks had thank because by been why some got than she even \
    then only bad were there them man make see will other still didnt him go being going did \
    time someone could cant hope right never great actually ive their something wrong also \
    hes sure sorry want here those oh";

/// Beside the bits of the sets for comparisons: some pattern cannot do without the word.
pub(super) const IS_RARE: i64 = 1 << 60;

pub(super) const ELEMENT_END: i32 = 1;
pub(super) const ELEMENT_OPTIONAL: i32 = 2;
pub(super) const ELEMENT_GAP: i32 = 4;

/// The words by number; 0 is none of them.
pub(super) struct Vocabulary<'p> {
    numbers: BTreeMap<u32, usize>,
    patterns: &'p [Pattern],
}

impl<'p> Vocabulary<'p> {
    pub(super) fn of(patterns: &'p [Pattern]) -> Result<Self> {
        let sets = [blueprint::comparison_words(), blueprint::support_words()].concat();
        let mut words: BTreeSet<u32> = sets.into_iter().flat_map(|(_, words)| words).collect();
        words.extend(blueprint::replacements().map(blueprint::word_hash));
        for pattern in patterns {
            words.extend(&pattern.firsts);
            words.extend(pattern.rest.iter().flat_map(|element| &element.words));
        }
        ensure!(words.len() < 4096, "more words than 12 bits can number");
        let numbers = words.into_iter().zip(1..).collect();
        Ok(Self { numbers, patterns })
    }

    /// How many numbers there are.
    fn len(&self) -> usize {
        self.numbers.len() + 1
    }

    /// How many patterns there are.
    pub(super) const fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Number of a word.
    pub(super) fn number(&self, hash: u32) -> usize {
        self.numbers.get(&hash).copied().unwrap_or(0)
    }

    pub(super) fn tables(&self) -> Result<Vec<Table>> {
        let mut tables = Vec::from(self.look_up()?);
        let rare = self.rare();
        let firsts: Vec<_> = self
            .patterns
            .iter()
            .map(|pattern| pattern.firsts.clone())
            .collect();
        let mut sets = self.bits(&blueprint::comparison_words());
        for &word in rare.iter().flatten() {
            if let Some(set) = sets.get_mut(self.number(word)) {
                *set |= IS_RARE;
            }
        }
        let support_sets = self.bits(&blueprint::support_words());
        let support_sets = support_sets.iter().skip(1).map(|&set| set as i32).collect();
        tables.push(Table::new("word_sets", Values::Big(sets.split_off(1))));
        tables.push(Table::new("support_sets", Values::Whole(support_sets)));
        tables.extend(self.by_word(["rare_starts", "rare_patterns"], &rare));
        tables.extend(self.by_word(["first_starts", "first_patterns"], &firsts));
        tables.extend(self.elements()?);
        Ok(tables)
    }

    /// Hash and number of a word, in a place that its hash gives.
    fn look_up(&self) -> Result<[Table; 2]> {
        let rows = self.numbers.iter().map(|(&hash, &number)| {
            let entry = (i64::from(hash) << 12) | number as i64;
            (
                (hash >> 22) as usize,
                hash as u16,
                entry.to_be_bytes().to_vec(),
            )
        });
        let layout = Layout::of(&Map {
            buckets: BUCKETS,
            rows: rows.collect(),
        })?;
        let cell = |place: &Place| {
            let row = place.as_ref().and_then(|(_, row)| row.first_chunk());
            row.map_or(-1, |row| i64::from_be_bytes(*row))
        };
        let cells = layout.places.iter().map(cell).collect();
        Ok([
            Table::new("vocabulary", Values::Big(cells)),
            Table::new("vocabulary_seeds", seeds(&layout)),
        ])
    }

    /// For each number the sets that the word is in, as bits.
    fn bits(&self, sets: &[WordSet]) -> Vec<i64> {
        let mut bits = vec![0; self.len()];
        for (bit, (_, words)) in sets.iter().enumerate() {
            for &word in words {
                if let Some(bits) = bits.get_mut(self.number(word)) {
                    *bits |= 1 << bit;
                }
            }
        }
        bits
    }

    /// For each number but 0 where its patterns start, from 1 on, and the patterns of all.
    fn by_word(&self, names: [&'static str; 2], words: &[Vec<u32>]) -> [Table; 2] {
        let mut lists: Vec<Vec<i16>> = vec![Vec::new(); self.len()];
        for (words, pattern) in words.iter().zip(1..) {
            let numbers: BTreeSet<usize> = words.iter().map(|&word| self.number(word)).collect();
            for number in numbers {
                if let Some(list) = lists.get_mut(number) {
                    list.push(pattern);
                }
            }
        }
        let mut start = 1;
        let mut starts = Vec::new();
        for list in lists.iter().skip(1) {
            starts.push(start);
            start += list.len() as i16;
        }
        starts.push(start);
        let patterns = lists.split_off(1).concat();
        [
            Table::new(names[0], Values::Small(starts)),
            Table::new(names[1], Values::Small(patterns)),
        ]
    }

    /// For each pattern the words of an element that it cannot do without: of the one whose words
    /// are the least common, judged by a list and by how often the patterns themselves ask for them.
    fn rare(&self) -> Vec<Vec<u32>> {
        let needed = |element: &&Element| !(element.gap || element.end || element.optional);
        let asked = |pattern: &Pattern| {
            let rest = pattern.rest.iter().filter(needed);
            let rest = rest.map(|element| element.words.clone());
            std::iter::once(pattern.firsts.clone())
                .chain(rest)
                .collect::<Vec<_>>()
        };
        let mut uses: BTreeMap<u32, usize> = BTreeMap::new();
        for word in self.patterns.iter().flat_map(asked).flatten() {
            *uses.entry(word).or_default() += 1;
        }
        let most = |words: &Vec<u32>| {
            words
                .iter()
                .filter_map(|word| uses.get(word))
                .max()
                .copied()
        };
        let common = COMMON.split(' ').rev().map(blueprint::word_hash);
        let common: BTreeMap<u32, usize> = common.zip(1..).collect();
        let commonness = |words: &Vec<u32>| {
            let of_the_list = words.iter().filter_map(|word| common.get(word));
            (of_the_list.max().copied(), most(words))
        };
        let rarest = |pattern: &Pattern| {
            asked(pattern)
                .into_iter()
                .min_by_key(commonness)
                .unwrap_or_default()
        };
        self.patterns.iter().map(rarest).collect()
    }

    /// The elements of all patterns one after the other: flags, then the number of its words' set.
    fn elements(&self) -> Result<[Table; 5]> {
        let (mut starts, mut elements, mut abouts) = (vec![1], Vec::new(), Vec::new());
        let mut sets: Vec<BTreeSet<usize>> = Vec::new();
        for pattern in self.patterns {
            for element in &pattern.rest {
                let words = element.words.iter().map(|&word| self.number(word));
                let words: BTreeSet<usize> = words.collect();
                let set = sets
                    .iter()
                    .position(|set| *set == words)
                    .unwrap_or_else(|| {
                        sets.push(words);
                        sets.len() - 1
                    });
                let flags = [
                    (element.end, ELEMENT_END),
                    (element.optional, ELEMENT_OPTIONAL),
                    (element.gap, ELEMENT_GAP),
                ];
                let flags = flags.iter().filter(|(is, _)| *is);
                elements.push(flags.fold((set as i32 + 1) << 3, |all, (_, flag)| all | flag));
            }
            let next = i16::try_from(elements.len() + 1);
            starts.push(next.context("more elements than 15 bits can number")?);
            abouts.push(i16::from(pattern.about));
        }
        let mut set_starts = vec![1];
        let mut set_words = Vec::new();
        for words in sets {
            set_words.extend(words.into_iter().map(|word| word as i16));
            set_starts.push(
                i16::try_from(set_words.len() + 1)
                    .context("more words of sets than 15 bits can number")?,
            );
        }
        Ok([
            Table::new("pattern_starts", Values::Small(starts)),
            Table::new("elements", Values::Whole(elements)),
            Table::new("set_starts", Values::Small(set_starts)),
            Table::new("set_words", Values::Small(set_words)),
            Table::new("abouts", Values::Small(abouts)),
        ])
    }
}
