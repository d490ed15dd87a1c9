//! The providers' published descriptions in `standin/specs/`: what may be asked for, and what is
//! answered. Unknown parameters and fields are refused.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::params::Params;

/// A provider's description, as JSON Schema.
#[derive(Debug)]
pub struct Description(Value);

impl Description {
    /// Spotify's Web API; its paths begin with `/me` and the like.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn spotify() -> Result<Self> {
        let text = spec("spotify-openapi-devmode-derived.yml")?;
        Self::new(serde_saphyr::from_str(&text)?)
    }

    /// The YouTube Data API; its paths begin with `/youtube/v3`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn youtube() -> Result<Self> {
        let text = spec("youtube-openapi-readonly-derived.json")?;
        Self::new(serde_json::from_str(&text)?)
    }

    /// Gemini's `generateContent` and `streamGenerateContent`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn gemini() -> Result<Self> {
        let text = spec("gemini-openapi-generatecontent-derived.json")?;
        Self::new(serde_json::from_str(&text)?)
    }

    /// Chat Completions.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn openai() -> Result<Self> {
        let text = spec("openai-chat-completions-derived.json")?;
        Self::new(serde_json::from_str(&text)?)
    }

    fn new(mut openapi: Value) -> Result<Self> {
        for section in ["schemas", "responses", "parameters"] {
            if let Some(components) = openapi["components"][section].as_object_mut() {
                components.values_mut().for_each(to_json_schema);
            }
        }
        openapi["paths"]
            .as_object_mut()
            .context("no paths are described")?
            .values_mut()
            .for_each(to_json_schema);
        Ok(Self(openapi))
    }

    /// The described path that `path` is one of, as `/artists/{id}` for `/artists/5`.
    pub fn template(&self, path: &str) -> Option<&str> {
        let fits = |template: &&String| {
            let (mut parts, mut segments) = (template.split('/'), path.split('/'));
            parts.clone().count() == segments.clone().count()
                && parts.all(|part| {
                    segments
                        .next()
                        .is_some_and(|s| part.starts_with('{') || part == s)
                })
        };
        self.0["paths"]
            .as_object()?
            .keys()
            .find(fits)
            .map(String::as_str)
    }

    /// Checks the query of a GET of a described path: names, required ones, types and ranges.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check_query(&self, template: &str, query: &Params) -> Result<()> {
        let described: Vec<&Value> = self.0["paths"][template]["get"]["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| self.resolve(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .collect();
        for parameter in &described {
            let name = parameter["name"].as_str().unwrap_or_default();
            ensure!(
                parameter["required"] != true || query.get(name).is_some(),
                "{template}: {name} is required"
            );
        }
        for (name, value) in query.iter() {
            let parameter = described.iter().find(|parameter| parameter["name"] == name);
            let parameter = parameter.with_context(|| format!("{template} knows no {name}"))?;
            let schema = self.resolve(&parameter["schema"]);
            self.check_schema(
                &format!("{template}: {name}={value}"),
                schema,
                &typed(schema, value),
            )?;
        }
        Ok(())
    }

    /// Checks an answer to a GET of a described path against what is described for its status.
    ///
    /// # Errors
    /// The status is not described, or the body does not fit.
    pub fn check_answer(&self, template: &str, status: u16, body: &Value) -> Result<()> {
        let responses = &self.0["paths"][template]["get"]["responses"];
        let response = self.resolve(&responses[status.to_string()]);
        ensure!(
            response.is_object(),
            "{template} describes no {status} answer"
        );
        let schema = &response["content"]["application/json"]["schema"];
        match (schema.is_object(), body.is_null()) {
            (true, _) => self.check_schema(&format!("{template} {status}"), schema, body),
            (false, true) => Ok(()),
            (false, false) => bail!("{template} describes no body for {status}"),
        }
    }

    /// Checks a body against a schema that may refer to the description's components.
    ///
    /// # Errors
    /// What does not fit, one line each.
    pub fn check_schema(&self, what: &str, schema: &Value, body: &Value) -> Result<()> {
        let root = json!({
            "components": self.0["components"], "allOf": [schema], "unevaluatedProperties": false
        });
        let validator: Validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&root)?;
        let errors: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        ensure!(errors.is_empty(), "{what}:\n{}", errors.join("\n"));
        Ok(())
    }

    /// The schema of what a GET of a described path answers with 200; null where none is described.
    pub fn schema(&self, template: &str) -> &Value {
        let responses = &self.0["paths"][template]["get"]["responses"];
        &self.resolve(&responses["200"])["content"]["application/json"]["schema"]
    }

    /// The target of a reference within the description; any other value itself.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str();
        let target = target.and_then(|reference| self.0.pointer(reference.trim_start_matches('#')));
        target.unwrap_or(value)
    }
}

/// A file of `standin/specs/`.
fn spec(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("specs")
        .join(name);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// A query parameter's text as a value of its schema; text where it is none.
fn typed(schema: &Value, text: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => {
            serde_json::from_str(text).unwrap_or_else(|_| json!(text))
        }
        Some("array") => text.split(',').map(|item| json!(item)).collect(),
        _ => json!(text),
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
                match (key.as_str(), child.as_object_mut()) {
                    ("properties", Some(properties)) => properties.values_mut().for_each(close),
                    ("items" | "schema", _) => close(child),
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
