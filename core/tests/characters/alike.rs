//! A text is read alike however it was encoded.

use bondhu_core::characters::FoldBuffer;
use bondhu_core::score::score;
use icu_normalizer::{
    ComposingNormalizerBorrowed as Composing, DecomposingNormalizerBorrowed as Decomposing,
};
use proptest::prelude::*;
use proptest::sample::select;

const MESSAGES: [&str; 3] = [
    include_str!("../../../conformance/golden/scores.tsv"),
    include_str!("../support_cases.tsv"),
    include_str!("../support_held_out.tsv"),
];

/// Texts of the golden file and of the support detector's cases.
fn messages() -> Vec<&'static str> {
    let [golden, cases, held_out] = MESSAGES;
    let first = golden
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next());
    let last = cases.lines().skip(1).chain(held_out.lines().skip(1));
    first
        .chain(last.filter_map(|line| line.split('\t').nth(3)))
        .collect()
}

/// The normal forms of Unicode.
fn forms(text: &str) -> [String; 4] {
    [
        Composing::new_nfc().normalize(text).into_owned(),
        Decomposing::new_nfd().normalize(text).into_owned(),
        Composing::new_nfkc().normalize(text).into_owned(),
        Decomposing::new_nfkd().normalize(text).into_owned(),
    ]
}

fn read(text: &str) -> String {
    FoldBuffer::default().fold(text, 8_000).to_owned()
}

/// Each ASCII letter and digit by the number that `to` gives it, in other letters.
fn drawn(text: &str, to: impl Fn(char) -> Option<u32>) -> String {
    text.chars()
        .map(|c| to(c).and_then(char::from_u32).unwrap_or(c))
        .collect()
}

/// The code of what stands for a character, if something does.
type Drawing = fn(char) -> Option<u32>;

/// Ways to write ASCII that look like it: name and drawing.
fn disguises() -> Vec<(&'static str, Drawing)> {
    fn from(c: char, upper: u32, lower: u32) -> Option<u32> {
        match c {
            'A'..='Z' => Some(upper + (c as u32 - 'A' as u32)),
            'a'..='z' => Some(lower + (c as u32 - 'a' as u32)),
            _ => None,
        }
    }
    vec![
        ("full width", |c| {
            c.is_ascii_graphic().then_some(c as u32 + 0xfee0)
        }),
        ("full-width apostrophe", |c| (c == '\'').then_some(0xff07)),
        ("curly apostrophe", |c| (c == '\'').then_some(0x2019)),
        ("modifier apostrophe", |c| (c == '\'').then_some(0x2bc)),
        ("acute for apostrophe", |c| (c == '\'').then_some(0xb4)),
        ("mathematical bold", |c| from(c, 0x1d400, 0x1d41a)),
        ("mathematical bold italic", |c| from(c, 0x1d468, 0x1d482)),
        ("mathematical bold script", |c| from(c, 0x1d4d0, 0x1d4ea)),
        ("bold Fraktur", |c| from(c, 0x1d56c, 0x1d586)),
        ("sans serif", |c| from(c, 0x1d5a0, 0x1d5ba)),
        ("typewriter", |c| from(c, 0x1d670, 0x1d68a)),
        ("circles", |c| from(c, 0x24b6, 0x24d0)),
        ("no-break spaces", |c| (c == ' ').then_some(0xa0)),
        ("ideographic spaces", |c| (c == ' ').then_some(0x3000)),
    ]
}

#[test]
fn a_message_scores_alike_in_every_normal_form() {
    for text in messages() {
        let expected = score(text);
        for form in forms(text) {
            assert_eq!(score(&form), expected, "{text:?} as {form:?}");
        }
    }
}

#[test]
fn a_message_scores_alike_in_other_letters() {
    for text in messages() {
        let expected = score(text);
        for (name, to) in disguises() {
            let disguised = drawn(text, to);
            assert_eq!(score(&disguised), expected, "{name}: {disguised:?}");
        }
    }
}

