//! What a text from a client may be made of is the same in SQL and in core.

use bondhu_core::characters::{is_stray_control, is_visible};
use bondhu_stack::testing::{Database, Role};

#[tokio::test]
async fn the_database_and_core_see_the_same_characters() {
    let db = Database::create().await;
    let mut owner = db.connect(Role::Owner).await;
    let said: Vec<(i32, Option<String>)> = sqlx::query_as(
        "select code, bondhu.text_fault(chr(code))
         from generate_series(1, 1114111) code where code not between 55296 and 57343",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(said.len(), char::MAX as usize - 0x800);
    for (code, fault) in said {
        let c = char::from_u32(code.cast_unsigned()).unwrap();
        let expected = match c {
            _ if is_stray_control(c) => Some("control"),
            _ if is_visible(c) => None,
            _ => Some("blank"),
        };
        assert_eq!(fault.as_deref(), expected, "{c:?}");
    }
}
