//! What the tokeniser asks of characters, as tables of pages.

use anyhow::{Result, ensure};

use bondhu_core::characters;
use bondhu_core::score::blueprint;

use super::tables::{Table, Values};

// Beside the class in the lowest three bits.
pub(super) const ALPHANUMERIC: u8 = 1 << 3;
pub(super) const ALPHABETIC: u8 = 1 << 4;
pub(super) const UPPERCASE: u8 = 1 << 5;
pub(super) const LOWERCASE: u8 = 1 << 6;
pub(super) const WHITESPACE: u8 = 1 << 7;

const PAGES: u32 = 0x1100;

/// Whether a character is still there when a text was folded.
fn stays(c: char) -> bool {
    characters::fold(c).is_none() && !('\u{ac00}'..='\u{d7a3}').contains(&c)
}

fn nature(code: u32) -> u8 {
    let Some(c) = char::from_u32(code) else {
        return 0;
    };
    let traits = [
        (c.is_alphanumeric(), ALPHANUMERIC),
        (c.is_alphabetic(), ALPHABETIC),
        (c.is_uppercase(), UPPERCASE),
        (c.is_lowercase(), LOWERCASE),
        (c.is_whitespace(), WHITESPACE),
    ];
    let traits = traits.iter().filter(|(is, _)| *is);
    traits.fold(blueprint::class_of(c), |nature, (_, bit)| nature | bit)
}

/// What is added to a character that is no ASCII for its lower case.
fn lowered(code: u32) -> i32 {
    let c = char::from_u32(code).filter(|&c| c > '\x7f' && stays(c));
    let lower = c.and_then(|c| c.to_lowercase().next());
    lower.map_or(0, |lower| lower as i32 - code.cast_signed())
}

/// For each 256 characters the number of their page, and the pages; 0 is one without anything if
/// `sparse`, and not kept.
fn pages<T: Copy + Default + PartialEq>(
    value: impl Fn(u32) -> T,
    sparse: bool,
) -> Result<(Vec<u8>, Vec<T>)> {
    let mut kept: Vec<Vec<T>> = Vec::new();
    let mut numbers = Vec::new();
    for page in 0..PAGES {
        let page: Vec<T> = (0..0x100).map(|c| value(page << 8 | c)).collect();
        if sparse && page.iter().all(|cell| *cell == T::default()) {
            numbers.push(0);
            continue;
        }
        let number = kept.iter().position(|other| *other == page);
        let number = number.unwrap_or_else(|| {
            kept.push(page);
            kept.len() - 1
        });
        numbers.push(u8::try_from(number)? + u8::from(sparse));
    }
    ensure!(kept.len() < 0x100, "more pages than a byte can number");
    Ok((numbers, kept.concat()))
}

/// # Errors
/// A character is folded or lowered in a way that the templates cannot follow.
pub(super) fn tables() -> Result<Vec<Table>> {
    for c in ('\0'..=char::MAX).filter(|&c| stays(c)) {
        ensure!(
            c.to_lowercase().count() == 1,
            "{c:?} has several letters in lower case"
        );
    }
    let (nature_pages, natures) = pages(nature, false)?;
    let (lower_pages, lowers) = pages(lowered, true)?;

    let (mut starts, mut pool) = (vec![1], Vec::new());
    let mut cells = vec![0_i16; 0x11_0000];
    for (number, (first, last, read)) in (1_i16..).zip(characters::folds()) {
        ensure!(number < i16::MAX, "more folds than 15 bits can number");
        for code in u32::from(first)..=u32::from(last) {
            if let Some(cell) = cells.get_mut(code as usize) {
                *cell = number;
            }
        }
        ensure!(
            read.iter().all(|&c| stays(c)),
            "{first:?} is read as what is read as something else"
        );
        pool.extend(read.iter().map(|&c| c as i32));
        starts.push(pool.len() as i32 + 1);
    }
    let cell = |code: u32| cells.get(code as usize).copied().unwrap_or(0);
    let (fold_pages, folds) = pages(cell, true)?;

    Ok(vec![
        Table::new("nature_pages", Values::Bytes(nature_pages)),
        Table::new("natures", Values::Bytes(natures)),
        Table::new("lower_pages", Values::Bytes(lower_pages)),
        Table::new("lower_cells", Values::Whole(lowers)),
        Table::new("fold_pages", Values::Bytes(fold_pages)),
        Table::new("fold_cells", Values::Small(folds)),
        Table::new("fold_starts", Values::Whole(starts)),
        Table::new("fold_pool", Values::Whole(pool)),
    ])
}
