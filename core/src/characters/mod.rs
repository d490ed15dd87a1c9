//! What a character is read as, whatever way it was encoded: one table for every engine.
//!
//! [`fold`] says it of a single character: a compatibility form (𝐚, ａ, ⓐ) is the characters
//! that it stands for, a composed letter is its parts, and what is not seen or only dresses a
//! letter (soft hyphen, variation selectors, accents) is nothing. Accents go, so that no order
//! of them matters and `café` is one word however it was typed. Two things no table of single
//! characters can say are in [`FoldBuffer`]: Hangul, which is arithmetic, and the few Bengali and
//! Devanagari signs that stay and may come in two orders or two parts.

pub(crate) mod folded;
#[rustfmt::skip]
mod table;

pub use folded::FoldBuffer;
pub use table::UNICODE_VERSION;

use table::{FOLDS, INVISIBLE};

/// Ranges of characters and what each character of them is read as, in order; what is in none
/// is read as it is.
pub fn folds() -> impl Iterator<Item = (char, char, &'static [char])> {
    FOLDS.iter().copied()
}

/// Ranges of characters that show nothing: white space, controls, fillers, default-ignorable
/// code points, assigned or not.
pub fn invisible() -> impl Iterator<Item = (char, char)> {
    INVISIBLE.iter().copied()
}

/// Whether a person sees something of `c` alone.
#[must_use]
pub fn is_visible(c: char) -> bool {
    let after = INVISIBLE.partition_point(|&(first, _)| first <= c);
    after
        .checked_sub(1)
        .and_then(|at| INVISIBLE.get(at))
        .is_none_or(|&(_, last)| last < c)
}

/// Whether `c` is a control character that has no place in a text: any but tab, line feed and
/// carriage return.
#[must_use]
pub const fn is_stray_control(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}') && !matches!(c, '\t' | '\n' | '\r')
}

/// What `c` is read as: nothing if it is read as it is.
#[inline]
#[must_use]
pub fn fold(c: char) -> Option<&'static [char]> {
    let page = PAGES.get(c as usize >> 8).copied().unwrap_or(0);
    let cell = CELLS.get(usize::from(page))?[c as usize & 0xff];
    let (start, end) = *SPANS.get(usize::from(cell.checked_sub(1)?))?;
    POOL.get(usize::from(start)..usize::from(end))
}

/// Page of [`CELLS`] for each 256 characters; page 0 changes none.
static PAGES: [u8; 0x1100] = pages().0;

/// For each character of a page one more than its place in [`FOLDS`], or 0.
static CELLS: [[u16; 0x100]; pages().1] = cells();

/// What each entry of [`FOLDS`] stands for: a span of [`POOL`].
static SPANS: [(u16, u16); FOLDS.len()] = spans();

static POOL: [char; spans_end()] = pool();

const fn pages() -> ([u8; 0x1100], usize) {
    let mut pages = [0; 0x1100];
    let (mut used, mut at) = (1, 0);
    while at < FOLDS.len() {
        let (first, last, _) = FOLDS[at];
        let mut page = first as usize >> 8;
        while page <= last as usize >> 8 {
            if pages[page] == 0 {
                pages[page] = used as u8;
                used += 1;
            }
            page += 1;
        }
        at += 1;
    }
    assert!(used <= 0x100);
    (pages, used)
}

const fn cells() -> [[u16; 0x100]; pages().1] {
    let mut cells = [[0; 0x100]; pages().1];
    let pages = pages().0;
    let mut at = 0;
    while at < FOLDS.len() {
        let (first, last, _) = FOLDS[at];
        let mut c = first as usize;
        while c <= last as usize {
            cells[pages[c >> 8] as usize][c & 0xff] = at as u16 + 1;
            c += 1;
        }
        at += 1;
    }
    cells
}

const fn spans_end() -> usize {
    let (mut end, mut at) = (0, 0);
    while at < FOLDS.len() {
        end += FOLDS[at].2.len();
        at += 1;
    }
    assert!(end <= 0xffff && FOLDS.len() < 0xffff);
    end
}

const fn spans() -> [(u16, u16); FOLDS.len()] {
    let mut spans = [(0, 0); FOLDS.len()];
    let (mut start, mut at) = (0, 0);
    while at < FOLDS.len() {
        let end = start + FOLDS[at].2.len() as u16;
        spans[at] = (start, end);
        (start, at) = (end, at + 1);
    }
    spans
}

const fn pool() -> [char; spans_end()] {
    let mut pool = ['\0'; spans_end()];
    let (mut used, mut at) = (0, 0);
    while at < FOLDS.len() {
        let mut rest = FOLDS[at].2;
        while let [first, after @ ..] = rest {
            pool[used] = *first;
            (used, rest) = (used + 1, after);
        }
        at += 1;
    }
    pool
}
