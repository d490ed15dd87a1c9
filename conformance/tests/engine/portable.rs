//! The portable engine scores as the native one does: the same digits for any text.

use std::fmt::Write as _;

use bondhu_stack::template;
use bondhu_stack::testing::{Database, Role, execute};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::{Connection as _, PgConnection};

const GOLDEN: &str = include_str!("../../golden/scores.tsv");
const PATTERNS: &str = include_str!("../../../core/data/support.txt");
const CASES: [&str; 2] = [
    include_str!("../../../core/tests/support_cases.tsv"),
    include_str!("../../../core/tests/support_held_out.tsv"),
];

/// How many random texts are compared, if another number than in every run.
const TEXTS: &str = "BONDHU_FUZZ_TEXTS";
const SOME: usize = 1_500;

/// Applies the portable engine as the owner. A native one stays attached.
pub(crate) async fn add_portable_engine(owner: &mut PgConnection) {
    if template::is_portable() {
        return;
    }
    template::portable_engine()
        .unwrap()
        .run(owner)
        .await
        .unwrap();
}

/// A database with the native engine, attached, and the portable one.
pub(crate) async fn with_both() -> (Database, PgConnection) {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    add_portable_engine(&mut owner).await;
    execute(&mut owner, "select bondhu.install_engine('native')").await;
    (db, owner)
}

/// Texts for which the engines differ, with what they say.
async fn differences(owner: &mut PgConnection, texts: &[String]) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for batch in texts.chunks(500) {
        let some: Vec<(String, String, String)> = sqlx::query_as(
            "select t, n::text, p::text from unnest($1::text[]) t
             cross join lateral bondhu_native.score(t) n cross join lateral bondhu_portable.score(t) p
             where n::text <> p::text
             union all
             select t, n, p from unnest($1::text[]) t
             cross join lateral (select array_agg(e::text)::text as n from bondhu_native.explain(t) e) n
             cross join lateral (select array_agg(e::text)::text as p from bondhu_portable.explain(t) e) p
             where length(t) < 300 and n is distinct from p",
        )
        .bind(batch)
        .fetch_all(&mut *owner)
        .await
        .unwrap();
        all.extend(some);
        if all.len() > 20 {
            break;
        }
    }
    all
}

fn known() -> Vec<String> {
    let files = [GOLDEN, CASES[0], CASES[1]];
    let lines = files.iter().flat_map(|file| file.lines());
    let mut texts: Vec<String> = lines
        .flat_map(|line| line.split('\t'))
        .map(str::to_owned)
        .collect();
    // Patterns with one word of each element, and with another.
    for line in PATTERNS
        .lines()
        .filter(|line| !line.starts_with(['#', 's']))
    {
        for last in [false, true] {
            let words = line.split(' ').skip(1).map(|element| {
                let mut words = element.trim_end_matches('?').split('|');
                if last {
                    words.next_back()
                } else {
                    words.next()
                }
                .unwrap_or("")
            });
            texts.push(
                words
                    .collect::<Vec<_>>()
                    .join(" ")
                    .replace(['$', '_', '@'], ""),
            );
        }
    }
    texts
}

/// Characters that are read in a special way, beside those of any script.
const SPECIAL: &str = "'`#*’“”…!?.:;=<>@(),\n\t -_/\\|।॥৷😂❤🏻🏿💔🙂👍🇧🇩\u{200d}\u{fe0f}\u{200b}\u{ad}ÀéÏõÜßİıſΩΣςЖжА𝐚ａⓐﬁ①²½ক্ষয়ড়ঢ়োৌোৌৎংঁ়্ज़ड़क़ख़ँं़्한글ᄒ각あア漢字ไทยعربي\u{85}\u{a0}\u{2028}\u{1}\u{7f}\u{e0041}\u{1e9e}ǅᾈ";

struct Writer {
    random: StdRng,
    words: Vec<String>,
    special: Vec<char>,
}

