//! An object of an answer. What of it is not what it should be is absent, and counted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc};
use serde_json::{Map, Value};

/// No id is longer, in bytes: keys of the database end at 2,700, where one is percent-encoded too.
const LONGEST_ID: usize = 255;

/// Names and titles are cut after so many characters.
const LONGEST_TEXT: usize = 1_000;

/// Names that one item has at most, of artists, genres or topics.
const MOST_NAMES: usize = 100;

/// How often which field could not be read.
#[derive(Debug, Default)]
pub struct Losses(RefCell<BTreeMap<&'static str, u32>>);

impl Losses {
    fn note(&self, field: &'static str) {
        *self.0.borrow_mut().entry(field).or_default() += 1;
    }

    fn of(&self, field: &'static str) -> u32 {
        self.0.borrow().get(field).copied().unwrap_or_default()
    }

    /// All of them.
    #[must_use]
    pub fn into_counts(self) -> BTreeMap<&'static str, u32> {
        self.0.into_inner()
    }
}

/// An object of an answer. A field that is absent or null is `None`; so is one that cannot be
/// read, which is counted.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    fields: &'a Map<String, Value>,
    losses: &'a Losses,
}

impl<'a> Item<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>, losses: &'a Losses) -> Self {
        Self { fields, losses }
    }

    fn field<T>(self, name: &'static str, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            self.losses.note(name);
        }
        read
    }

    /// Notes the loss of an item for want of a field, unless that was noted already.
    fn needed<T>(self, name: &'static str, read: impl FnOnce(Self) -> Option<T>) -> Option<T> {
        let before = self.losses.of(name);
        let value = read(self);
        if value.is_none() && self.losses.of(name) == before {
            self.losses.note(name);
        }
        value
    }

    /// Whether the provider says that it has none.
    fn denies(self, name: &str) -> bool {
        self.fields.get(name).is_some_and(Value::is_null)
    }

    /// What a person reads. Blank is none; a very long one is cut.
    #[must_use]
    pub fn text(self, name: &'static str) -> Option<String> {
        let text = self.field(name, |value| value.as_str().filter(|text| storable(text)))?;
        shown(text)
    }

    /// A text without which there is no item.
    #[must_use]
    pub fn needed_text(self, name: &'static str) -> Option<String> {
        self.needed(name, |item| item.text(name))
    }

    /// An identifier, or another text that only machines read. Empty is none.
    #[must_use]
    pub fn id(self, name: &'static str) -> Option<&'a str> {
        let id = self.field(name, |value| {
            value.as_str().filter(|id| {
                // Dots alone are a way through a path.
                id.len() <= LONGEST_ID
                    && storable(id)
                    && (id.is_empty() || !id.trim_matches('.').is_empty())
            })
        })?;
        Some(id).filter(|id| !id.is_empty())
    }

    /// An identifier without which there is no item. One that is null is what the provider itself
    /// has none for, such as a local file.
    #[must_use]
    pub fn needed_id(self, name: &'static str) -> Option<&'a str> {
        if self.denies(name) {
            return None;
        }
        self.needed(name, |item| item.id(name))
    }

    /// A text of at most `longest` bytes: `None` when absent, null or empty.
    ///
    /// # Errors
    /// It is something else.
    pub fn link(self, name: &'static str, longest: usize) -> Result<Option<&'a str>, Unreadable> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(link)) if link.is_empty() => Ok(None),
            Some(Value::String(link)) if link.len() <= longest && storable(link) => Ok(Some(link)),
            Some(_) => {
                self.losses.note(name);
                Err(Unreadable)
            }
        }
    }

    /// A whole number that a column of the database holds: 0 to 2³¹ − 1.
    #[must_use]
    pub fn count(self, name: &'static str) -> Option<u32> {
        self.field(name, |value| {
            let number = i32::try_from(value.as_i64()?).ok()?;
            u32::try_from(number).ok()
        })
    }

    /// A number from 0 to 1.
    #[must_use]
    pub fn share(self, name: &'static str) -> Option<f64> {
        self.field(name, |value| {
            value.as_f64().filter(|share| (0.0..=1.0).contains(share))
        })
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(self, name: &'static str) -> Option<bool> {
        self.field(name, Value::as_bool)
    }

    /// An instant (RFC 3339) of the years 1 to 9999. Empty is none.
    #[must_use]
    pub fn time(self, name: &'static str) -> Option<DateTime<Utc>> {
        self.field(name, |value| match value.as_str()? {
            "" => Some(None),
            text => {
                let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
                (1..=9999).contains(&at.year()).then_some(Some(at))
            }
        })
        .flatten()
    }

    /// An instant without which there is no item, and which is not after `latest`.
    #[must_use]
    pub fn needed_time(self, name: &'static str, latest: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.needed(name, |item| item.time(name).filter(|at| *at <= latest))
    }

    /// An object within.
    #[must_use]
    pub fn object(self, name: &'static str) -> Option<Self> {
        let fields = self.field(name, Value::as_object)?;
        Some(Self { fields, ..self })
    }

    /// An object within, without which there is no item.
    #[must_use]
    pub fn needed_object(self, name: &'static str) -> Option<Self> {
        if self.denies(name) {
            return None;
        }
        self.needed(name, |item| item.object(name))
    }

    /// Names; those that are blank or cannot be read are left out.
    #[must_use]
    pub fn texts(self, name: &'static str) -> Vec<String> {
        let list = self.field(name, Value::as_array).into_iter().flatten();
        let texts = list.filter_map(|value| {
            let text = value.as_str().filter(|text| storable(text));
            if text.is_none() {
                self.losses.note(name);
            }
            shown(text?)
        });
        texts.take(MOST_NAMES).collect()
    }

    /// The texts of a field of the objects in a list, such as the names of artists.
    #[must_use]
    pub fn texts_within(self, name: &'static str, field: &'static str) -> Vec<String> {
        let list = self.field(name, Value::as_array).into_iter().flatten();
        let texts = list.filter_map(|value| {
            let Some(fields) = value.as_object() else {
                self.losses.note(name);
                return None;
            };
            Self { fields, ..self }.text(field)
        });
        texts.take(MOST_NAMES).collect()
    }

    /// What holds a page: `None` when absent or null.
    ///
    /// # Errors
    /// It is no object.
    pub fn holder(self, name: &'static str) -> Result<Option<Self>, Unreadable> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.object(name).map(Some).ok_or(Unreadable),
        }
    }

    /// How many of the first `most` items of a list are null.
    #[must_use]
    pub fn nulls(self, name: &str, most: u32) -> usize {
        let list = self.fields.get(name).and_then(Value::as_array);
        let items = list.into_iter().flatten().take(most as usize);
        items.filter(|item| item.is_null()).count()
    }

    /// Notes the loss of a number that says something else than what is known. It is not gone by.
    pub fn agrees(self, name: &'static str, known: &[u32]) {
        if self.count(name).is_some_and(|said| !known.contains(&said)) {
            self.losses.note(name);
        }
    }

    /// The items of a list, each at its place: the provider sends null for what it cannot show.
    /// Absent or null is empty. More than `most` were not asked for: they are left out.
    ///
    /// # Errors
    /// It is no list.
    pub fn list(self, name: &'static str, most: u32) -> Result<Vec<Option<Self>>, Unreadable> {
        let list = match self.fields.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.losses.note(name);
                return Err(Unreadable);
            }
        };
        let item = |value: &'a Value| match value {
            Value::Object(fields) => Some(Self { fields, ..self }),
            Value::Null => None,
            _ => {
                self.losses.note(name);
                None
            }
        };
        let most = most as usize;
        list.iter().skip(most).for_each(|_| self.losses.note(name));
        Ok(list.iter().take(most).map(item).collect())
    }
}

