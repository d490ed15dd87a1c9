//! The documents in Redis and their keys.

use bondhu_core::cache::Document;
use serde_json::json;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Why a name or an id cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("there is no document {0:?}; there are: {names}", names = Document::ALL.map(Document::name).join(", "))]
    Document(String),
    #[error("a user's id is a UUID such as 11111111-1111-4111-8111-111111111111, not {0:?}")]
    User(String),
}

pub(crate) fn document(name: &str) -> Result<Document, NameError> {
    Document::parse(name).ok_or_else(|| NameError::Document(name.to_owned()))
}

/// The id as Postgres writes it, which is how the mirror does.
fn user_id(text: &str) -> Result<String, NameError> {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| {
            if HYPHENS.contains(&index) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        });
    if !is_uuid {
        return Err(NameError::User(text.chars().take(40).collect()));
    }
    Ok(text.to_ascii_lowercase())
}

/// The Redis key of a user's document.
///
/// # Errors
/// There is no such document, or the id is no UUID.
#[wasm_bindgen]
pub fn document_key(name: &str, user: &str) -> Result<String, JsError> {
    Ok(document(name)?.key(user_id(user)?))
}

/// The document and the user of a key, `{document, user}`; `null` for any other key.
#[wasm_bindgen]
#[must_use]
pub fn document_of_key(key: &str) -> String {
    let found =
        Document::of_key(key).and_then(|(document, user)| Some((document, user_id(user).ok()?)));
    found
        .map(|(document, user)| json!({ "document": document.name(), "user": user }))
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "abcdef01-1111-4111-8111-111111111111";

    #[test]
    fn an_id_is_written_as_postgres_writes_it_or_refused() {
        assert_eq!(user_id(&USER.to_uppercase()), Ok(USER.to_owned()));
        for text in [
            "",
            "}",
            "abcdef01111141118111111111111111",
            "abcdef01-1111-4111-8111-11111111111g",
            "abcdef01-1111-4111-8111-1111111111111",
            "abcdef01-1111-4111-81111-11111111111",
        ] {
            assert_eq!(user_id(text), Err(NameError::User(text.to_owned())));
        }
    }

    #[test]
    fn a_key_leads_back_to_its_document_and_user() {
        for document in Document::ALL {
            let found = document_of_key(&document.key(USER));
            let said = json!({ "document": document.name(), "user": USER });
            assert_eq!(found, said.to_string());
        }
        assert_eq!(document_of_key("mirror:state"), "null");
        assert_eq!(document_of_key("music:profile:{u-1}"), "null");
    }

    #[test]
    fn an_unknown_name_is_told_which_there_are() {
        let told = document("chat").unwrap_err().to_string();
        assert!(
            told.contains("\"chat\"") && told.ends_with("session_active"),
            "{told}"
        );
    }
}