impl Writer {
    fn new() -> Self {
        let mut words: Vec<String> = known()
            .iter()
            .flat_map(|text| text.split_whitespace())
            .map(str::to_owned)
            .collect();
        words.extend(
            [
                "couldn't",
                "can't",
                "could",
                "be",
                "better",
                "worse",
                "more",
                "less",
                "than",
                "never",
                "been",
                "nothing",
                "no",
                "one",
                "think",
                "get",
                "in",
                "isse",
                "nahi",
                "ho",
                "sakta",
                "cheye",
                "pare",
                "na",
                "but",
                "very",
                "not",
                "used",
                "to",
                "years",
                "ago",
                "still",
                ":)",
                ":-(",
                ":'(",
                "<3",
                "<333",
                "xD",
                ":D",
                "http://a.b",
                "www.x",
                "@bob",
                "https",
                "soooo",
                "haaappy",
                "tireddd",
                "!!",
                "...",
                "……",
            ]
            .map(str::to_owned),
        );
        Self {
            random: StdRng::seed_from_u64(0x626f_6e64),
            words,
            special: SPECIAL.chars().collect(),
        }
    }

    fn any(&mut self) -> char {
        let code = match self.random.random_range(0..6) {
            0 => self.random.random_range(1..0x80),
            1 => self.random.random_range(0x80..0x600),
            2 => self.random.random_range(0x900..0xa00),
            3 => self.random.random_range(0x1f000..0x1fb00),
            4 => self.random.random_range(0x600..0x1_0000),
            _ => self.random.random_range(0x1_0000..0x11_0000),
        };
        char::from_u32(code).unwrap_or('x')
    }

    fn piece(&mut self, text: &mut String) {
        let word = self.random.random_range(0..self.words.len());
        match self.random.random_range(0..20) {
            0 => text.push_str(&self.words[word].to_uppercase()),
            1 | 2 => {
                let at = self.random.random_range(0..self.special.len());
                text.push(self.special[at]);
            }
            3 => {
                let c = self.any();
                text.push(c);
            }
            4 => {
                // A word with something in it.
                let c = if self.random.random_bool(0.5) {
                    self.any()
                } else {
                    '\''
                };
                let chars: Vec<char> = self.words[word].chars().collect();
                let at = self.random.random_range(0..=chars.len());
                text.extend(&chars[..at]);
                text.push(c);
                text.extend(&chars[at..]);
            }
            5 => {
                let indic = self.random.random_range(2..8);
                for _ in 0..indic {
                    let first = if self.random.random_bool(0.7) {
                        0x980
                    } else {
                        0x900
                    };
                    text.extend(char::from_u32(first + self.random.random_range(0..0x80)));
                }
            }
            _ => text.push_str(&self.words[word]),
        }
        if self.random.random_bool(0.75) {
            text.push(' ');
        }
    }

    /// One in two hundred is long.
    fn text(&mut self) -> String {
        let characters = if self.random.random_ratio(1, 200) {
            self.random.random_range(2_000..8_200)
        } else {
            self.random.random_range(0..120)
        };
        let mut text = String::new();
        while text.chars().count() < characters {
            self.piece(&mut text);
        }
        text
    }
}

fn told(differences: &[(String, String, String)]) -> String {
    let mut all = String::new();
    for (text, native, portable) in differences {
        let text: String = text.chars().take(200).collect();
        let _ = writeln!(
            all,
            "{text:?}\n  native   {native:.300}\n  portable {portable:.300}"
        );
    }
    all
}

#[tokio::test]
async fn the_portable_engine_gives_the_digits_of_the_native_one() {
    let (_db, mut owner) = with_both().await;
    let version: (i32, i32) =
        sqlx::query_as("select bondhu_native.engine_version(), bondhu_portable.engine_version()")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(version.0, version.1);
    let found = differences(&mut owner, &known()).await;
    assert!(found.is_empty(), "{}", told(&found));

    let count =
        std::env::var(TEXTS).map_or(SOME, |count| count.parse().expect("a number of texts"));
    let mut writer = Writer::new();
    let mut left = count;
    while left > 0 {
        let texts: Vec<String> = (0..left.min(2_000))
            .map(|_| writer.text().replace('\0', ""))
            .collect();
        left -= texts.len();
        let found = differences(&mut owner, &texts).await;
        assert!(found.is_empty(), "{}", told(&found));
    }
    println!("{count} random texts: no difference");
    owner.close().await.unwrap();
}
