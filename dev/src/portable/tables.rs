//! Tables of numbers, as bytes in SQL and as arrays in the database.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use bondhu_core::score::blueprint;

use super::seeded::{Layout, Place};

/// What ends the name of every function of this version, so that a session keeps what it has
/// planned with while another version is put beside it.
pub(super) fn suffix(version: i32) -> String {
    format!("v{version}")
}

/// Numbers of one width.
pub(super) enum Values {
    Bytes(Vec<u8>),
    Small(Vec<i16>),
    Whole(Vec<i32>),
    Big(Vec<i64>),
}

/// A table that functions look numbers up in.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) values: Values,
}

/// Bytes of a piece, which is a statement.
const PIECE: usize = 45_000;

/// Characters of a line.
const LINE: usize = 1_000;

/// Zeros in a row that are written as an expression.
const ZEROS: usize = 64;

impl Table {
    pub(super) const fn new(name: &'static str, values: Values) -> Self {
        Self { name, values }
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.values {
            Values::Bytes(values) => values.clone(),
            Values::Small(values) => values
                .iter()
                .flat_map(|value| value.to_be_bytes())
                .collect(),
            Values::Whole(values) => values
                .iter()
                .flat_map(|value| value.to_be_bytes())
                .collect(),
            Values::Big(values) => values
                .iter()
                .flat_map(|value| value.to_be_bytes())
                .collect(),
        }
    }

    /// Type, column and bytes of a number.
    const fn shape(&self) -> (&'static str, &'static str, u8) {
        match self.values {
            Values::Bytes(_) => ("bytea", "bytes", 1),
            Values::Small(_) => ("smallint[]", "small", 2),
            Values::Whole(_) => ("integer[]", "whole", 4),
            Values::Big(_) => ("bigint[]", "big", 8),
        }
    }

    /// The function that a plan holds the table by, with what it returns.
    pub(super) fn signature(&self, version: i32) -> String {
        let (name, v, (kind, _, _)) = (self.name, suffix(version), self.shape());
        format!("bondhu_portable.{name}_{v}() returns {kind}")
    }

    fn accessor(&self, version: i32) -> String {
        let (name, signature, v) = (self.name, self.signature(version), suffix(version));
        let (kind, column, _) = self.shape();
        format!(
            "
create function {signature}
language sql immutable parallel safe security definer
set search_path = pg_catalog, pg_temp
as 'select coalesce((select t.{column} from bondhu_portable.tables t where t.version = {version} and t.name = ''{name}''),
  bondhu_portable.unseen_{v}()::{kind})';
"
        )
    }

    /// Its bytes as statements.
    pub(super) fn pieces(&self) -> String {
        let (bytes, (_, _, width)) = (self.bytes(), self.shape());
        let start = piece_start(self.name);
        let mut text = String::new();
        for (number, piece) in bytes.chunks(PIECE).enumerate() {
            let _ = writeln!(text, "{start}{width}, {number}, {});", in_sql(piece));
        }
        text
    }
}

/// How a statement begins that brings bytes of a table.
fn piece_start(name: &str) -> String {
    format!("insert into bondhu_portable.pieces (name, width, number, bytes) values ('{name}', ")
}

/// What a migration has for [`Table::pieces`] of the table of that name.
pub(super) fn pieces_in(migration: &str, name: &str) -> String {
    let start = piece_start(name);
    let starts = migration.match_indices(&start);
    let pieces = starts.filter_map(|(at, _)| migration[at..].split_inclusive(";\n").next());
    pieces.collect()
}

/// The functions that read the tables.
pub(super) fn accessors(all: &[Table], version: i32) -> String {
    let mut text: String = all.iter().map(|table| table.accessor(version)).collect();
    let v = suffix(version);
    let functions = all
        .iter()
        .map(|table| format!("bondhu_portable.{}_{v}()", table.name));
    let _ = writeln!(
        text,
        "\nrevoke all on function\n  {}\n  from public, anon, authenticated, service_role;",
        functions.collect::<Vec<_>>().join(",\n  ")
    );
    text
}

