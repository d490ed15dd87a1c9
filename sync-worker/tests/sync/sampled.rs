//! Answers made of the providers' published descriptions: every optional field there or not, every
//! number at its bounds, strings empty, long and odd.

use bondhu_standin::descriptions::Description;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};

const TEXTS: [&str; 14] = [
    "",
    " ",
    "a",
    "Baul",
    "গান",
    "e\u{301}\u{200d}👩‍👧",
    "../me/tracks",
    "%2e%2e/x?y#z",
    "a,b",
    "..",
    "a\0b",
    "\"'\\\n",
    "https://en.wikipedia.org/wiki/Beyonc%C3%A9_(song)",
    "LONG",
];

const TIMES: [&str; 9] = [
    "2026-11-01T10:15:00Z",
    "2026-11-01T10:15:00.123Z",
    "2026-10-31T23:59:60Z",
    "2026-11-01T16:15:00+06:00",
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "",
    "yesterday",
];

const NUMBERS: [i64; 9] = [
    0,
    1,
    183_000,
    -1,
    2_147_483_647,
    2_147_483_648,
    4_294_967_295,
    i64::MAX,
    i64::MIN,
];

/// Nothing is nested deeper.
const DEEPEST: usize = 6;

/// Makes values of a description's schemas; the same seed makes the same.
pub(crate) struct Sampler<'a> {
    description: &'a Description,
    dice: StdRng,
    made: u64,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(description: &'a Description, seed: u64) -> Self {
        Self {
            description,
            dice: StdRng::seed_from_u64(seed),
            made: 0,
        }
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.dice.random_range(0..sides)
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// An item of the list that a path answers with; `within`: what field holds the page.
    pub(crate) fn item(&mut self, template: &str, within: Option<&str>) -> Value {
        let mut page = self.description.schema(template);
        if let Some(field) = within {
            page = self.property(page, field).unwrap();
        }
        let items = self.property(page, "items").unwrap();
        let schema = &self.description.resolve(items)["items"];
        let mut item = self.value(schema, 0);
        self.made += 1;
        let made = self.made;
        name_apart(&mut item, made);
        item
    }

    /// The schema of a property, wherever in its parts a schema has it.
    fn property(&self, schema: &'a Value, name: &str) -> Option<&'a Value> {
        let schema = self.description.resolve(schema);
        if let Some(property) = schema["properties"].get(name) {
            return Some(property);
        }
        let parts = ["allOf", "anyOf"]
            .iter()
            .filter_map(|key| schema[*key].as_array());
        parts.flatten().find_map(|part| self.property(part, name))
    }

    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        let schema = self.description.resolve(schema);
        if let Some(choices) = ["anyOf", "oneOf", "enum"]
            .iter()
            .find_map(|key| schema[*key].as_array())
        {
            let choice = &choices[self.below(choices.len())];
            return match schema["enum"].is_array() {
                true => choice.clone(),
                false => self.value(choice, depth),
            };
        }
        let mut object = Map::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            match self.value(part, depth) {
                Value::Object(fields) => object.extend(fields),
                other => return other,
            }
        }
        match schema["type"].as_str() {
            Some("string") => self.string(schema),
            Some("integer") => json!(NUMBERS[self.below(NUMBERS.len())]),
            Some("number") => json!([0.0, 0.5, 1.0, -0.1, 1e300][self.below(5)]),
            Some("boolean") => json!(self.once_in(8)),
            Some("null") => Value::Null,
            Some("array") if depth < DEEPEST => {
                let many = self.below(3);
                (0..many)
                    .map(|_| self.value(&schema["items"], depth + 1))
                    .collect()
            }
            Some("array") => json!([]),
            _ => {
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    // What is optional is absent once in a while, and wherever it is deep.
                    let there = depth < DEEPEST && !self.once_in(8);
                    if there {
                        let value = self.value(property, depth + 1);
                        object.insert(name.clone(), value);
                    }
                }
                Value::Object(object)
            }
        }
    }

    fn string(&mut self, schema: &Value) -> Value {
        if schema["format"] == "date-time" {
            return json!(TIMES[self.below(TIMES.len())]);
        }
        match TEXTS[self.below(TEXTS.len())] {
            "LONG" => json!("long ".repeat(240)),
            text => json!(text),
        }
    }
}

/// Makes what identifies an item its own, where it is there and can be.
fn name_apart(item: &mut Value, number: u64) {
    for pointer in [
        "/id",
        "/track/id",
        "/album/id",
        "/item/id",
        "/snippet/resourceId/channelId",
        "/contentDetails/videoId",
    ] {
        if let Some(Value::String(id)) = item.pointer_mut(pointer)
            && !id.is_empty()
        {
            id.push_str(&format!(" {number}"));
        }
    }
}
