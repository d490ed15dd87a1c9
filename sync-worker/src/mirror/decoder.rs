//! Decoder of `pgoutput` messages, protocol version 1. It copies nothing and trusts nothing:
//! whatever the bytes are, the answer is a message or an error.
//!
//! <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>

use bytes::{Buf as _, Bytes};

/// More columns than a Postgres table can have (`MaxTupleAttributeNumber`).
const MAX_COLUMNS: usize = 1664;

/// More tables than one TRUNCATE will name here; bounds what a malformed count can claim.
const MAX_TRUNCATED: usize = 100_000;

/// One message: of a row, or of a transaction's bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowMessage {
    /// A committed transaction begins.
    Begin {
        /// Its 32-bit id.
        xid: u32,
        /// When it committed, in µs since 2000-01-01 by Postgres' clock.
        at_micros: i64,
    },
    /// It ends.
    Commit {
        /// The position after its commit.
        end: u64,
    },
    /// What a table looks like; sent before its first row and after it changed.
    Relation(Relation),
    /// A row that came.
    Insert {
        /// Which table.
        relation: u32,
        /// The row.
        new: Tuple,
    },
    /// A row that changed.
    Update {
        /// Which table.
        relation: u32,
        /// Its former key or row, when the key changed or the replica identity is full.
        old: Option<Tuple>,
        /// The row as it is now.
        new: Tuple,
    },
    /// A row that went.
    Delete {
        /// Which table.
        relation: u32,
        /// Its key, or all of it when the replica identity is full.
        old: Tuple,
    },
    /// Tables that were emptied at once.
    Truncate {
        /// Which tables.
        relations: Vec<u32>,
    },
    /// A type or an origin, which say nothing about rows.
    Other,
}

/// A table of the publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its number in the messages that follow.
    pub id: u32,
    /// Schema; empty for `pg_catalog`.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Names of the published columns, in the order of tuples.
    pub columns: Vec<String>,
}

/// The published columns of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuple(pub Vec<Value>);

/// One column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL null.
    Null,
    /// A large value that the change did not touch and that is not sent.
    Unchanged,
    /// In the type's text form.
    Text(Bytes),
    /// In the type's binary form.
    Binary(Bytes),
}

/// Why bytes are no row message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends in the middle of something.
    #[error("the message ends within {0}")]
    Short(&'static str),
    /// There are bytes after its end.
    #[error("{0} bytes follow the end of the message")]
    Trailing(usize),
    /// A letter that stands for nothing known.
    #[error("{what} {found:#04x} is unknown")]
    Unknown {
        /// What the letter should have named.
        what: &'static str,
        /// The letter.
        found: u8,
    },
    /// A count or length that cannot be.
    #[error("{what} of {found} is impossible")]
    Impossible {
        /// What was counted.
        what: &'static str,
        /// The count.
        found: i64,
    },
    /// A name that is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
}

/// Decodes one message.
///
/// # Errors
/// When the bytes are not exactly one message of protocol version 1.
pub fn decode(message: Bytes) -> Result<RowMessage, DecodeError> {
    let mut reader = Reader(message);
    let decoded = match reader.u8("the kind of message")? {
        b'B' => {
            reader.take(8, "the position of a commit")?;
            RowMessage::Begin {
                at_micros: reader.u64("the time of a commit")?.cast_signed(),
                xid: reader.u32("a transaction")?,
            }
        }
        b'C' => {
            reader.take(9, "the position of a commit")?;
            let end = reader.u64("the end of a commit")?;
            reader.take(8, "the time of a commit")?;
            RowMessage::Commit { end }
        }
        b'R' => RowMessage::Relation(reader.relation()?),
        b'I' => {
            let relation = reader.u32("a relation")?;
            reader.expect(b'N')?;
            RowMessage::Insert {
                relation,
                new: reader.tuple()?,
            }
        }
        b'U' => {
            let relation = reader.u32("a relation")?;
            let old = match reader.u8("the kind of tuple")? {
                b'K' | b'O' => {
                    let old = reader.tuple()?;
                    reader.expect(b'N')?;
                    Some(old)
                }
                b'N' => None,
                found => {
                    return Err(DecodeError::Unknown {
                        what: "tuple",
                        found,
                    });
                }
            };
            RowMessage::Update {
                relation,
                old,
                new: reader.tuple()?,
            }
        }
        b'D' => {
            let relation = reader.u32("a relation")?;
            match reader.u8("the kind of tuple")? {
                b'K' | b'O' => RowMessage::Delete {
                    relation,
                    old: reader.tuple()?,
                },
                found => {
                    return Err(DecodeError::Unknown {
                        what: "tuple",
                        found,
                    });
                }
            }
        }
        b'T' => RowMessage::Truncate {
            relations: reader.truncated()?,
        },
        b'Y' => {
            reader.u32("a type")?;
            reader.string("the schema of a type")?;
            reader.string("the name of a type")?;
            RowMessage::Other
        }
        b'O' => {
            reader.take(8, "the position of an origin")?;
            reader.string("the name of an origin")?;
            RowMessage::Other
        }
        found => {
            return Err(DecodeError::Unknown {
                what: "message",
                found,
            });
        }
    };
    match reader.0.remaining() {
        0 => Ok(decoded),
        left => Err(DecodeError::Trailing(left)),
    }
}

