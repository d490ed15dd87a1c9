//! What the stream said and Redis does not hold yet: whose documents, never the rows themselves.
//! Many changes of one user come to one entry.

use std::collections::HashMap;

use bondhu_core::cache::{Document, SETTINGS};
use uuid::Uuid;

use super::decoder::{Relation, RowMessage, Tuple, Value};
use bondhu_core::cache::position::Lsn;

/// Users whose documents are told apart; a transaction may touch any number.
const MOST_USERS: usize = 100_000;

/// A set of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct DocumentSet(u8);

impl DocumentSet {
    /// All documents.
    pub(super) fn all() -> Self {
        Document::ALL.into_iter().collect()
    }

    /// Whether `document` is one of them.
    pub(super) fn contains(self, document: Document) -> bool {
        self.0 & Self::bit(document) != 0
    }

    /// Whether all of `others` are among them.
    pub(super) fn covers(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there is none.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Takes in those of `other`.
    pub(super) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Its documents.
    pub(super) fn iter(self) -> impl Iterator<Item = Document> {
        Document::ALL
            .into_iter()
            .filter(move |document| self.contains(*document))
    }

    const fn bit(document: Document) -> u8 {
        1 << document as u8
    }
}

impl FromIterator<Document> for DocumentSet {
    fn from_iter<I: IntoIterator<Item = Document>>(documents: I) -> Self {
        Self(
            documents
                .into_iter()
                .fold(0, |set, document| set | Self::bit(document)),
        )
    }
}

/// Why a change cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The publication does not hold what the mirror needs to know.
    #[error("publication lists table {0} without its column user_id")]
    NoUserColumn(String),
    /// A row of a table that was never described.
    #[error("a row of relation {0} came before its description")]
    UnknownRelation(u32),
    /// A row whose user cannot be told.
    #[error("a row of table {0} has no readable user_id")]
    NoUser(String),
}

/// A published table that documents are built from.
#[derive(Debug)]
enum PublishedTable {
    /// Each row is of a user.
    OfUsers {
        name: String,
        user_column: usize,
        documents: DocumentSet,
    },
    /// The one row that everybody's documents depend on.
    Settings,
}

impl PublishedTable {
    fn documents(&self) -> DocumentSet {
        match self {
            Self::OfUsers { documents, .. } => *documents,
            Self::Settings => DocumentSet::all(),
        }
    }
}

/// The tables the stream has described; `None` for those no document is built from.
#[derive(Debug, Default)]
pub(super) struct PublishedTables(HashMap<u32, Option<PublishedTable>>);

impl PublishedTables {
    fn describe(&mut self, relation: Relation) -> Result<(), ChangeError> {
        let table = if (&*relation.schema, &*relation.name) == SETTINGS {
            Some(PublishedTable::Settings)
        } else if relation.schema == "public" {
            Self::of_users(relation.name, &relation.columns)?
        } else {
            None
        };
        self.0.insert(relation.id, table);
        Ok(())
    }

    fn of_users(name: String, columns: &[String]) -> Result<Option<PublishedTable>, ChangeError> {
        let documents: DocumentSet = Document::built_from(&name).collect();
        if documents.is_empty() {
            return Ok(None);
        }
        let Some(user_column) = columns.iter().position(|column| column == "user_id") else {
            return Err(ChangeError::NoUserColumn(name));
        };
        Ok(Some(PublishedTable::OfUsers {
            name,
            user_column,
            documents,
        }))
    }

    fn get(&self, id: u32) -> Result<Option<&PublishedTable>, ChangeError> {
        self.0
            .get(&id)
            .map(Option::as_ref)
            .ok_or(ChangeError::UnknownRelation(id))
    }
}

/// A committed transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Committed {
    /// Its 32-bit id.
    pub xid: u32,
    /// When it committed, in µs since 2000-01-01 by Postgres' clock.
    pub at_micros: i64,
}

/// Whose documents are stale.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Per user.
    pub users: HashMap<Uuid, DocumentSet>,
    /// Of every user that has them: their table was truncated, or there are other settings whose
    /// version says nothing.
    pub everyone: DocumentSet,
    /// The settings may have another version. Nobody's documents are re-read for that: those of a
    /// former version do not count.
    pub settings: bool,
}

impl Touched {
    /// Takes in what a row message says.
    ///
    /// # Errors
    /// When it is about a table or a user that cannot be told.
    pub(super) fn record(
        &mut self,
        message: RowMessage,
        tables: &mut PublishedTables,
    ) -> Result<(), ChangeError> {
        match message {
            RowMessage::Relation(relation) => tables.describe(relation)?,
            RowMessage::Insert { relation, new: row }
            | RowMessage::Delete { relation, old: row } => match tables.get(relation)? {
                Some(table @ PublishedTable::Settings) => self.empty(table),
                table => self.touch(table, &row)?,
            },
            RowMessage::Update { relation, old, new } => {
                let table = tables.get(relation)?;
                if let Some(old) = old {
                    self.touch(table, &old)?;
                }
                self.touch(table, &new)?;
            }
            RowMessage::Truncate { relations } => {
                for relation in relations {
                    if let Some(table) = tables.get(relation)? {
                        self.empty(table);
                    }
                }
            }
            RowMessage::Begin { .. } | RowMessage::Commit { .. } | RowMessage::Other => {}
        }
        Ok(())
    }

