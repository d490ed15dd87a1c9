//! A read-only map from hashes to rows of bytes, laid out so that a look-up is one cache
//! line of tags and no loop that the processor has to guess the length of.

/// Entries that share a line of tags.
const LANES: usize = 8;

/// A map whose key is a 32-bit hash and whose value is a row of `ROW` bytes. A hash that
/// was not put in has a row of zeros or none.
///
/// Layout: for each bucket 8 tags (the low 16 bits of a hash, little-endian), then for each
/// bucket 8 rows. The bucket of a hash is `hash × buckets / 2³²`. Free places are zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a, const ROW: usize> {
    tags: &'a [[u8; 2 * LANES]],
    rows: &'a [[u8; ROW]],
}

impl<'a, const ROW: usize> Table<'a, ROW> {
    /// The table of `buckets` buckets at the front of `bytes`, and the bytes after it.
    pub(crate) const fn split_from(bytes: &'a [u8], buckets: usize) -> Option<(Self, &'a [u8])> {
        let Some((tags, bytes)) = bytes.split_at_checked(2 * LANES * buckets) else {
            return None;
        };
        let Some((rows, bytes)) = bytes.split_at_checked(ROW * LANES * buckets) else {
            return None;
        };
        let table = Self {
            tags: tags.as_chunks().0,
            rows: rows.as_chunks().0,
        };
        Some((table, bytes))
    }

    /// Number of buckets.
    pub(crate) const fn buckets(&self) -> usize {
        self.tags.len()
    }

    /// Bucket, tag and row of every place of which something is said, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, u16, &'a [u8; ROW])> {
        let tags = self.tags.as_flattened().as_chunks().0.iter();
        let places = tags
            .copied()
            .map(u16::from_le_bytes)
            .zip(self.rows)
            .enumerate();
        places
            .map(|(place, (tag, row))| (place / LANES, tag, row))
            .filter(|(_, _, row)| row.iter().any(|&byte| byte != 0))
    }

    /// The place of `hash` and whether it has one.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u32) -> (u32, bool) {
        let bucket = (u64::from(hash) * self.tags.len() as u64) >> 32;
        let Some(tags) = self.tags.get(bucket as usize) else {
            return (0, false);
        };
        // The lowest zero among eight 16-bit lanes, without a loop (Warren, Hacker's
        // Delight, 6-1): lanes above the first may be wrong, and are not looked at.
        let lanes = u128::from_le_bytes(*tags) ^ (u128::from(hash as u16) * ONES);
        let zeros = lanes.wrapping_sub(ONES) & !lanes & (ONES << 15);
        let lane = zeros.trailing_zeros() / 16;
        (bucket as u32 * LANES as u32 + lane, zeros != 0)
    }

    /// The row at a place.
    #[inline(always)]
    pub(crate) fn at(&self, place: u32) -> Option<&'a [u8; ROW]> {
        self.rows.get(place as usize)
    }

    /// The row of `hash`, if it has one.
    #[inline]
    pub(crate) fn get(&self, hash: u32) -> Option<&'a [u8; ROW]> {
        match self.find(hash) {
            (place, true) => self.at(place),
            _ => None,
        }
    }
}

const ONES: u128 = 0x0001_0001_0001_0001_0001_0001_0001_0001;