struct Reader(Bytes);

impl Reader {
    fn take(&mut self, length: usize, what: &'static str) -> Result<Bytes, DecodeError> {
        if self.0.remaining() < length {
            Err(DecodeError::Short(what))
        } else {
            Ok(self.0.split_to(length))
        }
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.0.try_get_u8().map_err(|_| DecodeError::Short(what))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.0.try_get_u32().map_err(|_| DecodeError::Short(what))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.0.try_get_u64().map_err(|_| DecodeError::Short(what))
    }

    fn expect(&mut self, letter: u8) -> Result<(), DecodeError> {
        match self.u8("the kind of tuple")? {
            found if found == letter => Ok(()),
            found => Err(DecodeError::Unknown {
                what: "tuple",
                found,
            }),
        }
    }

    /// A count of 16 bits, of things that take at least one byte each.
    fn columns(&mut self) -> Result<usize, DecodeError> {
        let found = self
            .0
            .try_get_i16()
            .map_err(|_| DecodeError::Short("the count of columns"))?;
        usize::try_from(found)
            .ok()
            .filter(|count| *count <= MAX_COLUMNS && *count <= self.0.remaining())
            .ok_or(DecodeError::Impossible {
                what: "a count of columns",
                found: found.into(),
            })
    }

    fn string(&mut self, what: &'static str) -> Result<String, DecodeError> {
        let length = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(DecodeError::Short(what))?;
        let text = self.0.split_to(length);
        self.0.advance(1);
        std::str::from_utf8(&text)
            .map(str::to_owned)
            .map_err(|_| DecodeError::NotUtf8(what))
    }

    fn relation(&mut self) -> Result<Relation, DecodeError> {
        let id = self.u32("a relation")?;
        let schema = self.string("the schema of a relation")?;
        let name = self.string("the name of a relation")?;
        self.u8("a replica identity")?;
        let count = self.columns()?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            self.u8("the flags of a column")?;
            columns.push(self.string("the name of a column")?);
            self.take(8, "the type of a column")?;
        }
        Ok(Relation {
            id,
            schema,
            name,
            columns,
        })
    }

    fn tuple(&mut self) -> Result<Tuple, DecodeError> {
        let count = self.columns()?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(match self.u8("the kind of value")? {
                b'n' => Value::Null,
                b'u' => Value::Unchanged,
                b't' => Value::Text(self.sized()?),
                b'b' => Value::Binary(self.sized()?),
                found => {
                    return Err(DecodeError::Unknown {
                        what: "value",
                        found,
                    });
                }
            });
        }
        Ok(Tuple(values))
    }

    fn sized(&mut self) -> Result<Bytes, DecodeError> {
        let found = self
            .0
            .try_get_i32()
            .map_err(|_| DecodeError::Short("the length of a value"))?;
        let length = usize::try_from(found).map_err(|_| DecodeError::Impossible {
            what: "a length",
            found: found.into(),
        })?;
        self.take(length, "a value")
    }

    fn truncated(&mut self) -> Result<Vec<u32>, DecodeError> {
        let found = self
            .0
            .try_get_i32()
            .map_err(|_| DecodeError::Short("the count of relations"))?;
        let count = usize::try_from(found)
            .ok()
            .filter(|count| *count <= MAX_TRUNCATED)
            .ok_or(DecodeError::Impossible {
                what: "a count of relations",
                found: found.into(),
            })?;
        self.u8("the options of a truncation")?;
        if self.0.remaining() < count * 4 {
            return Err(DecodeError::Short("a relation"));
        }
        (0..count).map(|_| self.u32("a relation")).collect()
    }
}

#[cfg(test)]
mod tests;