    fn touch(&mut self, table: Option<&PublishedTable>, row: &Tuple) -> Result<(), ChangeError> {
        let (name, user_column, documents) = match table {
            None => return Ok(()),
            Some(PublishedTable::Settings) => {
                self.settings = true;
                return Ok(());
            }
            Some(PublishedTable::OfUsers {
                name,
                user_column,
                documents,
            }) => (name, *user_column, *documents),
        };
        let user = match row.0.get(user_column) {
            Some(Value::Text(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| Uuid::parse_str(text).ok()),
            _ => None,
        };
        let user = user.ok_or_else(|| ChangeError::NoUser(name.clone()))?;
        if !self.everyone.covers(documents) {
            self.users.entry(user).or_default().extend(documents);
            self.bound();
        }
        Ok(())
    }

    /// A table was emptied, or the row of settings was taken out or put in: what stands there now did
    /// not grow out of what stood there before, and neither did its version.
    fn empty(&mut self, table: &PublishedTable) {
        self.settings |= matches!(table, PublishedTable::Settings);
        self.everyone.extend(table.documents());
    }

    /// Past [`MOST_USERS`] it is everybody: memory stays bounded, and looking through what Redis
    /// holds is quicker than asking about each.
    fn bound(&mut self) {
        if self.users.len() > MOST_USERS {
            for (_, documents) in self.users.drain() {
                self.everyone.extend(documents);
            }
        }
    }

    /// Takes in `other`.
    pub(super) fn merge(&mut self, other: Self) {
        self.everyone.extend(other.everyone);
        self.settings |= other.settings;
        if self.users.is_empty() {
            self.users = other.users;
        } else {
            for (user, documents) in other.users {
                self.users.entry(user).or_default().extend(documents);
            }
            self.bound();
        }
    }
}

/// Whole transactions that are on their way to Redis together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Whose documents they made stale.
    pub touched: Touched,
    /// The transactions.
    pub transactions: Vec<Committed>,
    /// Everything committed before this position is in here or in an earlier batch.
    pub end: Lsn,
    /// Latest instant (Unix ms, this worker's clock) as of which that was everything there was.
    pub complete_at_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_transaction_of_very_many_users_is_one_of_everybody() {
        let documents: DocumentSet = [Document::ChatHistory].into_iter().collect();
        let table = PublishedTable::OfUsers {
            name: "chat_messages".to_owned(),
            user_column: 0,
            documents,
        };
        let mut touched = Touched::default();
        let mut touch = |number: u128| {
            let text = Uuid::from_u128(number).to_string();
            let row = Tuple(vec![Value::Text(text.into())]);
            touched.touch(Some(&table), &row).unwrap();
            (touched.users.len(), touched.everyone)
        };
        let most = MOST_USERS as u128;
        for number in 1..most {
            touch(number);
        }
        assert_eq!(touch(most), (MOST_USERS, DocumentSet::default()));
        assert_eq!(touch(most), (MOST_USERS, DocumentSet::default()));
        assert_eq!(touch(most + 1), (0, documents));
        assert_eq!(touch(most + 2), (0, documents));
    }

    #[test]
    fn a_change_of_settings_is_about_nobody_unless_their_row_is_another_one() {
        let mut tables = PublishedTables::default();
        let described = RowMessage::Relation(Relation {
            id: 1,
            schema: SETTINGS.0.to_owned(),
            name: SETTINGS.1.to_owned(),
            columns: vec!["singleton".to_owned()],
        });
        Touched::default().record(described, &mut tables).unwrap();
        let row = || Tuple(vec![Value::Text("t".into())]);
        let update = RowMessage::Update {
            relation: 1,
            old: None,
            new: row(),
        };
        let insert = RowMessage::Insert {
            relation: 1,
            new: row(),
        };
        let delete = RowMessage::Delete {
            relation: 1,
            old: row(),
        };
        let truncate = RowMessage::Truncate { relations: vec![1] };
        for (message, everyone) in [
            (update, DocumentSet::default()),
            (insert, DocumentSet::all()),
            (delete, DocumentSet::all()),
            (truncate, DocumentSet::all()),
        ] {
            let mut touched = Touched::default();
            touched.record(message, &mut tables).unwrap();
            let mut merged = Touched::default();
            merged.merge(touched);
            assert_eq!((merged.settings, merged.everyone), (true, everyone));
            assert!(merged.users.is_empty());
        }
    }
}
