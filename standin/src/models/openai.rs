//! <https://platform.openai.com/docs/api-reference/chat/create>

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fault::End;
use super::script::Dialect;
use super::speech::Speech;
use super::{Asked, Refusal};
use crate::shared::Shared;
use crate::traffic::bearer;
use crate::wire::Reply;

const REQUEST: &str = "#/components/schemas/Request";

/// `POST …/chat/completions` with `"stream": true`
pub(super) async fn complete(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let models = &shared.models;
    if bearer(&headers) != Some(models.key.as_str()) {
        return refusal(Refusal::Key).into_response();
    }
    let schema = json!({ "$ref": REQUEST });
    if let Err(error) = models.openai.check_schema("the request", &schema, &request) {
        return invalid(&error.to_string()).into_response();
    }
    if request["stream"] != true {
        return invalid("the stand-in only streams").into_response();
    }
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    let most = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| request[name].as_u64());
    let asked = Asked {
        texts: messages.iter().map(text).collect(),
        for_notes: request["response_format"]["type"] == "json_schema",
        most_tokens: most.map_or(usize::MAX / 4, |most| {
            usize::try_from(most).unwrap_or(usize::MAX / 4)
        }),
    };
    models.answer(Dialect::OpenAi, &asked)
}

fn invalid(message: &str) -> Reply {
    error(
        StatusCode::BAD_REQUEST,
        message,
        "invalid_request_error",
        None,
    )
}

fn error(status: StatusCode, message: &str, kind: &str, code: Option<&str>) -> Reply {
    let body =
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
    Reply::new(status.as_u16(), body)
}

pub(super) fn refusal(refusal: Refusal) -> Reply {
    let status = refusal.status();
    match refusal {
        Refusal::Key => error(
            StatusCode::UNAUTHORIZED,
            "Incorrect API key provided.",
            "invalid_request_error",
            Some("invalid_api_key"),
        ),
        Refusal::Request => invalid("The request is invalid."),
        Refusal::Forbidden => error(status, "You have no access.", "invalid_request_error", None),
        Refusal::UnknownModel => error(
            status,
            "The model does not exist.",
            "invalid_request_error",
            Some("model_not_found"),
        ),
        Refusal::Rate { retry_after } => error(
            status,
            "Rate limit reached.",
            "requests",
            Some("rate_limit_exceeded"),
        )
        .header(header::RETRY_AFTER.as_str(), &retry_after.to_string()),
        Refusal::Failed => error(status, "The server had an error.", "server_error", None),
        Refusal::Overloaded => error(status, "The engine is overloaded.", "server_error", None),
    }
}

fn chunk(choices: &Value, usage: Option<Value>) -> Value {
    let mut chunk = json!({
        "id": "chatcmpl-stand-in", "object": "chat.completion.chunk", "created": 0, "model": "stand-in",
        "choices": choices,
    });
    if let Some(usage) = usage {
        chunk["usage"] = usage;
    }
    chunk
}

pub(super) fn piece(text: &str) -> Value {
    chunk(
        &json!([{ "index": 0, "delta": { "role": "assistant", "content": text }, "finish_reason": null }]),
        None,
    )
}

/// The reason, and in a chunk of its own what it took.
pub(super) fn end(end: End, speech: &Speech, said: usize) -> Vec<Value> {
    let reason = match end {
        End::Complete => "stop",
        End::TooLong => "length",
        End::Unsafe | End::Recitation => "content_filter",
        End::Other => "tool_calls",
    };
    let (asked, said) = (speech.asked_tokens, speech.tokens(said));
    let usage =
        json!({ "prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said });
    vec![
        chunk(
            &json!([{ "index": 0, "delta": {}, "finish_reason": reason }]),
            None,
        ),
        chunk(&json!([]), Some(usage)),
    ]
}
