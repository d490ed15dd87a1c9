//! What `supabase/config.toml` and `supabase/functions/.env` say of functions.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// Settings of all functions.
#[derive(Debug)]
pub(super) struct Settings {
    functions: BTreeMap<String, FunctionSettings>,
    secrets: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Project {
    #[serde(default)]
    functions: BTreeMap<String, FunctionSettings>,
}

#[derive(Debug, Deserialize)]
struct FunctionSettings {
    verify_jwt: Option<bool>,
}

impl Settings {
    /// Of the project whose functions are in `directory`.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let file = directory.join("../config.toml");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let project: Project = toml::from_str(&text).with_context(|| file.display().to_string())?;
        Ok(Self {
            functions: project.functions,
            secrets: variables(&directory.join(".env"))?,
        })
    }

    /// Whether the platform looks at the token before the function does.
    pub(super) fn verifies_jwt(&self, name: &str) -> bool {
        self.functions
            .get(name)
            .and_then(|function| function.verify_jwt)
            .unwrap_or(true)
    }

    /// The operator's own variables.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&String, &String)> {
        self.secrets.iter()
    }
}

/// The variables of a file; none when it is not there.
fn variables(file: &Path) -> Result<BTreeMap<String, String>> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    // Its own error quotes the line, and the line may hold a secret.
    let unreadable = || format!("{} is not NAME=value, a line each", file.display());
    dotenvy::from_path_iter(file)
        .with_context(|| format!("cannot read {}", file.display()))?
        .map(|variable| variable.ok().with_context(unreadable))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_checked_unless_it_says_otherwise() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let functions = directory.path().join("functions");
        std::fs::create_dir(&functions)?;
        std::fs::write(
            directory.path().join("config.toml"),
            "[functions.chat]\nverify_jwt = false\n[functions.other]\nentrypoint = \"x\"\n",
        )?;
        std::fs::write(functions.join(".env"), "# keys\nA=1\nB = \"two\"\n")?;
        let settings = Settings::read(&functions)?;
        assert!(!settings.verifies_jwt("chat"));
        assert!(settings.verifies_jwt("other"));
        assert!(settings.verifies_jwt("unnamed"));
        let secrets: Vec<_> = settings
            .secrets()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(secrets, ["A=1", "B=two"]);
        Ok(())
    }
}
