//! Instants as the database gives them and as the rules of core take them.

use bondhu_core::time::Timestamp;
use chrono::{DateTime, Utc};

/// For core.
pub(crate) const fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    Timestamp(instant.timestamp_micros())
}

/// From core; one that no calendar here holds is that of 1970.
pub(crate) fn date_time(Timestamp(micros): Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// This machine's clock, for core.
pub(crate) fn now() -> Timestamp {
    timestamp(Utc::now())
}

#[cfg(test)]
mod tests {
    use bondhu_core::cache::envelope::{Envelope, render};
    use bondhu_core::cache::position::{Epoch, Lsn, Version};
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two calendars: one writes the headers of a hot read, the other the values of Redis.
        #[test]
        fn core_writes_and_reads_an_instant_as_chrono_does(
            micros in -62_167_219_200_000_000..=253_402_300_799_999_999_i64,
            offset_minutes in -1439..=1439_i32,
        ) {
            let version = Version { epoch: Epoch(1), lsn: Lsn(2) };
            let instant = date_time(Timestamp(micros));
            let text = render(version, Timestamp(micros), None, 0, None).unwrap();
            let written = instant.to_rfc3339_opts(SecondsFormat::Micros, true);
            prop_assert!(text.contains(&written), "{} {}", text, written);

            let zone = chrono::FixedOffset::east_opt(offset_minutes * 60).unwrap();
            let there = instant.with_timezone(&zone).to_rfc3339();
            // Elsewhere it may be the year before the first or after the last of four digits.
            if there.starts_with(|sign: char| sign.is_ascii_digit()) {
                let text = text.replace(&written, &there);
                let value = Envelope::parse(text.as_bytes());
                prop_assert_eq!(value.map(|value| value.as_of), Some(timestamp(instant)));
            }
        }
    }
}
