//! `BONDHU_TOKEN_KEYS`: the keys that provider tokens are encrypted with.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretBox};

use super::{ConfigError, Environment, variables};

/// A named 256-bit key. The name is stored beside each ciphertext, so that keys can be rotated.
#[derive(Debug, Clone)]
pub struct TokenKey {
    /// 1 to 32 of `a-z A-Z 0-9 _ -`.
    pub id: String,
    /// The key itself.
    pub key: Arc<SecretBox<[u8; 32]>>,
}

impl TokenKey {
    /// A new random key.
    pub fn generate(id: impl Into<String>) -> Self {
        let mut key = Box::new([0; 32]);
        rand::rng().fill_bytes(key.as_mut());
        Self {
            id: id.into(),
            key: Arc::new(SecretBox::new(key)),
        }
    }

    /// Reads `BONDHU_TOKEN_KEYS`.
    ///
    /// # Errors
    /// When it is not set, or is not a list of keys.
    pub fn from_env(env: &Environment) -> Result<Vec<Self>, ConfigError> {
        env.parsed(&variables::TOKEN_KEYS, Self::parse_list)
    }

    /// `id:base64`, as `BONDHU_TOKEN_KEYS` takes it. Shows the key.
    pub fn to_entry(&self) -> String {
        format!("{}:{}", self.id, BASE64.encode(self.key.expose_secret()))
    }

    /// Parses `id:base64[,id:base64…]`; at least one key, ids differ. Errors never quote the text.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let mut keys: Vec<Self> = Vec::new();
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            let place = index + 1;
            let (id, encoded) = entry
                .split_once(':')
                .ok_or(format!("entry {place} is not id:base64"))?;
            let id_fits = (1..=32).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if !id_fits {
                return Err(format!(
                    "the id of entry {place} must be 1 to 32 of a-z, A-Z, 0-9, _ and -"
                ));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(format!("the id of entry {place} occurs twice"));
            }
            let bytes = BASE64
                .decode(encoded)
                .map_err(|_| format!("the key of entry {place} is not base64"))?;
            let key: [u8; 32] = bytes.try_into().map_err(|b: Vec<u8>| {
                format!("the key of entry {place} has {} bytes, not 32", b.len())
            })?;
            keys.push(Self {
                id: id.to_owned(),
                key: Arc::new(SecretBox::new(Box::new(key))),
            });
        }
        Ok(keys)
    }
}
