//! JSON that is nearly JSON: cut surrogates, numbers beyond any, raw control characters, bytes
//! that are no UTF-8. All of a body would fail over one of them.

/// Puts a replacement in place of what no JSON reader takes, and leaves everything else.
pub(super) fn mend(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('"') {
            string(rest, &mut mended)
        } else {
            number(rest, &mut mended)
        };
        rest = &rest[taken..];
    }
    mended.push_str(rest);
    mended
}

/// A number that no `f64` holds becomes null. Returns how many bytes it took.
fn number(rest: &str, mended: &mut String) -> usize {
    let end = rest
        .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
        .unwrap_or(rest.len());
    let number = &rest[..end];
    let held = number.parse::<f64>().is_ok_and(f64::is_finite);
    mended.push_str(if held { number } else { "null" });
    end
}

/// A string with its quotes. Returns how many bytes it took.
fn string(rest: &str, mended: &mut String) -> usize {
    mended.push('"');
    let mut at = 1;
    while let Some(next) = rest[at..].chars().next() {
        match next {
            '"' => {
                mended.push('"');
                return at + 1;
            }
            '\\' => at += escape(&rest[at..], mended),
            control if control < ' ' => {
                mended.push_str(&format!("\\u{:04x}", u32::from(control)));
                at += 1;
            }
            other => {
                mended.push(other);
                at += other.len_utf8();
            }
        }
    }
    at
}

/// An escape; half a surrogate pair becomes U+FFFD.
fn escape(rest: &str, mended: &mut String) -> usize {
    let pair = match (unit(rest), rest.get(6..).and_then(unit)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => Some(12),
        (Some(0xD800..=0xDFFF), _) => None,
        (Some(_), _) => Some(6),
        (None, _) => Some(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
    };
    mended.push_str(pair.map_or("\\ufffd", |length| &rest[..length]));
    pair.unwrap_or(6)
}

/// The UTF-16 unit of a `\uXXXX` at the beginning.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::mend;

    #[test]
    fn good_json_stays_as_it_is() {
        let good = r#"{"a": [1, -2.5e3, "x\"\\\u00e9\ud83d\ude00é", true], "b": null}"#;
        assert_eq!(mend(good.as_bytes()), good);
    }

    #[test]
    fn halves_of_pairs_are_replaced() {
        assert_eq!(mend(br#""\ud83d""#), r#""\ufffd""#);
        assert_eq!(mend(br#""\ude00\ud83d\u0041""#), r#""\ufffd\ufffd\u0041""#);
        assert_eq!(mend(br#"{"a": 1e999}"#), r#"{"a": null}"#);
        assert_eq!(mend(b"\"a\nb\""), r#""a\u000ab""#);
        for cut in ["\"a", "\"\\", "\"\\u12", "-", "\"\\ud83d\\u"] {
            mend(cut.as_bytes());
        }
    }
}
