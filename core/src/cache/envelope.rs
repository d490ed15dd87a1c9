//! What Redis holds under a document's key: `{"v", "as_of", "until", "settings", "data"}`, in this order.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use super::position::Version;
use super::{DOCUMENT_MOST_BYTES, instant};
use crate::time::Timestamp;

/// More bytes than a value has beside its document.
const AROUND_BYTES: usize = 512;

/// No value is longer; what is found under its key may be.
pub const VALUE_MOST_BYTES: usize = DOCUMENT_MOST_BYTES + AROUND_BYTES;

/// A value of Redis, as text to be read.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// Which commits it is known to hold.
    pub v: Version,
    /// The instant it is exact as of, by Postgres' clock.
    #[serde(deserialize_with = "instant_of")]
    pub as_of: Timestamp,
    /// The next instant at which it changes by time alone.
    #[serde(default, deserialize_with = "maybe_instant_of")]
    pub until: Option<Timestamp>,
    /// Which version of the settings it was made under, or an earlier one; 0 of a worker that did
    /// not say so.
    #[serde(default)]
    pub settings: i64,
    /// The document; `null` says that there is none.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Whether it only says that Redis does not keep this document.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.until == Some(self.as_of) && self.data.get() == "null"
    }

    /// Reads a value; `None` when it is not one of ours.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let is_ours = text.len() <= VALUE_MOST_BYTES;
        is_ours.then(|| serde_json::from_slice(text).ok()).flatten()
    }
}

fn instant_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    instant::parse(text).ok_or_else(|| de::Error::custom("not an instant of RFC 3339"))
}

fn maybe_instant_of<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Instant(#[serde(deserialize_with = "instant_of")] Timestamp);
    let until = Option::<Instant>::deserialize(deserializer)?;
    Ok(until.map(|Instant(at)| at))
}

/// The text of a value. The version comes first, where the guarding scripts look for it.
///
/// # Errors
/// Never for a [`RawValue`]; the type cannot say so.
pub fn render(
    version: Version,
    as_of: Timestamp,
    until: Option<Timestamp>,
    settings: i64,
    data: Option<&RawValue>,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Value<'a> {
        v: String,
        as_of: String,
        until: Option<String>,
        settings: i64,
        data: Option<&'a RawValue>,
    }
    serde_json::to_string(&Value {
        v: version.to_string(),
        as_of: instant::render(as_of),
        until: until.map(instant::render),
        settings,
        data,
    })
}

/// The text of a value that stands for a document which Redis does not keep. Its time is over when
/// it is made, so that to every reader it is a miss, whatever the settings.
///
/// # Errors
/// As [`render`].
pub fn render_apart(version: Version, as_of: Timestamp) -> Result<String, serde_json::Error> {
    render(version, as_of, Some(as_of), 0, None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::position::{Epoch, Lsn};
    use super::*;

    #[test]
    fn what_is_rendered_is_read_again() {
        let version = Version {
            epoch: Epoch(7),
            lsn: Lsn(0x1_6B37_4D84),
        };
        let as_of = Timestamp(1_700_000_000_123_456);
        let data = RawValue::from_string(r#"{"a": [1]}"#.to_owned()).unwrap();
        let text = render(version, as_of, Some(as_of), 3, Some(&data)).unwrap();
        assert!(
            text.starts_with(r#"{"v":"00000007000000016b374d84","#),
            "{text}"
        );
        assert!(
            text.ends_with(r#","settings":3,"data":{"a": [1]}}"#),
            "{text}"
        );
        let read = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (read.v, read.as_of, read.until, read.settings),
            (version, as_of, Some(as_of), 3)
        );
        assert_eq!(read.data.get(), data.get());

        let none = render(version, as_of, None, 3, None).unwrap();
        let none = Envelope::parse(none.as_bytes()).unwrap();
        assert_eq!((none.data.get(), none.is_apart()), ("null", false));
        let apart = render_apart(version, as_of).unwrap();
        assert!(Envelope::parse(apart.as_bytes()).unwrap().is_apart());
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for text in [
            "",
            "null",
            "{}",
            r#"{"v":"7","as_of":null,"until":null,"data":1}"#,
            r#"{"v":"000000070000000000000009","as_of":"yesterday","until":null,"data":1}"#,
            r#"{"v":"000000070000000000000009","as_of":"2023-11-14T22:13:20Z","until":1,"data":1}"#,
            r#"{"v":"000000070000000000000009","as_of":"2023-11-14T22:13:20Z","settings":"3","data":1}"#,
            r#"{"v":"000000070000000000000009","as_of":"2023-11-14T22:13:20Z","settings":9223372036854775808,"data":1}"#,
        ] {
            assert!(Envelope::parse(text.as_bytes()).is_none(), "{text}");
        }
        let text = format!("{BARE}{}", " ".repeat(VALUE_MOST_BYTES));
        assert!(Envelope::parse(text.as_bytes()).is_none(), "too long");
    }

    const BARE: &str =
        r#"{"v":"000000070000000000000009","as_of":"2023-11-14T22:13:20Z","data":1}"#;

    #[test]
    fn a_value_that_says_nothing_of_its_end_or_of_settings_has_none() {
        let value = Envelope::parse(BARE.as_bytes()).unwrap();
        let said = (value.until, value.settings, value.data.get());
        assert_eq!(said, (None, 0, "1"));
    }
}
