//! Messages captured from Postgres 15, and what becomes of them when bytes are missing or wrong.

use bytes::Bytes;

use super::*;

const USER: &str = "11111111-1111-1111-1111-111111111111";
const SECOND: &str = "22222222-2222-2222-2222-222222222222";
const THIRD: &str = "33333333-3333-3333-3333-333333333333";

/// `user_sessions (user_id, id)`.
const RELATION: &str = "520000610d7075626c696300757365725f73657373696f6e730064000201757365725f6964\
    0000000b86ffffffff0169640000000b86ffffffff";
const INSERT: &str = "490000610d4e0002740000002431313131313131312d313131312d313131312d313131312d31\
    3131313131313131313131740000002432323232323232322d323232322d323232322d323232322d323232323232323232323232";
const UPDATE: &str = "55000060f34e0001740000002431313131313131312d313131312d313131312d313131312d3131\
    31313131313131313131";
const UPDATE_OF_KEY: &str = "550000610d4b0002740000002431313131313131312d313131312d313131312d3131313\
    12d313131313131313131313131740000002432323232323232322d323232322d323232322d323232322d3232323232323232323232\
    324e0002740000002431313131313131312d313131312d313131312d313131312d31313131313131313131313174000000243333333\
    3333333332d333333332d333333332d333333332d333333333333333333333333";
const DELETE: &str = "440000610d4b0002740000002431313131313131312d313131312d313131312d313131312d31\
    3131313131313131313131740000002433333333333333332d333333332d333333332d333333332d333333333333333333333333";
const TRUNCATE: &str = "5400000002010000610d0000613f";

const CAPTURED: [&str; 6] = [RELATION, INSERT, UPDATE, UPDATE_OF_KEY, DELETE, TRUNCATE];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn decoded(hex: &str) -> RowMessage {
    decode(bytes(hex).into()).unwrap()
}

fn row(values: &[&'static str]) -> Tuple {
    Tuple(
        values
            .iter()
            .map(|value| Value::Text(Bytes::from_static(value.as_bytes())))
            .collect(),
    )
}

#[test]
fn a_description_names_the_published_columns() {
    let relation = Relation {
        id: 0x610d,
        schema: "public".into(),
        name: "user_sessions".into(),
        columns: vec!["user_id".into(), "id".into()],
    };
    assert_eq!(decoded(RELATION), RowMessage::Relation(relation));
}

#[test]
fn rows_are_read_as_postgres_sends_them() {
    assert_eq!(
        decoded(INSERT),
        RowMessage::Insert {
            relation: 0x610d,
            new: row(&[USER, SECOND])
        }
    );
    assert_eq!(
        decoded(UPDATE),
        RowMessage::Update {
            relation: 0x60f3,
            old: None,
            new: row(&[USER])
        }
    );
    assert_eq!(
        decoded(DELETE),
        RowMessage::Delete {
            relation: 0x610d,
            old: row(&[USER, THIRD])
        }
    );
    assert_eq!(
        decoded(TRUNCATE),
        RowMessage::Truncate {
            relations: vec![0x610d, 0x613f]
        }
    );
}

#[test]
fn an_update_of_the_key_carries_the_former_key() {
    let expected = RowMessage::Update {
        relation: 0x610d,
        old: Some(row(&[USER, SECOND])),
        new: row(&[USER, THIRD]),
    };
    assert_eq!(decoded(UPDATE_OF_KEY), expected);
}

#[test]
fn nulls_and_values_that_were_not_sent_are_told_apart() {
    let message = b"I\0\0\0\x01N\0\x03nub\0\0\0\x01\xff";
    let new = Tuple(vec![
        Value::Null,
        Value::Unchanged,
        Value::Binary(Bytes::from_static(b"\xff")),
    ]);
    assert_eq!(
        decode(Bytes::from_static(message)),
        Ok(RowMessage::Insert { relation: 1, new })
    );
}

#[test]
fn types_and_origins_say_nothing_about_rows() {
    assert_eq!(
        decode(Bytes::from_static(b"Y\0\0\0\x01public\0mood\0")),
        Ok(RowMessage::Other)
    );
    assert_eq!(
        decode(Bytes::from_static(b"O\0\0\0\0\0\0\0\x01elsewhere\0")),
        Ok(RowMessage::Other)
    );
}

#[test]
fn a_message_cut_short_anywhere_is_an_error() {
    for message in CAPTURED {
        let whole = bytes(message);
        for length in 0..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..length]);
            assert!(decode(cut).is_err(), "{length} bytes of {message}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_an_error() {
    for message in CAPTURED {
        let mut long = bytes(message);
        long.push(0);
        assert_eq!(
            decode(long.into()),
            Err(DecodeError::Trailing(1)),
            "{message}"
        );
    }
}

#[test]
fn counts_that_cannot_be_are_refused_before_anything_is_kept_for_them() {
    let columns = |count: i16| {
        let mut message = b"I\0\0\0\x01N".to_vec();
        message.extend(count.to_be_bytes());
        decode(message.into())
    };
    assert!(matches!(
        columns(-1),
        Err(DecodeError::Impossible { found: -1, .. })
    ));
    assert!(matches!(
        columns(i16::MAX),
        Err(DecodeError::Impossible { .. })
    ));

    let length = decode(Bytes::from_static(b"I\0\0\0\x01N\0\x01t\xff\xff\xff\xff"));
    assert!(matches!(
        length,
        Err(DecodeError::Impossible { found: -1, .. })
    ));
    let relations = decode(Bytes::from_static(b"T\x7f\xff\xff\xff\0"));
    assert!(matches!(relations, Err(DecodeError::Impossible { .. })));
}

#[test]
fn letters_that_stand_for_nothing_are_errors() {
    for message in [
        &b"Z"[..],
        b"I\0\0\0\x01K",
        b"U\0\0\0\x01X",
        b"D\0\0\0\x01N",
        b"I\0\0\0\x01N\0\x01x",
    ] {
        let error = decode(Bytes::from_static(message));
        assert!(
            matches!(error, Err(DecodeError::Unknown { .. })),
            "{message:?}: {error:?}"
        );
    }
    assert_eq!(
        decode(Bytes::from_static(b"Y\0\0\0\x01\xff\0m\0")),
        Err(DecodeError::NotUtf8("the schema of a type"))
    );
}

#[test]
fn a_byte_that_changes_on_the_way_never_makes_it_panic() {
    for message in CAPTURED {
        let whole = bytes(message);
        for at in 0..whole.len() {
            for to in 0..=u8::MAX {
                let mut changed = whole.clone();
                changed[at] = to;
                // An error or another message: both are answers.
                let _ = decode(changed.into());
            }
        }
    }
}
