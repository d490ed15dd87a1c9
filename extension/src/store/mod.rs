//! Every SQL statement of the engine. Names are qualified and `search_path` is pinned on
//! the functions that run them.

pub(crate) mod buckets;
pub(crate) mod history;
pub(crate) mod learning;
pub(crate) mod local;
pub(crate) mod messages;
pub(crate) mod profile;
pub(crate) mod safety;
pub(crate) mod settings;
pub(crate) mod tally;

/// Something that is not what it should be: its name, what is stored, what should be.
pub(crate) type Difference = (String, Option<String>, Option<String>);
