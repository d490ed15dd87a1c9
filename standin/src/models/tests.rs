use axum::body::to_bytes;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::*;
use crate::traffic::LARGEST_BODY;

fn models() -> Models {
    let at_once = Pace {
        first: Duration::ZERO,
        between: Duration::ZERO,
    };
    Models::new("key".to_owned(), at_once).unwrap()
}

async fn events(models: &Models, dialect: Dialect, text: &str, most_tokens: usize) -> Vec<String> {
    let asked = Asked {
        texts: vec!["You are kind.".to_owned(), text.to_owned()],
        most_tokens,
        for_notes: false,
    };
    let answer = models.answer(dialect, &asked).into_body();
    let body = to_bytes(answer, LARGEST_BODY).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let data = |event: &str| event.trim().strip_prefix("data: ").map(str::to_owned);
    text.replace("\r\n", "\n")
        .split("\n\n")
        .filter_map(data)
        .collect()
}

#[tokio::test]
async fn what_is_sent_is_as_described() {
    let models = models();
    for (dialect, description, schema) in [
        (
            Dialect::Gemini,
            &models.gemini,
            "#/components/schemas/GenerateContentResponse",
        ),
        (
            Dialect::OpenAi,
            &models.openai,
            "#/components/schemas/Chunk",
        ),
    ] {
        for text in [
            "hi",
            "hi [model: prompt blocked]",
            "hi [model: unsafe midway]",
            "hi [model: thinks too long]",
        ] {
            for event in events(&models, dialect, text, 1000).await {
                if event == "[DONE]" {
                    continue;
                }
                let chunk: Value = serde_json::from_str(&event).unwrap();
                description
                    .check_schema(text, &json!({ "$ref": schema }), &chunk)
                    .unwrap();
            }
        }
    }
}

#[tokio::test]
async fn refusals_are_as_described() {
    let models = models();
    for refusal in [
        Refusal::Key,
        Refusal::Request,
        Refusal::Forbidden,
        Refusal::UnknownModel,
        Refusal::Rate { retry_after: 23 },
        Refusal::Failed,
        Refusal::Overloaded,
    ] {
        let body = gemini::refusal(refusal).body;
        let schema = json!({ "$ref": "#/components/schemas/GoogleRpcError" });
        models
            .gemini
            .check_schema("an error", &schema, &body)
            .unwrap();
        let body = openai::refusal(refusal).body;
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        models
            .openai
            .check_schema("an error", &schema, &body)
            .unwrap();
        assert_eq!(
            gemini::refusal(refusal).into_response().status(),
            refusal.status()
        );
    }
}

#[tokio::test]
async fn no_more_tokens_are_said_than_are_allowed() {
    let models = models();
    let events = events(&models, Dialect::Gemini, "hi [model: rambles]", 50).await;
    let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(last["usageMetadata"]["candidatesTokenCount"], 50);
    assert_eq!(last["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[tokio::test]
async fn a_fault_that_comes_once_comes_once() {
    let models = models();
    let asked = Asked {
        texts: vec!["hi [model: overloaded once]".to_owned()],
        most_tokens: 100,
        for_notes: false,
    };
    let status = || models.answer(Dialect::OpenAi, &asked).status().as_u16();
    assert_eq!([status(), status(), status()], [503, 200, 200]);
}

#[test]
fn only_the_last_paragraph_asks_for_a_fault() {
    assert_eq!(
        Fault::asked_for("[model: failed]\n\nhello", "[model: "),
        None
    );
    assert_eq!(
        Fault::asked_for("hello\n\n[model: nonsense]", "[model: "),
        None
    );
    let (fault, once) = Fault::asked_for("a [model: failed once] b", "[model: ").unwrap();
    assert_eq!((fault, once), (Fault::Refuses(Refusal::Failed), true));
}

#[test]
fn notes_are_what_a_new_message_tells_and_replace_what_begins_alike() {
    let ask = |text: &str| {
        let data = json!({
            "notes": [{ "number": 1, "text": "Their cat is young." }],
            "conversation": [{ "by": "person", "text": "My dog." }, { "by": "person", "number": 1, "text": text }],
        });
        let said = notes::about(&format!("<data>\n{data}\n</data>"));
        serde_json::from_str::<Value>(&said).unwrap_or(json!(said))
    };
    let found = ask("Hi! My cat is old. My bike broke?");
    let told: Vec<[&Value; 3]> = found["memories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| [&note["memory_text"], &note["replaces"], &note["messages"]])
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["Their cat is old.", 1, [1]],
            ["Their bike broke?", null, [1]]
        ])
    );
    assert_eq!(
        ask("My day."),
        json!({ "memories": ask("My day.")["memories"] })
    );
    assert_eq!(
        ask("[notes: Has a cat.]")["memories"][0]["memory_text"],
        "Has a cat."
    );
    assert_eq!(ask("[notes: {oops]"), json!("{oops"));
}
