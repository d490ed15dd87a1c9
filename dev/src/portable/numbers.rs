//! What the names in templates stand for: numbers, and arithmetic on 64 bits without a sign in
//! `bigint`s, which have one.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use bondhu_core::mood::Mood;
use bondhu_core::score::{WHOLE, blueprint};

use super::characters;
use super::patterns::{self, Vocabulary};
use super::seeded::{Layout, place_in_sql};
use super::tables::{self, suffix};

/// Flags of a token beside the roles of its word.
const IS_WORD: i64 = 1 << 7;
const SHOUTED: i64 = 1 << 8;
const ENDS: i64 = 1 << 9;
const IS_NEGATED: i64 = 1 << 10;

/// The numbers.
pub(super) struct Numbers {
    named: BTreeMap<String, String>,
    v: String,
    lexicon_buckets: usize,
    weight_buckets: usize,
    pair: Halves,
    fold: Halves,
    word_prime: u64,
}

/// A factor of 64 bits, its high half less 2³², so that no product overflows.
struct Halves {
    low: i64,
    high: i64,
}

impl Halves {
    fn of(factor: u64) -> Result<Self> {
        let (low, high) = ((factor & MASK) as i64, (factor >> 32) as i64 - (1 << 32));
        ensure!(
            low < 1 << 31 && high >= -(1 << 31),
            "products with {factor:#x} do not fit a bigint"
        );
        Ok(Self { low, high })
    }
}

const MASK: u64 = u32::MAX as u64;

impl Numbers {
    pub(super) fn of(
        version: i32,
        words: &Vocabulary<'_>,
        lexicon: &Layout,
        weights: &Layout,
    ) -> Result<Self> {
        let constants: BTreeMap<_, _> = blueprint::constants().into_iter().collect();
        let constant = |name: &str| {
            constants
                .get(name)
                .copied()
                .with_context(|| name.to_owned())
        };
        let wide = |name: &str| constant(name).map(i64::cast_unsigned);
        let empty = wide("WORD_EMPTY")?;
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        let mut name = |name: &str, value: String| {
            let before = named.insert(name.to_owned(), value);
            ensure!(before.is_none(), "{name} has two meanings");
            Ok(())
        };
        for (constant, value) in &constants {
            name(constant, value.to_string())?;
        }
        let mut compares = 0;
        for (bit, (set, _)) in blueprint::comparison_words().into_iter().enumerate() {
            name(set, (1_i64 << bit).to_string())?;
            if ["COMPARATIVES", "MORE", "LESS", "THAN_THIS"].contains(&set) {
                compares |= 1_i64 << bit;
            }
        }
        let pasts = usize::try_from(constant("PASTS")?)?;
        let support = blueprint::support_words();
        for (bit, (set, _)) in support.iter().enumerate() {
            if !set.starts_with("PAST") {
                name(set, (1_i64 << bit).to_string())?;
            }
        }
        let replacements = blueprint::replacements().map(blueprint::word_hash);
        let quoted = |all: &mut dyn Iterator<Item = &str>| {
            let all: Vec<_> = all.map(|word| format!("'{word}'")).collect();
            all.join(", ")
        };
        let list = |all: &mut dyn Iterator<Item = u64>| {
            let all: Vec<_> = all.map(|number| number.to_string()).collect();
            all.join(", ")
        };
        for (of, value) in [
            ("V", suffix(version)),
            ("COMPARES", compares.to_string()),
            ("PAST_SHIFT", (support.len() - 2 * pasts).to_string()),
            ("PAST_NEXT_SHIFT", (support.len() - pasts).to_string()),
            ("PAST_BITS", ((1 << pasts) - 1).to_string()),
            ("WORD_EMPTY_LOW", format!("{}", empty & MASK)),
            ("WORD_EMPTY_HIGH", format!("{}", empty >> 32)),
            (
                "REPLACEMENT_WORDS",
                quoted(&mut blueprint::replacements().into_iter()),
            ),
            (
                "REPLACEMENT_HASHES",
                list(&mut replacements.iter().map(|&hash| u64::from(hash))),
            ),
            (
                "REPLACEMENT_IDS",
                list(&mut replacements.iter().map(|&hash| words.number(hash) as u64)),
            ),
            (
                "MOODS",
                quoted(&mut Mood::ALL.iter().map(|mood| mood.as_str())),
            ),
            ("WHOLE_PART", WHOLE.to_owned()),
            ("PATTERNS", words.patterns().to_string()),
            ("UNPACKED", unpacked()),
            ("MOOD_OUTPUTS", mood_outputs()),
        ] {
            name(of, value)?;
        }
        for (of, value) in blueprint::roles() {
            name(of, value.to_string())?;
        }
        for (of, value) in [
            ("NEGATES", 3),
            ("IS_WORD", IS_WORD),
            ("SHOUTED", SHOUTED),
            ("ENDS", ENDS),
            ("IS_NEGATED", IS_NEGATED),
            ("IS_RARE", patterns::IS_RARE),
            ("UNKNOWN", i64::from(tables::UNKNOWN)),
            ("LANES", 0x00ff_00ff_00ff_00ff),
            ("ELEMENT_END", i64::from(patterns::ELEMENT_END)),
            ("ELEMENT_OPTIONAL", i64::from(patterns::ELEMENT_OPTIONAL)),
            ("ELEMENT_GAP", i64::from(patterns::ELEMENT_GAP)),
            ("ALPHANUMERIC", i64::from(characters::ALPHANUMERIC)),
            ("ALPHABETIC", i64::from(characters::ALPHABETIC)),
            ("UPPERCASE", i64::from(characters::UPPERCASE)),
            ("LOWERCASE", i64::from(characters::LOWERCASE)),
            ("WHITESPACE", i64::from(characters::WHITESPACE)),
        ] {
            name(of, value.to_string())?;
        }
        let word_prime = wide("WORD_PRIME")?;
        ensure!(
            word_prime >> 31 == 1 << 9,
            "the prime is not 2⁴⁰ and a little"
        );
        Ok(Self {
            named,
            v: suffix(version),
            lexicon_buckets: lexicon.buckets,
            weight_buckets: weights.buckets,
            pair: Halves::of(wide("PAIR_FACTOR")?)?,
            fold: Halves::of(wide("FOLD_FACTOR")?)?,
            word_prime,
        })
    }

