//! What the demo says is true, and whether it is.

use std::fmt::{Debug, Display};

/// Claims, each checked once.
#[derive(Debug, Default)]
pub(super) struct Claims {
    kept: usize,
    broken: Vec<String>,
}

impl Claims {
    /// A claim that holds when nothing contradicts it.
    pub(super) fn check(&mut self, claim: &str, found: Result<impl Display, impl Display>) {
        match found {
            Ok(evidence) => {
                self.kept += 1;
                let evidence = evidence.to_string();
                let evidence = if evidence.is_empty() {
                    evidence
                } else {
                    format!(": {evidence}")
                };
                println!("  ✓ {claim}{evidence}");
            }
            Err(contradiction) => {
                println!("  ✗ {claim}: {contradiction}");
                self.broken.push(format!("{claim}: {contradiction}"));
            }
        }
    }

    /// A claim about equality.
    pub(super) fn equal<T: PartialEq + Debug>(&mut self, claim: &str, expected: &T, actual: &T) {
        self.check(claim, same(expected, actual));
    }

    /// A claim that the database refuses something, with this SQLSTATE.
    pub(super) fn refused<T>(&mut self, claim: &str, sqlstate: &str, answer: &sqlx::Result<T>) {
        let found = match answer {
            Ok(_) => "no refusal".to_owned(),
            Err(error) => error
                .as_database_error()
                .and_then(|e| e.code())
                .map_or_else(|| error.to_string(), Into::into),
        };
        let found = if found == sqlstate {
            Ok(format!("SQLSTATE {found}"))
        } else {
            Err(format!("expected SQLSTATE {sqlstate}, found {found}"))
        };
        self.check(claim, found);
    }

    /// How many held, and those that did not.
    pub(super) fn verdict(self) -> (usize, Vec<String>) {
        (self.kept, self.broken)
    }
}

/// `Ok` with the value when both are the same.
pub(super) fn same<T: PartialEq + Debug>(expected: &T, actual: &T) -> Result<String, String> {
    if expected == actual {
        Ok(shown(actual))
    } else {
        Err(format!(
            "expected {}, found {}",
            shown(expected),
            shown(actual)
        ))
    }
}

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    if text.chars().count() <= 100 {
        text
    } else {
        text.chars().take(99).chain(['…']).collect()
    }
}
