//! A map whose look-up has no loop: in each bucket of eight places a seed is known that sends the
//! bucket's tags to different places.

use anyhow::{Context, Result, bail};

use bondhu_core::score::blueprint::Map;

/// Places of a bucket.
pub(super) const LANES: usize = 8;

/// How many seeds are tried, and what spreads them over 31 bits.
const SEEDS: u32 = 1 << 20;
const SPREAD: u32 = 0x9e37_79b1;

/// Tag and row of a place, if it is taken.
pub(super) type Place = Option<(u16, Vec<u8>)>;

/// Where the entries of a map lie.
pub(super) struct Layout {
    /// Number of buckets.
    pub(super) buckets: usize,
    /// One for each bucket.
    pub(super) seeds: Vec<i32>,
    /// Eight for each bucket.
    pub(super) places: Vec<Place>,
}

/// Place of a tag within its bucket.
const fn lane(tag: u16, seed: i32) -> usize {
    ((tag as usize * seed as usize) >> 24) & (LANES - 1)
}

/// The place of a hash in SQL, from 1 on: `bucket` and `hash` are expressions, `seeds` a function.
pub(super) fn place_in_sql(bucket: &str, hash: &str, seeds: &str) -> String {
    format!(
        "(({bucket} << 3) + ((((({hash}) & 65535) * ({seeds}())[{bucket} + 1]) >> 24) & 7) + 1)"
    )
}

impl Layout {
    /// # Errors
    /// Two tags of a bucket cannot be told apart, or there are too many.
    pub(super) fn of(map: &Map) -> Result<Self> {
        let mut buckets: Vec<Vec<(u16, &[u8])>> = vec![Vec::new(); map.buckets];
        for (number, tag, row) in &map.rows {
            let bucket = buckets.get_mut(*number).context("a bucket that is none")?;
            // Of two with one tag the first is meant.
            if bucket.iter().all(|(other, _)| other != tag) {
                bucket.push((*tag, row));
            }
        }
        let mut layout = Self {
            buckets: map.buckets,
            seeds: Vec::with_capacity(map.buckets),
            places: vec![None; map.buckets * LANES],
        };
        for (number, bucket) in buckets.iter().enumerate() {
            let seed = seed_of(bucket.iter().map(|(tag, _)| *tag))
                .with_context(|| format!("no seed parts bucket {number}"))?;
            for (tag, row) in bucket {
                let place = number * LANES + lane(*tag, seed);
                let Some(place) = layout.places.get_mut(place) else {
                    bail!("a place that is none");
                };
                *place = Some((*tag, row.to_vec()));
            }
            layout.seeds.push(seed);
        }
        Ok(layout)
    }
}

fn seed_of(tags: impl Iterator<Item = u16> + Clone) -> Option<i32> {
    let seeds = (1..SEEDS).map(|number| (number.wrapping_mul(SPREAD) >> 1).cast_signed());
    let mut seeds = seeds;
    seeds.find(|&seed| {
        let mut taken = 0_u8;
        tags.clone().all(|tag| {
            let bit = 1 << lane(tag, seed);
            let is_free = taken & bit == 0;
            taken |= bit;
            is_free
        })
    })
}
