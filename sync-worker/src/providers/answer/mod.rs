//! An answer, read leniently: providers' data are not ours, so that what cannot be read of it is
//! lost by itself, counted and named, and the rest arrives.
//!
//! Of an answer only the fields are kept that somebody reads: a page of albums with all their
//! tracks is megabytes, and what is passed over cannot be wrong.

mod item;
mod mend;

pub use item::{Item, Losses};

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

/// The fields that are read, of any provider's.
const READ: [&str; 46] = [
    "account_id",
    "acousticness",
    "added_at",
    "album",
    "artists",
    "audio_features",
    "categoryId",
    "channelId",
    "channelTitle",
    "collaborative",
    "contentDetails",
    "context",
    "danceability",
    "display_name",
    "duration_ms",
    "energy",
    "external_ids",
    "genres",
    "id",
    "is_local",
    "isrc",
    "item",
    "itemCount",
    "items",
    "name",
    "next",
    "nextPageToken",
    "offset",
    "owner",
    "pageInfo",
    "played_at",
    "publishedAt",
    "resourceId",
    "snapshot_id",
    "snippet",
    "title",
    "topicCategories",
    "topicDetails",
    "total",
    "totalResults",
    "track",
    "tracks",
    "type",
    "uri",
    "valence",
    "videoId",
];

/// Lists and objects within each other, from the answer itself on: what anybody reads is half as
/// deep. What is deeper is passed over, and whatever it is in stays empty.
const DEEPEST: u8 = 16;

/// A JSON object, with the fields that are read.
#[derive(Clone, Debug)]
pub struct Answer(Map<String, Value>);

impl Answer {
    /// Reads a body.
    ///
    /// # Errors
    /// It is no JSON object, nor can it be mended into one.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let kept = serde_json::from_slice::<Kept>(body)
            .or_else(|error| serde_json::from_str(&mend::mend(body)).map_err(|_| error))?;
        match kept.0 {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(serde::de::Error::custom("not an object")),
        }
    }

    /// Its fields; what of them cannot be read goes to `losses`.
    #[must_use]
    pub fn item<'a>(&'a self, losses: &'a Losses) -> Item<'a> {
        Item::new(&self.0, losses)
    }
}

/// JSON without the fields that nobody reads.
struct Kept(Value);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Keeping(0).deserialize(deserializer).map(Self)
    }
}

/// Reads what is within so many lists and objects.
#[derive(Clone, Copy)]
struct Keeping(u8);

impl<'de> DeserializeSeed<'de> for Keeping {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Keeping {
    /// For what is in the list or object that is read now; `None`: it is deeper than any.
    const fn within(self) -> Option<Self> {
        if self.0 < DEEPEST {
            Some(Self(self.0 + 1))
        } else {
            None
        }
    }
}

impl<'de> Visitor<'de> for Keeping {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let Some(within) = self.within() else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Array(values));
        };
        while let Some(value) = list.next_element_seed(within)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            match self.within() {
                Some(within) if READ.binary_search(&name.as_str()).is_ok() => {
                    fields.insert(name, object.next_value_seed(within)?);
                }
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Losses, READ};
    use serde_json::json;

    #[test]
    fn the_fields_that_are_read_are_in_order() {
        assert!(READ.is_sorted());
    }

    #[test]
    fn what_nobody_reads_is_not_kept_and_cannot_be_wrong() {
        let body =
            br#"{"images": [1e999, "\ud83d"], "name": "A", "items": [{"href": 1, "id": "x"}]}"#;
        let answer = Answer::read(body).unwrap();
        assert_eq!(
            json!(answer.0),
            json!({ "name": "A", "items": [{ "id": "x" }] })
        );
    }

    #[test]
    fn what_is_nested_beyond_all_reading_spoils_itself_only() {
        for depth in [17, 126, 127, 200, 100_000] {
            for (open, close) in [("[", "]"), ("{\"items\":", "}")] {
                let deep = format!("{}null{}", open.repeat(depth), close.repeat(depth));
                let body = format!(
                    r#"{{"items": [{{"name": {deep}, "id": "a"}}, {{"name": "B", "id": "b"}}], "next": ""}}"#
                );
                let answer = Answer::read(body.as_bytes()).unwrap();
                let losses = Losses::default();
                let items = answer.item(&losses).list("items", 50).unwrap();
                let of = |at: usize| items[at].unwrap();
                assert_eq!((of(0).text("name"), of(0).id("id")), (None, Some("a")));
                assert_eq!(of(1).text("name").as_deref(), Some("B"));
                assert_eq!(losses.into_counts()["name"], 1);
            }
        }
    }

    #[test]
    fn an_answer_is_an_object_or_nothing() {
        for body in ["", "[]", "\"page\"", "{\"id\": ", "<html>", "null"] {
            assert!(Answer::read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_cut_surrogate_a_number_too_large_and_foreign_bytes_spoil_themselves_only() {
        let body =
            b"{\"name\": \"cut \\ud83d\", \"total\": 1e999, \"title\": \"\xff\", \"id\": \"kept\"}";
        let answer = Answer::read(body).unwrap();
        let losses = Losses::default();
        let item = answer.item(&losses);
        assert_eq!(item.text("name").as_deref(), Some("cut \u{fffd}"));
        assert_eq!(item.text("title").as_deref(), Some("\u{fffd}"));
        assert_eq!((item.count("total"), item.id("id")), (None, Some("kept")));
    }
}
