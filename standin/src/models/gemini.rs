//! <https://ai.google.dev/api/generate-content>

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fault::End;
use super::script::Dialect;
use super::speech::Speech;
use super::{Asked, Refusal};
use crate::shared::Shared;
use crate::wire::Reply;

const REQUEST: &str = "#/components/schemas/GenerateContentRequest";

/// `POST …/models/{model}:streamGenerateContent?alt=sse`
pub(super) async fn generate(
    State(shared): State<Arc<Shared>>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let models = &shared.models;
    let key = headers.get("x-goog-api-key").map(|key| key.as_bytes());
    if key != Some(models.key.as_bytes()) {
        return refusal(Refusal::Key).into_response();
    }
    if query.as_deref() != Some("alt=sse") || !call.ends_with(":streamGenerateContent") {
        return refusal(Refusal::UnknownModel).into_response();
    }
    let schema = json!({ "$ref": REQUEST });
    if let Err(error) = models.gemini.check_schema("the request", &schema, &request) {
        return invalid(&error.to_string()).into_response();
    }
    let texts = |content: &Value| -> String {
        let parts = content["parts"].as_array().into_iter().flatten();
        parts.filter_map(|part| part["text"].as_str()).collect()
    };
    let contents = request["contents"].as_array().cloned().unwrap_or_default();
    if contents.last().is_none_or(|last| last["role"] != "user") {
        return invalid("the conversation has to end with the user").into_response();
    }
    let most = request["generationConfig"]["maxOutputTokens"].as_u64();
    let asked = Asked {
        texts: std::iter::once(texts(&request["systemInstruction"]))
            .chain(contents.iter().map(texts))
            .collect(),
        for_notes: request["generationConfig"]
            .get("responseJsonSchema")
            .is_some(),
        most_tokens: most.map_or(usize::MAX / 4, |most| {
            usize::try_from(most).unwrap_or(usize::MAX / 4)
        }),
    };
    models.answer(Dialect::Gemini, &asked)
}

fn invalid(message: &str) -> Reply {
    Reply::new(
        400,
        json!({ "error": { "code": 400, "message": message, "status": "INVALID_ARGUMENT" } }),
    )
}

pub(super) fn refusal(refusal: Refusal) -> Reply {
    let (status, message) = match refusal {
        Refusal::Key => (
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
        ),
        Refusal::Request => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        Refusal::Forbidden => ("PERMISSION_DENIED", "Permission denied."),
        Refusal::UnknownModel => (
            "NOT_FOUND",
            "The model is not found for API version v1beta.",
        ),
        Refusal::Rate { .. } => ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
        Refusal::Failed => ("INTERNAL", "An internal error has occurred."),
        Refusal::Overloaded => (
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
        ),
    };
    let code = refusal.status().as_u16();
    let mut body = json!({ "error": { "code": code, "message": message, "status": status } });
    match refusal {
        Refusal::Key => {
            body["error"]["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com", "metadata": { "service": "generativelanguage.googleapis.com" },
            }]);
        }
        Refusal::Rate { retry_after } => {
            body["error"]["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{retry_after}s"),
            }]);
        }
        _ => {}
    }
    Reply::new(code, body)
}

fn usage(speech: &Speech, said: usize) -> Value {
    let (asked, said) = (speech.asked_tokens, speech.tokens(said));
    json!({ "promptTokenCount": asked, "candidatesTokenCount": said, "totalTokenCount": asked + said })
}

pub(super) fn piece(text: &str, speech: &Speech, said: usize) -> Value {
    json!({
        "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0 }],
        "usageMetadata": usage(speech, said), "modelVersion": "stand-in", "responseId": "stand-in",
    })
}

pub(super) fn end(end: End, speech: &Speech, said: usize) -> Value {
    let reason = match end {
        End::Complete => "STOP",
        End::TooLong => "MAX_TOKENS",
        End::Unsafe => "SAFETY",
        End::Recitation => "RECITATION",
        End::Other => "OTHER",
    };
    json!({
        "candidates": [{ "finishReason": reason, "index": 0 }],
        "usageMetadata": usage(speech, said), "modelVersion": "stand-in", "responseId": "stand-in",
    })
}

pub(super) fn blocked(speech: &Speech) -> Value {
    json!({
        "promptFeedback": { "blockReason": "SAFETY" },
        "usageMetadata": usage(speech, 0), "modelVersion": "stand-in",
    })
}
