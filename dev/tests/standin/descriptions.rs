//! Answers of the stand-in against the descriptions in `dev/specs/`, with unknown fields refused.

use std::path::Path;

use bondhu_dev::standin::{Provider, StandinConfig};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::client::{Answer, App};

/// A file of `dev/specs/`; a missing one fails.
fn spec(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("specs")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn wire_example(provider: &str, name: &str) -> Value {
    let examples: Value = serde_json::from_str(&spec("wire-examples.json")).unwrap();
    examples[provider][name].clone()
}

/// A provider's description, as JSON Schema.
struct Description(Value);

impl Description {
    fn spotify() -> Self {
        Self::new(serde_saphyr::from_str(&spec("spotify-openapi-devmode-derived.yml")).unwrap())
    }

    fn youtube() -> Self {
        Self::new(serde_json::from_str(&spec("youtube-openapi-readonly-derived.json")).unwrap())
    }

    fn new(mut openapi: Value) -> Self {
        for section in ["schemas", "responses"] {
            if let Some(components) = openapi["components"][section].as_object_mut() {
                components.values_mut().for_each(to_json_schema);
            }
        }
        openapi["paths"]
            .as_object_mut()
            .unwrap()
            .values_mut()
            .for_each(to_json_schema);
        Self(openapi)
    }

    /// Checks an answer to GET `path` against what is described for its status.
    fn check(&self, path: &str, answer: &Answer) {
        let described = &self.0["paths"][path]["get"]["responses"][answer.status.as_str()];
        let response = match described["$ref"].as_str() {
            Some(reference) => self.0.pointer(&reference[1..]).unwrap(),
            None => described,
        };
        let schema = &response["content"]["application/json"]["schema"];
        assert!(
            schema.is_object(),
            "{path} describes no {} answer",
            answer.status
        );
        self.check_schema(&format!("{path} {}", answer.status), schema, &answer.body);
    }

    fn check_schema(&self, what: &str, schema: &Value, body: &Value) {
        let root = json!({ "components": self.0["components"], "allOf": [schema], "unevaluatedProperties": false });
        let validator: Validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&root)
            .unwrap();
        let errors: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{what}:\n{}", errors.join("\n"));
    }
}

/// Rewrites an OpenAPI 3.0 schema in place: `nullable` becomes a type, and objects are closed
/// where they are used, so that a field that no description has is an error too.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(to_json_schema),
        Value::Object(object) => {
            object.remove("example");
            for (key, child) in object.iter_mut() {
                to_json_schema(child);
                match key.as_str() {
                    "properties" => child.as_object_mut().unwrap().values_mut().for_each(close),
                    "items" | "schema" => close(child),
                    _ => {}
                }
            }
            if object.remove("nullable") == Some(json!(true)) {
                let schema = Value::Object(std::mem::take(object));
                *object =
                    Map::from_iter([("anyOf".to_owned(), json!([schema, { "type": "null" }]))]);
            }
        }
        _ => {}
    }
}

fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if ["$ref", "allOf", "properties"]
        .iter()
        .any(|key| object.contains_key(*key))
    {
        object.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

async fn described_app() -> App {
    App::with(StandinConfig {
        oddities: false,
        ..StandinConfig::default()
    })
    .await
}

#[tokio::test]
async fn spotify_answers_fit_the_description() {
    let description = Description::spotify();
    let app = described_app().await;
    let token = app.access_token(Provider::Spotify).await;
    for (path, query) in [
        ("/me", ""),
        ("/me/top/artists", "?limit=50"),
        (
            "/me/top/artists",
            "?limit=50&offset=100&time_range=long_term",
        ),
        ("/me/top/tracks", "?limit=50&time_range=long_term"),
        ("/me/top/tracks", "?time_range=short_term"),
        ("/me/player/recently-played", "?limit=50"),
        ("/me/player/recently-played", "?limit=50&before=1000"),
    ] {
        let answer = app.spotify(&token, &format!("{path}{query}")).await;
        assert_eq!(answer.status, 200, "{path}{query}");
        description.check(path, &answer);
    }
    for path in [
        "/me",
        "/me/top/artists",
        "/me/top/tracks",
        "/me/player/recently-played",
    ] {
        let answer = app.spotify("no such token", path).await;
        assert_eq!(answer.status, 401);
        description.check(path, &answer);
    }
}

#[tokio::test]
async fn youtube_answers_fit_the_description() {
    let description = Description::youtube();
    let app = described_app().await;
    let token = app.access_token(Provider::YouTube).await;
    let (video, channel, playlist) = app.standin.with_account(1, |account| {
        let video = &account.video;
        (
            video.liked[0].id.clone(),
            video.subscriptions[0].channel.id.clone(),
            video.playlists[0].id.clone(),
        )
    });
    for (path, query) in [
        (
            "subscriptions",
            "part=snippet,contentDetails&mine=true".to_owned(),
        ),
        (
            "videos",
            "part=snippet,topicDetails&myRating=like&maxResults=50".to_owned(),
        ),
        ("videos", format!("part=snippet,topicDetails&id={video}")),
        (
            "channels",
            "part=snippet,contentDetails&mine=true".to_owned(),
        ),
        (
            "channels",
            format!("part=snippet,topicDetails&id={channel}"),
        ),
        ("videoCategories", "part=snippet&regionCode=US".to_owned()),
        (
            "playlists",
            "part=snippet,contentDetails&mine=true".to_owned(),
        ),
        (
            "playlistItems",
            format!("part=snippet,contentDetails,status&maxResults=50&playlistId={playlist}"),
        ),
        (
            "playlistItems",
            "part=snippet,contentDetails,status&maxResults=50&playlistId=LL".to_owned(),
        ),
    ] {
        let answer = app.youtube(&token, &format!("/{path}?{query}")).await;
        assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.body);
        assert!(!answer.items().is_empty(), "{path}?{query}");
        description.check(&format!("/youtube/v3/{path}"), &answer);

        let refused = app
            .youtube("no such token", &format!("/{path}?{query}"))
            .await;
        assert_eq!(refused.status, 401);
        description.check(&format!("/youtube/v3/{path}"), &refused);
    }
    let unknown = app
        .youtube(&token, "/playlistItems?part=snippet&playlistId=PLnone")
        .await;
    assert_eq!(unknown.status, 404);
    description.check("/youtube/v3/playlistItems", &unknown);
}

#[tokio::test]
async fn the_oddities_are_the_only_departures_from_the_description() {
    let description = Description::spotify();
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let mut tracks = app
        .spotify(&token, "/me/top/tracks?limit=50&time_range=long_term")
        .await;
    let items = tracks.body["items"].as_array_mut().unwrap();
    assert!(items.iter().any(Value::is_null), "a null item");
    assert!(
        items
            .iter()
            .any(|item| item["is_local"] == true && item["id"].is_null()),
        "a local file"
    );
    items.retain(|item| !item.is_null() && item["is_local"] == false);
    description.check("/me/top/tracks", &tracks);
}

#[test]
#[should_panic(expected = "surprise")]
fn an_undescribed_field_is_noticed() {
    let description = Description::youtube();
    let schema = json!({ "$ref": "#/components/schemas/VideoListResponse" });
    let body = json!({ "items": [{ "snippet": { "title": "x", "surprise": 1 } }] });
    description.check_schema("videos", &schema, &body);
}

#[tokio::test]
async fn refusals_are_the_recorded_ones() {
    let app = App::start().await;
    let spotify = app.spotify("no such token", "/me").await;
    let recorded = wire_example("spotify", "api_401");
    assert_eq!(spotify.body, recorded["body"]);
    assert_eq!(
        spotify.header("www-authenticate"),
        recorded["headers"]["www-authenticate"]
    );
    let youtube = app
        .youtube("no such token", "/subscriptions?part=snippet&mine=true")
        .await;
    assert_eq!(
        youtube.body,
        wire_example("youtube", "unauthorized")["body"]
    );
}
