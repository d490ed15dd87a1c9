//! Whether what Redis holds may be served.

use bondhu_core::cache::instant;
use bondhu_core::cache::trust::{Miss, Verdict, judge as judged};
use bondhu_core::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::documents::document;

/// Judges the texts of the watermark and of a document's value, as [`bondhu_core::cache::trust`]
/// says; empty where there is none. `now` is in Unix microseconds.
///
/// # Errors
/// There is no such document, or `min_lsn` is no position.
#[wasm_bindgen]
pub fn judge(
    name: &str,
    watermark: &str,
    value: &str,
    min_lsn: Option<String>,
    now: f64,
) -> Result<String, JsError> {
    let min_lsn = min_lsn.map(|text| text.parse()).transpose()?;
    let (watermark, value) = (watermark.as_bytes(), value.as_bytes());
    // Whoever calls has seen to it that this is a whole number that a date can have.
    let now = Timestamp(now as i64);
    let verdict = judged(document(name)?, watermark, value, min_lsn, now);
    Ok(serde_json::to_string(&Said::from(&verdict))?)
}

/// What is said of a value.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    #[serde(rename_all = "camelCase")]
    Served {
        served: bool,
        data: &'a RawValue,
        as_of: String,
        version: String,
        expires_soon: bool,
    },
    Missed {
        served: bool,
        reason: &'static str,
    },
}

impl<'a> From<&'a Verdict<'a>> for Said<'a> {
    fn from(verdict: &'a Verdict<'a>) -> Self {
        match verdict {
            Verdict::Serve {
                value,
                expires_soon,
                ..
            } => Self::Served {
                served: true,
                data: value.data,
                as_of: instant::render(value.as_of),
                version: value.v.to_string(),
                expires_soon: *expires_soon,
            },
            Verdict::Miss(miss) => Self::Missed {
                served: false,
                reason: Miss::code(*miss),
            },
        }
    }
}
