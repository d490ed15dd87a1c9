//! Every SQL statement of the engine. Names are qualified and `search_path` is pinned on
//! the functions that run them.

use crate::relation::Definition;

pub(crate) mod buckets;
pub(crate) mod history;
pub(crate) mod local;
pub(crate) mod messages;
pub(crate) mod profile;
pub(crate) mod safety;
pub(crate) mod settings;
pub(crate) mod tally;

/// The tables whose rows the engine reads or writes by the place of their columns.
pub(crate) static TABLES: [&Definition; 6] = [
    &messages::TABLE,
    &settings::TABLE,
    &profile::TABLE,
    &buckets::TABLE,
    &history::TABLE,
    &history::EVIDENCE,
];

/// Something that is not what it should be: its name, what is stored, what should be.
pub(crate) type Difference = (String, Option<String>, Option<String>);