#[test]
fn a_message_in_capitals_scores_alike_in_any_drawing_of_them() {
    for text in messages() {
        let text = text.to_ascii_uppercase();
        let expected = score(&text);
        for first in [0x1f130, 0x1f150, 0x1f170] {
            let to = |c: char| {
                c.is_ascii_uppercase()
                    .then(|| first + (c as u32 - 'A' as u32))
            };
            let disguised = drawn(&text, to);
            assert_eq!(score(&disguised), expected, "{disguised:?}");
        }
    }
}

#[test]
fn a_crisis_is_not_hidden_by_how_it_is_written() {
    for text in [
        "I w\u{ad}ant to die",
        "I w\u{200b}a\u{2060}nt to d\u{e0041}ie",
        "Ｉ　ｗａｎｔ　ｔｏ　ｄｉｅ",
        "𝐈 𝓌𝖺𝗇𝓉 𝕥𝕠 𝙙𝒾𝑒",
        "ɪ ᴡᴀɴᴛ ᴛᴏ ᴅɪᴇ",
        "I don＇t want to live anymore",
        "🅘 🆆🅐🅽🆃 🆃🅾 🅓🅸🅔",
        "i̵ w̵a̵n̵t̵ t̵o̵ d̵i̵e̵",
        "í wânt tö diè",
    ] {
        assert_eq!(score(text).support.as_str(), "crisis", "{text}");
    }
}

#[test]
fn emoji_keep_what_they_say() {
    for (dressed, plain) in [
        ("❤\u{fe0f}", "❤"),
        ("☹\u{fe0f}", "☹"),
        ("👍🏽", "👍"),
        ("👩\u{200d}❤\u{fe0f}\u{200d}👨", "👩❤👨"),
        ("❤\u{fe0f}\u{200d}🔥", "❤🔥"),
        ("1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}", "1\u{20e3}2\u{20e3}"),
        (
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "🏴",
        ),
    ] {
        assert_eq!(score(dressed), score(plain), "{dressed}");
    }
    for kept in [
        "🇧🇩",
        "😂",
        "1\u{20e3}",
        "☹",
        "™".trim_end_matches('™'),
        "🏳",
        "❤",
        "💔",
        "©",
    ] {
        assert_eq!(read(kept), kept);
    }
}

/// What nobody sees.
const UNSEEN: [char; 12] = [
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{180b}',
    '\u{200b}',
    '\u{200d}',
    '\u{2060}',
    '\u{feff}',
    '\u{fe0e}',
    '\u{fe0f}',
    '\u{e0020}',
    '\u{e01ef}',
];

/// Characters whose encodings differ most: letters with their marks and parts.
const INTRICATE: &str = "aåÅ\u{212b}\u{30a}\u{323}\u{1fef}ও\u{9c7}\u{9be}\u{9d7}\u{9cb}\u{9cc}\u{9bc}\u{9cd}\
    ড\u{9dc}\u{9df}य\u{95f}\u{93c}\u{94d}\u{929}\u{951}가각ㄱ\u{1100}\u{1161}\u{11a8}ﷺｶﾞが\u{3099}½ﬃſ\u{345}ᾳ\u{f71}\u{e38}'´’";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_not_seen_is_not_read(
        text in select(messages()),
        put in proptest::collection::vec((any::<proptest::sample::Index>(), select(UNSEEN.to_vec())), 1..20),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, unseen) in put {
            chars.insert(at.index(chars.len() + 1), unseen);
        }
        let strewn: String = chars.into_iter().collect();
        prop_assert_eq!(score(&strewn), score(text), "{:?}", strewn);
    }

    #[test]
    fn any_text_is_read_alike_in_its_canonical_forms(
        text in proptest::collection::vec(
            prop_oneof![select(INTRICATE.chars().collect::<Vec<_>>()), any::<char>()], 0..24),
        most in 0_usize..24,
    ) {
        let text: String = text.into_iter().collect();
        let first = |text: &str| FoldBuffer::default().fold(text, most).chars().take(most).collect::<String>();
        let [composed, decomposed, ..] = forms(&text);
        prop_assert_eq!(read(&text), read(&composed));
        prop_assert_eq!(read(&text), read(&decomposed));
        prop_assert_eq!(first(&text), first(&decomposed));
        prop_assert_eq!(read(&read(&text)), read(&text));
    }
}