/// A field that a page cannot do without is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Postgres keeps no NUL.
fn storable(text: &str) -> bool {
    !text.contains('\0')
}

fn shown(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.chars().take(LONGEST_TEXT).collect())
}

#[cfg(test)]
mod tests {
    use super::{Item, Losses};
    use chrono::Utc;
    use serde_json::{Value, json};

    fn fields(value: Value) -> serde_json::Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_not_what_it_should_be_is_absent_and_counted_once() {
        let fields = fields(json!({
            "id": 5, "name": "a\0b", "total": -1, "offset": 4_294_967_295_u32, "duration_ms": 0.0,
            "energy": 1.5, "is_local": "yes", "added_at": "0000-01-01T00:00:00Z",
            "played_at": "9999-01-01T00:00:00Z", "album": [], "genres": ["", null, "pop", 3],
            "artists": [null, { "name": "A" }, { "name": "" }],
        }));
        let losses = Losses::default();
        let item = Item::new(&fields, &losses);
        assert_eq!(
            (item.needed_id("id"), item.needed_text("name")),
            (None, None)
        );
        assert_eq!(
            ["total", "offset", "duration_ms"].map(|n| item.count(n)),
            [None; 3]
        );
        assert_eq!((item.share("energy"), item.flag("is_local")), (None, None));
        assert_eq!(item.time("added_at"), None);
        assert_eq!(item.needed_time("played_at", Utc::now()), None);
        assert!(item.object("album").is_none());
        assert_eq!(item.texts("genres"), ["pop"]);
        assert_eq!(item.texts_within("artists", "name"), ["A"]);
        let counts = losses.into_counts();
        assert_eq!(
            (counts["id"], counts["genres"], counts["artists"]),
            (1, 2, 1)
        );
        assert_eq!(counts.len(), 12);
    }

    #[test]
    fn absent_null_and_empty_are_no_losses() {
        let fields = fields(json!({ "id": null, "title": "", "added_at": "", "context": null }));
        let losses = Losses::default();
        let item = Item::new(&fields, &losses);
        assert_eq!((item.needed_id("id"), item.text("title")), (None, None));
        assert_eq!((item.time("added_at"), item.count("total")), (None, None));
        assert!(item.object("context").is_none());
        assert!(losses.into_counts().is_empty());
    }

    #[test]
    fn an_id_is_no_way_through_a_path_and_no_longer_than_a_key() {
        for id in [".", "..", "a\0"] {
            let fields = fields(json!({ "id": id }));
            assert_eq!(
                Item::new(&fields, &Losses::default()).id("id"),
                None,
                "{id:?}"
            );
        }
        let long = fields(json!({ "id": "x".repeat(256) }));
        assert_eq!(Item::new(&long, &Losses::default()).id("id"), None);
    }
}
