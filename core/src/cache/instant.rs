//! Instants as texts of RFC 3339, in UTC and to the microsecond.

use crate::time::{Day, Timestamp};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Digits of a second's fraction that count.
const FRACTION_DIGITS: usize = 6;

/// E.g. `2023-11-14T22:13:20.123456Z`.
#[must_use]
pub fn render(instant: Timestamp) -> String {
    let (year, month, day) = civil(instant.day());
    let of_day = instant.0.saturating_sub(instant.day().start().0);
    let (hour, minute) = (of_day / HOUR, of_day % HOUR / MINUTE);
    let (second, micros) = (of_day % MINUTE / SECOND, of_day % SECOND);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Reads any text of RFC 3339 but a leap second's; finer digits than microseconds are cut off.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_at_checked(10)?;
    let (year, rest) = number(date, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, _) = number(rest.strip_prefix('-')?, 2)?;
    let (hour, rest) = number(time.strip_prefix(['T', 't', ' '])?, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (micros, zone) = match rest.strip_prefix('.') {
        Some(rest) => fraction(rest)?,
        None => (0, rest),
    };
    if !(hour < 24 && minute < 60 && second < 60) {
        return None;
    }
    let of_day = hour * HOUR + minute * MINUTE + second * SECOND + micros;
    let start = day_of(year, month, day)?.start();
    Some(Timestamp(start.0 + of_day - offset(zone)?))
}

/// A number of just so many digits, and what follows it.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let all = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| all)?, rest))
}

/// The digits behind the point in microseconds, and what follows them.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|sign: char| !sign.is_ascii_digit())?;
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let padded = digits.bytes().chain(std::iter::repeat(b'0'));
    let micros = padded
        .take(FRACTION_DIGITS)
        .fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
    Some((micros, rest))
}

/// How far a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, rest) = number(zone.get(1..)?, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60)
        .then_some(sign * (hours * HOUR + minutes * MINUTE))
}

/// Year, month and day of the Gregorian calendar. The year begins in March, so that the leap day
/// is its last: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn civil(Day(day): Day) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The day of a date; `None` when there is no such date.
fn day_of(year: i64, month: i64, day: i64) -> Option<Day> {
    let shifted = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    let found = Day(era * 146_097 + of_era - 719_468);
    (civil(found) == (year, month, day)).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{parse, render};
    use crate::time::Timestamp;

    #[test]
    fn an_instant_is_read_in_every_form_that_rfc_3339_has() {
        let instant = Timestamp(1_700_000_000_123_456);
        assert_eq!(render(instant), "2023-11-14T22:13:20.123456Z");
        for text in [
            "2023-11-14T22:13:20.123456Z",
            "2023-11-14t22:13:20.123456789z",
            "2023-11-14 23:43:20.123456+01:30",
            "2023-11-14T12:13:20.123456-10:00",
        ] {
            assert_eq!(parse(text), Some(instant), "{text}");
        }
        let whole = Some(Timestamp(1_700_000_000_000_000));
        assert_eq!(parse("2023-11-14T22:13:20Z"), whole);
        assert_eq!(parse("2023-11-14T22:13:20.0Z"), whole);
    }

    #[test]
    fn what_is_no_instant_is_not_read() {
        for text in [
            "",
            "now",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20.5",
            "2023-11-14T22:13Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:60:00Z",
            "2023-11-14T22:13:60Z",
            "2023-11-14T22:13:20+1:00",
            "2023-11-14T22:13:20+01:00x",
            "2023-11-14T22:13:20+24:00",
            "2023-11-14T22:13:20ü",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "+023-01-01T00:00:00Z",
            "12023-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_calendar_has_its_leap_days() {
        for (text, day) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2100-03-01", 47_541),
            ("0000-03-01", -719_468),
        ] {
            let midnight = format!("{text}T00:00:00.000000Z");
            let instant = Timestamp(day * 86_400_000_000);
            assert_eq!(parse(&midnight), Some(instant), "{text}");
            assert_eq!(render(instant), midnight);
        }
    }

    proptest! {
        #[test]
        fn an_instant_of_four_digit_years_is_read_as_it_was_written(
            micros in -62_167_219_200_000_000..=253_402_300_799_999_999_i64,
        ) {
            prop_assert_eq!(parse(&render(Timestamp(micros))), Some(Timestamp(micros)));
        }

        #[test]
        fn no_text_and_no_instant_makes_it_panic(text in "\\PC{0,40}", micros in any::<i64>()) {
            let _ = parse(&text);
            let _ = render(Timestamp(micros));
        }
    }
}
