//! What characters are read as: that the table says what Unicode's data and this project's own
//! additions say, and that a text is read alike however it was encoded.
//!
//! `CHARACTERS=write cargo test -p bondhu-core --test characters` writes the table anew, after
//! an update of the ICU crates or of the additions.

mod alike;
mod data;

use bondhu_core::characters::{fold, is_stray_control, is_visible};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/characters/table.rs");

#[test]
fn the_table_is_current() {
    let table = data::table();
    if std::env::var_os("CHARACTERS").is_some() {
        return std::fs::write(FILE, table).unwrap();
    }
    assert!(
        std::fs::read_to_string(FILE).unwrap() == table,
        "run: CHARACTERS=write cargo test -p bondhu-core --test characters"
    );
}

#[test]
fn every_character_is_read_as_the_data_say() {
    for c in '\0'..=char::MAX {
        let expected = data::folded(c);
        let read = fold(c).map_or_else(|| vec![c], <[char]>::to_vec);
        assert_eq!(read, expected, "{c:?}");
        for c in read {
            assert_eq!(fold(c), None, "{c:?} is read as something else in turn");
        }
    }
}

#[test]
fn the_invisible_are_those_of_the_data() {
    for c in '\0'..=char::MAX {
        assert_eq!(is_visible(c), !data::is_invisible(c), "{c:?}");
        assert!(!is_stray_control(c) || c.is_control() && !is_visible(c));
    }
    for c in [
        '\u{85}',
        '\u{180b}',
        '\u{e0020}',
        '\u{fe0f}',
        '\u{2800}',
        '\u{fffc}',
    ] {
        assert!(!is_visible(c), "{c:?}");
    }
    for c in ['a', 'ভ', '\u{301}', '❤', '¨', '\u{e000}'] {
        assert!(is_visible(c), "{c:?}");
    }
}