/// Bytes as an expression. Pages of characters are mostly zeros, which need not be written out.
fn in_sql(bytes: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut written = 0;
    let mut at = 0;
    while at < bytes.len() {
        let zeros = bytes[at..].iter().take_while(|byte| **byte == 0).count();
        if zeros >= ZEROS {
            parts.extend(literal(&bytes[written..at]));
            parts.push(format!("decode(repeat('00', {zeros}), 'hex')"));
            written = at + zeros;
        }
        at += zeros.max(1);
    }
    parts.extend(literal(&bytes[written..]));
    parts.join(" || ")
}

/// None for no bytes.
fn literal(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let mut text = String::from("decode('\n");
    for line in STANDARD.encode(bytes).as_bytes().chunks(LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("', 'base64')");
    Some(text)
}

/// What a stored tag is less, so that 16 bits with a sign hold it.
const TAG_LESS: i32 = 1 << 15;

/// What a cell without a word says: no valence, no role.
pub(super) const UNKNOWN: i32 = 128 << 8;

/// Words: tag, 128 more than the valence, roles.
pub(super) fn of_lexicon(layout: &Layout) -> [Table; 2] {
    let cell = |place: &Place| match place.as_ref().map(|(tag, row)| (*tag, row.as_slice())) {
        Some((tag, &[valence, roles])) => {
            let valence = i32::from(valence.cast_signed()) + 128;
            ((i32::from(tag) - TAG_LESS) << 16) | (valence << 8) | i32::from(roles)
        }
        _ => UNKNOWN,
    };
    let cells = layout.places.iter().map(cell).collect();
    [
        Table::new("lexicon_cells", Values::Whole(cells)),
        Table::new("lexicon_seeds", seeds(layout)),
    ]
}

/// Features: tags, and 128 more than each weight, eight in a number.
pub(super) fn of_weights(layout: &Layout) -> [Table; 4] {
    let tags = layout.places.iter().map(|place| {
        let tag = place.as_ref().map_or(0, |(tag, _)| *tag);
        (i32::from(tag) - TAG_LESS) as i16
    });
    let half = |first: usize| {
        let rows = layout.places.iter().map(|place| {
            let byte = |head: usize| {
                let row = place.as_ref().and_then(|(_, row)| row.get(first + head));
                row.copied().unwrap_or(0) ^ 0x80
            };
            i64::from_le_bytes(std::array::from_fn(byte))
        });
        Values::Big(rows.collect())
    };
    [
        Table::new("weight_tags", Values::Small(tags.collect())),
        Table::new("weight_seeds", seeds(layout)),
        Table::new("weights_low", half(0)),
        Table::new("weights_high", half(8)),
    ]
}

/// Seeds of a layout.
pub(super) fn seeds(layout: &Layout) -> Values {
    Values::Whole(layout.seeds.clone())
}

/// The heads' steps, then their logits without features.
pub(super) fn of_heads() -> Table {
    let heads = blueprint::heads();
    let steps = heads.iter().map(|head| i64::from(head.0));
    let logits = heads.iter().map(|head| i64::from(head.1));
    Table::new("heads", Values::Big(steps.chain(logits).collect()))
}

/// Bengali and Devanagari from U+0900 on, then each again with a dot below: kind, Latin letters of
/// seven bits.
pub(super) fn of_letters() -> Result<Table> {
    let mut alone = Vec::new();
    let mut dotted = Vec::new();
    for code in 0x900..0xa00 {
        let c = char::from_u32(code).context("no character")?;
        let packed = |letter: blueprint::Letter| {
            let [first, second] = letter.latin.map(|c| c.map_or(0, |c| c as i32));
            i32::from(letter.kind) | (first << 8) | (second << 15)
        };
        let [plain, with_dot] = blueprint::letters(c).map_or([0, 0], |both| both.map(packed));
        alone.push(plain);
        dotted.push(with_dot);
    }
    alone.extend(dotted);
    Ok(Table::new("letters", Values::Whole(alone)))
}