    fn number(&self, name: &str) -> Result<&str> {
        self.named
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("{name} is unknown"))
    }

    fn wide(&self, name: &str) -> Result<u64> {
        Ok(self.number(name)?.parse::<i64>()?.cast_unsigned())
    }

    /// What `name` with `rest` behind it stands for.
    pub(super) fn meaning(&self, name: &str, rest: &str) -> Result<String> {
        if rest.is_empty() && name != "WORD_HASH" {
            return self.number(name).map(str::to_owned);
        }
        let split = || rest.rsplit_once(' ').context("two arguments");
        let v = &self.v;
        Ok(match name {
            "HIDE" => {
                let (function, arguments) = rest.split_once(' ').unwrap_or((rest, ""));
                format!(
                    "revoke all on function bondhu_portable.{function}_{v}({arguments}) from public, anon, authenticated, service_role;"
                )
            }
            "CODE" => format!("(case when plain then get_byte(bytes, {rest}) else codes[{rest} + 1] end)"),
            "NATURE" => format!(
                "get_byte(bondhu_portable.natures_{v}(), (get_byte(bondhu_portable.nature_pages_{v}(), {rest} >> 8) << 8) | ({rest} & 255))"
            ),
            "HASH" => blueprint::word_hash(rest).to_string(),
            "WORD_OF" => format!("lo := {{{{WORD_EMPTY_LOW}}}}; hi := {{{{WORD_EMPTY_HIGH}}}};\n{{{{WORD_PUSH {rest}}}}}"),
            "WORD_PUSH" => {
                let small = self.word_prime & MASK;
                format!(
                    "t := (lo # {rest}) * {small}; hi := (hi * {small} + (t >> 32) + ((lo # {rest}) << 8)) & {MASK}; lo := t & {MASK};"
                )
            }
            "WORD_HASH" => self.folded("(lo # hi)", "hi"),
            "SEED" => {
                let seed = self.wide(rest)?;
                ensure!(seed <= MASK, "{rest} has more than 32 bits");
                format!("{seed}::bigint")
            }
            // The hash of a seed and of one of 32 bits.
            "MIX" => {
                let (first, second) = rest.split_once(' ').context("two arguments")?;
                let product = self.wide(first)?.wrapping_mul(self.pair_factor());
                let (low, high) = (product & MASK, product >> 32);
                ensure!(high < MASK, "a carry that does not fit");
                let high = format!("({high} + ({low} + {second} >> 32))");
                self.folded(&format!("({low} + {second} & {MASK} # {high})"), &high)
            }
            // The hash of two of 32 bits, `first` and `second` of a row, on its way to "MIXED".
            "MIXING" => {
                let (low, high) = (self.pair.low, self.pair.high);
                let product = format!("{rest}.first * {low} + {rest}.second");
                format!("{product} & {MASK} as low, ({product} >> 32) + {rest}.first * ({high}) & {MASK} as high")
            }
            "MIXED" => self.folded(&format!("({rest}.low # {rest}.high)"), &format!("{rest}.high")),
            // Sixteenths that a token counts for, from bit 32 on.
            "EMPHASIS" => format!(
                "(case when turn = 0 or {rest} = turn then 16 when {rest} < turn then 8 else 24 end::bigint << 32)"
            ),
            "GRAM_PUSH" => {
                let (gram, letter) = rest.rsplit_once(" chars").context("two arguments")?;
                format!("((({gram} # chars{letter}) * {{{{GRAM_PRIME}}}}) & {MASK})")
            }
            "LEXICON" => {
                let bucket = format!("(({rest} * {}) >> 32)", self.lexicon_buckets);
                let place = place_in_sql(&bucket, rest, &format!("bondhu_portable.lexicon_seeds_{v}"));
                format!("(bondhu_portable.lexicon_cells_{v}())[{place}]")
            }
            "LEXICON_KNOWS" => {
                let (cell, word) = split()?;
                format!("{cell} >> 16 = ({word} & 65535) - 32768 and {cell} & 65535 <> {{{{UNKNOWN}}}}")
            }
            "VOCABULARY" => {
                let place = place_in_sql(&format!("({rest} >> 22)"), rest, &format!("bondhu_portable.vocabulary_seeds_{v}"));
                format!("(bondhu_portable.vocabulary_{v}())[{place}]")
            }
            "WEIGHT_PLACE" => {
                let bucket = format!("(({rest} * {}) >> 32)", self.weight_buckets);
                place_in_sql(&bucket, rest, &format!("bondhu_portable.weight_seeds_{v}"))
            }
            "IS" => {
                let (at, set) = split()?;
                format!("(sets[{at}] & {{{{{set}}}}} <> 0)")
            }
            "ENDED" => format!("(marks[{rest}] & {{{{ENDS}}}} <> 0)"),
            "PASS" => {
                let (at, set) = split()?;
                format!("while {{{{IS {at} {set}}}}} and not {{{{ENDED {at}}}}} loop\n    {at} := {at} + 1;\n  end loop;")
            }
            "COMPARATIVE" => format!("({{{{IS {rest} COMPARATIVES}}}} and ({{{{ENDED {rest}}}}} or not {{{{IS {rest} + 1 OFF}}}}))"),
            "MORE_OF" => format!(
                "(({{{{IS {rest} MORE}}}} or {{{{IS {rest} LESS}}}}) and not {{{{ENDED {rest}}}}} and not {{{{IS {rest} + 1 THAN}}}})"
            ),
            "MORE_AT_ALL" => format!(
                "({{{{COMPARATIVE {rest}}}}} or {{{{IS {rest} MORE}}}} and ({{{{ENDED {rest}}}}} or not {{{{IS {rest} + 1 THAN}}}}))"
            ),
            // What the weights of each group of features are multiplied with, in 2⁻¹⁶.
            "FACTORS" => {
                let (words, grams) = split()?;
                let of = |count: &str| format!("{{{{ISQRT 4294967296 / greatest({count}, 1)}}}}");
                format!("array[{}, {}, 65536]", of(words), of(grams))
            }
            "ISQRT" => format!("floor(sqrt(({rest})::double precision))::integer"),
            "ADDED" => format!(
                "(((((((case when {rest} <= 8 then low else high end >> (({rest} - 1) % 8 * 8)) & 255) - 128)
        * ((feature >> 32) & 31) * factors.list[((feature >> 37) & 7) + 1]) << 8 >> 12) * factors.heads[{rest}]) >> 16)"
            ),
            _ => bail!("{name} is unknown"),
        })
    }

    fn pair_factor(&self) -> u64 {
        ((self.pair.high + (1 << 32)).cast_unsigned() << 32) | self.pair.low.cast_unsigned()
    }

    /// The end of a hash: `mixed` is its low half with its high one, `high`, upon it.
    fn folded(&self, mixed: &str, high: &str) -> String {
        let Halves { low, high: top } = self.fold;
        format!("((({mixed} * {low}) >> 32) + {mixed} * ({top}) + {high} * {low}) & {MASK}")
    }
}

/// The outputs that stand for moods.
fn mood_outputs() -> String {
    let outputs = (4..4 + Mood::ALL.len()).map(|head| format!("outputs[{head}]"));
    outputs.collect::<Vec<_>>().join(", ")
}

/// The sums with what has come together in the lanes.
fn unpacked() -> String {
    let sums = (0..16).map(|head: usize| {
        let lanes = ["a", "b", "c", "d"]
            .get(head / 8 * 2 + head % 2)
            .unwrap_or(&"a");
        let shift = head % 8 / 2 * 16;
        format!(
            "\n          sums[{}] + ((lanes.{lanes} >> {shift} & 65535) - 128 * lanes.budget) * factor",
            head + 1
        )
    });
    sums.collect::<Vec<_>>().join(",")
}
