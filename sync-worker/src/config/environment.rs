//! The environment as a value: read once, testable without touching the process.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use secrecy::SecretString;
use url::Url;

use super::variables::Variable;
use crate::cache::RedisTarget;

/// Why the configuration cannot be used. The text names the variable, says what it is and shows a
/// value that would do; it never shows a value that was given.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable that the subcommand needs is not set.
    #[error("{} is not set.\n  It is: {}.\n  Example: {}={}", .0.name, .0.what, .0.name, .0.example)]
    Missing(&'static Variable),
    /// A variable has a value that cannot be used.
    #[error("{} cannot be used: {reason}.\n  It is: {}.\n  Example: {}={}", .variable.name, .variable.what, .variable.name, .variable.example)]
    Invalid {
        /// Which one.
        variable: &'static Variable,
        /// What is wrong with its value, without the value.
        reason: String,
    },
    /// `.env` is there but cannot be read.
    #[error(
        ".env cannot be read: {0}.\n  Each line is NAME=value; quote values that hold spaces or #."
    )]
    DotEnv(String),
}

impl ConfigError {
    /// What is wrong, in half a sentence.
    pub fn summary(&self) -> String {
        match self {
            Self::Missing(variable) => format!("{} is not set", variable.name),
            Self::Invalid { variable, reason } => {
                format!("{} cannot be used: {reason}", variable.name)
            }
            Self::DotEnv(reason) => format!(".env cannot be read: {reason}"),
        }
    }

    /// The variable at fault, when it is one.
    pub fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Missing(variable) | Self::Invalid { variable, .. } => Some(variable.name),
            Self::DotEnv(_) => None,
        }
    }
}

/// A snapshot of the environment. An empty value counts as not set.
pub struct Environment {
    values: HashMap<String, String>,
}

impl Environment {
    /// The process's environment over `.env` of the working directory or one above it.
    pub fn load() -> Result<Self, ConfigError> {
        let mut values = HashMap::new();
        match dotenvy::dotenv_iter() {
            Ok(lines) => {
                for line in lines {
                    let (name, value) =
                        line.map_err(|e| ConfigError::DotEnv(without_values(&e)))?;
                    values.insert(name, value);
                }
            }
            Err(e) if e.not_found() => {}
            Err(e) => return Err(ConfigError::DotEnv(without_values(&e))),
        }
        values.extend(
            std::env::vars_os()
                .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?))),
        );
        Ok(Self { values })
    }

    /// Whether there is a non-blank value.
    pub fn is_set(&self, variable: &Variable) -> bool {
        self.raw(variable).is_some()
    }

    fn raw(&self, variable: &Variable) -> Option<&str> {
        self.values
            .get(variable.name)
            .map(|v| v.trim())
            .filter(|v| !v.is_empty())
    }

    pub(super) fn parsed<T>(
        &self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let text = self
            .raw(variable)
            .or(variable.default)
            .ok_or(ConfigError::Missing(variable))?;
        parse(text).map_err(|reason| ConfigError::Invalid { variable, reason })
    }

    pub(super) fn text(&self, variable: &'static Variable) -> Result<String, ConfigError> {
        self.parsed(variable, |text| Ok(text.to_owned()))
    }

    pub(super) fn secret(&self, variable: &'static Variable) -> Result<SecretString, ConfigError> {
        self.parsed(variable, |text| Ok(SecretString::from(text)))
    }

    pub(super) fn number(
        &self,
        variable: &'static Variable,
        range: RangeInclusive<u32>,
    ) -> Result<u32, ConfigError> {
        self.parsed(variable, |text| {
            text.parse()
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    format!(
                        "not a whole number from {} to {}",
                        range.start(),
                        range.end()
                    )
                })
        })
    }

    pub(super) fn redis(&self, variable: &'static Variable) -> Result<RedisTarget, ConfigError> {
        self.parsed(variable, |text| {
            RedisTarget::parse(text).map_err(|error| error.to_string())
        })
    }

    pub(super) fn postgres_url(
        &self,
        variable: &'static Variable,
    ) -> Result<SecretString, ConfigError> {
        self.parsed(variable, |text| {
            parse_url(text, &["postgres", "postgresql"]).map(|_| SecretString::from(text))
        })
    }

    pub(super) fn http_url(&self, variable: &'static Variable) -> Result<Url, ConfigError> {
        self.parsed(variable, |text| {
            let url = parse_url(text.trim_end_matches('/'), &["https", "http"])?;
            if url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
                return Err(
                    "it must be scheme://host[:port][/path], without query or fragment".to_owned(),
                );
            }
            Ok(url)
        })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self {
            values: pairs
                .into_iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        }
    }
}

fn parse_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("not a URL ({e})"))?;
    if schemes.contains(&url.scheme()) {
        Ok(url)
    } else {
        Err(format!(
            "a URL that starts with {}:// is needed",
            schemes.join(":// or ")
        ))
    }
}

/// A parse error of dotenvy quotes the line, and the line may hold a secret.
fn without_values(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(line, position) => {
            let name = line.split('=').next().unwrap_or_default().trim();
            format!("the line of {name:?} is malformed near its character {position}")
        }
        dotenvy::Error::Io(e) => e.to_string(),
        _ => "its encoding is not UTF-8 or a name is malformed".to_owned(),
    }
}
