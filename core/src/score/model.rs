//! The trained model: one file with a lexicon, the weights of hashed features and the
//! figures that turn their sums into a score. Its maker is `model/`; one is compiled in.

use super::features;
use super::heads::HEADS;
use super::lexicon::Lexicon;
use super::sums::{Summing, Sums};
use super::table::Table;
use super::tokens::Tokens;

/// Version of the scorer. A change of any result for any text raises it.
pub const ENGINE_VERSION: i32 = 4;

/// The model that is compiled in.
pub static MODEL: Model<'static> = match Model::parse(&FILE.0) {
    Some(model) => model,
    None => panic!("core/data/scorer.bin is no model of this version"),
};

/// At the start of a cache line, so that no row lies across two.
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

/// Size of the compiled-in model.
pub const MODEL_BYTES: usize = include_bytes!("../../data/scorer.bin").len();

static FILE: Aligned<MODEL_BYTES> = Aligned(*include_bytes!("../../data/scorer.bin"));

/// First bytes of a model.
const MAGIC: &[u8; 8] = b"bondhu\0\x02";

/// Zeros between the figures and the tables.
const PADDING: usize = 40;

/// A model that was read.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    pub(crate) lexicon: Lexicon<'a>,
    pub(crate) weights: Table<'a, HEADS>,
    /// Value of one step of each head's weights, in 2⁻²⁰.
    pub(crate) scales: &'a [[u8; 4]],
    /// Logits of a message without features.
    pub(crate) biases: &'a [[u8; 4]],
    /// Checksum that the file states, and the bytes that it covers.
    checksum: (u64, &'a [u8]),
}

impl<'a> Model<'a> {
    /// Reads a model; nothing if `bytes` are no model of this version.
    #[must_use]
    pub const fn parse(bytes: &'a [u8]) -> Option<Self> {
        let Some((magic, bytes)) = bytes.split_first_chunk::<8>() else {
            return None;
        };
        if u64::from_le_bytes(*magic) != u64::from_le_bytes(*MAGIC) {
            return None;
        }
        let Some((checksum, covered)) = bytes.split_first_chunk::<8>() else {
            return None;
        };
        let Some((words, bytes)) = covered.split_first_chunk::<4>() else {
            return None;
        };
        let Some((features, bytes)) = bytes.split_first_chunk::<4>() else {
            return None;
        };
        let Some((numbers, bytes)) = bytes.split_at_checked(4 * 2 * HEADS) else {
            return None;
        };
        let (numbers, _) = numbers.as_chunks::<4>();
        let (scales, biases) = numbers.split_at(HEADS);
        // The tables start at a cache line.
        let Some((_, bytes)) = bytes.split_at_checked(PADDING) else {
            return None;
        };
        let Some((lexicon, bytes)) = Table::split_from(bytes, u32::from_le_bytes(*words) as usize)
        else {
            return None;
        };
        let Some((weights, rest)) =
            Table::split_from(bytes, u32::from_le_bytes(*features) as usize)
        else {
            return None;
        };
        if !rest.is_empty() {
            return None;
        }
        Some(Self {
            lexicon: Lexicon(lexicon),
            weights,
            scales,
            biases,
            checksum: (u64::from_le_bytes(*checksum), covered),
        })
    }

    /// Whether the file is as it was written: FNV-1a (64 bits) of what follows the checksum.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let (stated, covered) = self.checksum;
        let hash = covered.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        hash == stated
    }

    /// The summed weights of a message.
    pub(crate) fn sums(&self, tokens: &Tokens) -> Sums {
        let mut sums = Summing::new(self.weights);
        features::each(tokens, |feature, _| sums.add(feature));
        sums.finish()
    }

    /// A sum of weights as a logit: `sum` in steps of `head` × 2⁻²⁰.
    pub(crate) fn logit(&self, head: usize, sum: i64) -> i64 {
        let scale = self.scales.get(head).map_or(0, |&s| i32::from_le_bytes(s));
        ((sum >> 12) * i64::from(scale)) >> 16
    }

    /// The logits of a message from its summed weights.
    pub(crate) fn logits(&self, sums: &Sums) -> [i64; HEADS] {
        let mut logits = [0; HEADS];
        for (head, logit) in logits.iter_mut().enumerate() {
            let sum = sums
                .0
                .iter()
                .map(|(total, factor)| i64::from(total[head]) * factor)
                .sum();
            let bias = self.biases.get(head).map_or(0, |&b| i32::from_le_bytes(b));
            *logit = i64::from(bias) + self.logit(head, sum);
        }
        logits
    }
}
