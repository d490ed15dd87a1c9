//! `Retry-After` (RFC 9110, section 10.2.3): seconds or a date, and what is sent instead.

use std::time::Duration;

use bondhu_core::retry::LONGEST_RETRY_AFTER;
use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The forms of a date that section 5.6.7 knows, the obsolete ones too.
const DATES: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];

/// How long the provider wishes to be left alone, at most [`LONGEST_RETRY_AFTER`]; `None` without a wish
/// that can be read. A date that has passed is a wish of nothing.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let wish = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(wish).or_else(|| until(wish, now))?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Whole seconds, of any number of digits; a fraction, which some send, is rounded up.
fn seconds(wish: &str) -> Option<Duration> {
    let (whole, fraction) = wish.split_once('.').unwrap_or((wish, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|b| b != b'0'));
    // More digits than a number holds are more than the longest wish.
    let whole = whole.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(whole.saturating_add(more)))
}

fn until(wish: &str, now: DateTime<Utc>) -> Option<Duration> {
    let date = DATES
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(wish, form).ok())?;
    Some((date.and_utc() - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{
        DateTime, Duration, HeaderMap, LONGEST_RETRY_AFTER, RETRY_AFTER, Utc, retry_after,
    };
    use proptest::prelude::{any, proptest};
    use reqwest::header::HeaderValue;

    fn now() -> DateTime<Utc> {
        "2026-11-26T08:49:07Z".parse().unwrap()
    }

    fn read(wish: &[u8]) -> Option<Duration> {
        let value = HeaderValue::from_bytes(wish).ok()?;
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), now())
    }

    #[test]
    fn seconds_and_every_form_of_a_date_are_read() {
        for (wish, seconds) in [
            ("2", 2),
            (" 120 ", 120),
            ("1.5", 2),
            ("48925", 48_925),
            ("0", 0),
            ("Thu, 26 Nov 2026 08:49:37 GMT", 30),
            ("Thursday, 26-Nov-26 08:49:37 GMT", 30),
            ("Thu Nov 26 08:49:37 2026", 30),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ] {
            assert_eq!(
                read(wish.as_bytes()),
                Some(Duration::from_secs(seconds)),
                "{wish}"
            );
        }
    }

    #[test]
    fn an_absurd_wish_is_believed_up_to_the_longest() {
        for wish in [
            "172801",
            "4294967296",
            "18446744073709551616",
            "99999999999999999999999999",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(read(wish.as_bytes()), Some(LONGEST_RETRY_AFTER), "{wish}");
        }
    }

    #[test]
    fn what_is_no_wish_is_none() {
        for wish in [
            "",
            "-1",
            "soon",
            "1e9",
            "NaN",
            "12 s",
            "Thu, 31 Feb 2026 08:49:37 GMT",
            "\u{663}",
        ] {
            assert_eq!(read(wish.as_bytes()), None, "{wish:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_wish_longer_than_the_longest(wish in any::<Vec<u8>>()) {
            assert!(read(&wish).is_none_or(|wait| wait <= LONGEST_RETRY_AFTER));
        }
    }
}
