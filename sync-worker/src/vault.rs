//! Seals tokens before they reach the database, so that neither it, its WAL nor its
//! logs ever see one in clear.
//!
//! A sealed token is `[length of key id][key id][nonce: 24 bytes][ciphertext and tag]`,
//! XChaCha20-Poly1305 with a random nonce. User, provider and kind are associated data,
//! each length-prefixed: a sealed token opens only where it was put.

use chacha20poly1305::aead::{Aead, KeyInit, OsRng, Payload, rand_core::RngCore};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::config::TokenKey;
use crate::provider::Provider;

const NONCE_BYTES: usize = 24;

/// Which of a connection's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Bearer for the provider's API.
    Access,
    /// Brings new access tokens.
    Refresh,
}

impl TokenKind {
    /// The name the database uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Access, Self::Refresh]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Whose token it is; bound to the ciphertext.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The user.
    pub user: Uuid,
    /// The provider.
    pub provider: Provider,
}

/// What can be wrong with keys and sealed tokens. Never holds either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key it was sealed with is not here.
    #[error(
        "a token was sealed with key {0:?}, which is not in BONDHU_TOKEN_KEYS: add that key again"
    )]
    UnknownKey(String),
    /// The bytes are not a sealed token of this owner and kind.
    #[error("a stored token cannot be opened: it is damaged or belongs to another connection")]
    Damaged,
    /// Sealing failed.
    #[error("a token could not be sealed")]
    NotSealed,
}

/// The keys that seal tokens.
pub struct Vault {
    /// The first seals; all open.
    keys: Vec<(String, XChaCha20Poly1305)>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

impl Vault {
    /// The first key seals, every one opens: put a new key in front to rotate.
    #[must_use]
    pub fn new(keys: &[TokenKey]) -> Self {
        let cipher =
            |key: &TokenKey| XChaCha20Poly1305::new(Key::from_slice(key.key.expose_secret()));
        Self {
            keys: keys
                .iter()
                .map(|key| (key.id.clone(), cipher(key)))
                .collect(),
        }
    }

    /// Seals a token.
    ///
    /// # Errors
    /// [`VaultError::NotSealed`].
    pub fn seal(
        &self,
        owner: Owner,
        kind: TokenKind,
        token: &SecretString,
    ) -> Result<Vec<u8>, VaultError> {
        let (id, cipher) = self.keys.first().ok_or(VaultError::NotSealed)?;
        let mut nonce = [0; NONCE_BYTES];
        OsRng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: token.expose_secret().as_bytes(),
            aad: &associated_data(owner, kind),
        };
        let ciphertext = cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| VaultError::NotSealed)?;
        let id_length = u8::try_from(id.len()).map_err(|_| VaultError::NotSealed)?;
        Ok([&[id_length], id.as_bytes(), &nonce, &ciphertext].concat())
    }

    /// How everything begins that the first key seals.
    #[must_use]
    pub fn first_key_prefix(&self) -> Vec<u8> {
        let id = self.keys.first().map_or("", |(id, _)| id);
        let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
        [&[length], id.as_bytes()].concat()
    }

    /// Opens a sealed token.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] or [`VaultError::Damaged`].
    pub fn open(
        &self,
        owner: Owner,
        kind: TokenKind,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let (&id_length, rest) = sealed.split_first().ok_or(VaultError::Damaged)?;
        let (id, rest) = rest
            .split_at_checked(usize::from(id_length))
            .ok_or(VaultError::Damaged)?;
        let (nonce, ciphertext) = rest
            .split_at_checked(NONCE_BYTES)
            .ok_or(VaultError::Damaged)?;
        let id = std::str::from_utf8(id).map_err(|_| VaultError::Damaged)?;
        let (_, cipher) = self
            .keys
            .iter()
            .find(|(known, _)| known == id)
            .ok_or_else(|| VaultError::UnknownKey(id.to_owned()))?;
        let payload = Payload {
            msg: ciphertext,
            aad: &associated_data(owner, kind),
        };
        let token = cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| VaultError::Damaged)?;
        String::from_utf8(token)
            .map(SecretString::from)
            .map_err(|_| VaultError::Damaged)
    }
}

fn associated_data(owner: Owner, kind: TokenKind) -> Vec<u8> {
    [
        owner.user.as_bytes().as_slice(),
        owner.provider.name().as_bytes(),
        kind.name().as_bytes(),
    ]
    .into_iter()
    .flat_map(|part| {
        (part.len() as u64)
            .to_be_bytes()
            .into_iter()
            .chain(part.iter().copied())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{Owner, Provider, TokenKind, Vault, VaultError};
    use crate::config::TokenKey;
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    fn owner() -> Owner {
        Owner {
            user: Uuid::from_u128(7),
            provider: Provider::Spotify,
        }
    }

    #[test]
    fn a_sealed_token_opens_for_its_owner_and_kind_alone() {
        let vault = Vault::new(&[TokenKey::generate("k1")]);
        let sealed = vault
            .seal(owner(), TokenKind::Access, &"secret-token".into())
            .unwrap();
        let opened = vault.open(owner(), TokenKind::Access, &sealed).unwrap();
        assert_eq!(opened.expose_secret(), "secret-token");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));

        let other = Owner {
            user: Uuid::from_u128(8),
            ..owner()
        };
        assert_eq!(
            vault.open(other, TokenKind::Access, &sealed).unwrap_err(),
            VaultError::Damaged
        );
        assert_eq!(
            vault
                .open(owner(), TokenKind::Refresh, &sealed)
                .unwrap_err(),
            VaultError::Damaged
        );
    }

    #[test]
    fn a_new_key_in_front_still_opens_what_the_old_one_sealed() {
        let (old, new) = (TokenKey::generate("old"), TokenKey::generate("new"));
        let sealed = Vault::new(std::slice::from_ref(&old))
            .seal(owner(), TokenKind::Refresh, &"t".into())
            .unwrap();
        assert!(
            Vault::new(&[new.clone(), old])
                .open(owner(), TokenKind::Refresh, &sealed)
                .is_ok()
        );
        let without = Vault::new(&[new])
            .open(owner(), TokenKind::Refresh, &sealed)
            .unwrap_err();
        assert_eq!(without, VaultError::UnknownKey("old".to_owned()));
    }

    #[test]
    fn cut_or_changed_bytes_are_refused() {
        let vault = Vault::new(&[TokenKey::generate("k")]);
        let mut sealed = vault
            .seal(owner(), TokenKind::Access, &"token".into())
            .unwrap();
        for length in 0..sealed.len() {
            assert!(
                vault
                    .open(owner(), TokenKind::Access, &sealed[..length])
                    .is_err()
            );
        }
        *sealed.last_mut().unwrap() ^= 1;
        assert!(vault.open(owner(), TokenKind::Access, &sealed).is_err());
    }

    #[test]
    fn debug_shows_key_ids_only() {
        let vault = Vault::new(&[TokenKey::generate("k1")]);
        assert_eq!(format!("{vault:?}"), "[\"k1\"]");
    }
}
