//! A read-only map from hashes to rows of bytes, laid out so that a miss costs one or two
//! loads: entries sorted by hash, found through the high bits, told apart by the low 16.

/// A map whose key is a 32-bit hash and whose value is a row of `ROW` bytes.
///
/// Layout: `2^bits + 1` bucket offsets (u16), then one tag (u16) an entry, then one row
/// (`ROW` bytes) an entry; little-endian. At most 65,535 entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a, const ROW: usize> {
    shift: u32,
    offsets: &'a [[u8; 2]],
    tags: &'a [[u8; 2]],
    rows: &'a [[u8; ROW]],
}

impl<'a, const ROW: usize> Table<'a, ROW> {
    /// The table of `entries` entries at the front of `bytes`, and the bytes after it.
    pub(crate) const fn split_from(
        bytes: &'a [u8],
        bits: u32,
        entries: usize,
    ) -> Option<(Self, &'a [u8])> {
        if bits > 16 {
            return None;
        }
        let Some((offsets, bytes)) = bytes.split_at_checked(2 * ((1 << bits) + 1)) else {
            return None;
        };
        let Some((tags, bytes)) = bytes.split_at_checked(2 * entries) else {
            return None;
        };
        let Some((rows, bytes)) = bytes.split_at_checked(ROW * entries) else {
            return None;
        };
        let table = Self {
            shift: 32 - bits,
            offsets: offsets.as_chunks().0,
            tags: tags.as_chunks().0,
            rows: rows.as_chunks().0,
        };
        Some((table, bytes))
    }

    /// The row of `hash`, if it has one.
    #[inline]
    pub(crate) fn get(&self, hash: u32) -> Option<&'a [u8; ROW]> {
        let bucket = hash.checked_shr(self.shift).unwrap_or(0) as usize;
        let start = usize::from(u16::from_le_bytes(*self.offsets.get(bucket)?));
        let end = usize::from(u16::from_le_bytes(*self.offsets.get(bucket + 1)?));
        let tag = (hash as u16).to_le_bytes();
        let found = self.tags.get(start..end)?.iter().position(|&t| t == tag)?;
        self.rows.get(start + found)
    }
}
