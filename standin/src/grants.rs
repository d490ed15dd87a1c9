//! Codes and tokens: who consented to what, and until when.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::config::RefreshAnswer;
use super::provider::Provider;

/// Both providers let a code live about ten minutes; RFC 6749 section 4.1.2 recommends that at most.
const CODE_LIFETIME: Duration = Duration::from_secs(600);

/// A consent given at the authorise page whose code has not been exchanged yet.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) provider: Provider,
    pub(super) account: u64,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) scopes: Vec<String>,
    /// Google hands out a refresh token only for `access_type=offline`.
    pub(super) offline: bool,
}

/// The account and the scopes that an access token gives access to.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) account: u64,
    pub(super) scopes: Vec<String>,
}

/// Tokens as the token endpoint sends them.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) expires_in: Duration,
    pub(super) refresh_token: Option<String>,
    pub(super) scopes: Vec<String>,
}

/// Why a code or a refresh token is answered with `invalid_grant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvalidGrant {
    UnknownCode,
    RedirectUriDiffers,
    WrongVerifier,
    UnknownRefreshToken,
    Revoked,
    Expired,
}

#[derive(Debug)]
struct Grant {
    provider: Provider,
    account: u64,
    scopes: Vec<String>,
    withdrawn: bool,
}

#[derive(Debug)]
struct RefreshToken {
    grant: usize,
    replaced: bool,
    expired: bool,
}

/// What the providers remember: consents, codes and tokens.
#[derive(Debug)]
pub(super) struct Grants {
    access_lifetime: Duration,
    spotify_refresh: RefreshAnswer,
    grants: Vec<Grant>,
    codes: HashMap<String, (Authorization, Instant)>,
    access: HashMap<String, (usize, Instant)>,
    refresh: HashMap<String, RefreshToken>,
}

impl Grants {
    pub(super) fn new(access_lifetime: Duration, spotify_refresh: RefreshAnswer) -> Self {
        Self {
            access_lifetime,
            spotify_refresh,
            grants: Vec::new(),
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
        }
    }

    /// Whether this account has a live consent for the provider's client.
    pub(super) fn has_consented(&self, provider: Provider, account: u64) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.provider == provider && grant.account == account && !grant.withdrawn)
    }

    /// Issues a code for a consent.
    pub(super) fn issue_code(&mut self, authorization: Authorization) -> String {
        let code = match authorization.provider {
            Provider::Spotify => opaque("AQ", 96),
            // Google's codes hold a slash, which a client has to encode and decode.
            Provider::YouTube => opaque("4/0A", 48),
        };
        self.codes
            .insert(code.clone(), (authorization, Instant::now()));
        code
    }

    /// Exchanges a code. Any attempt uses the code up, as RFC 6749 section 10.5 asks.
    pub(super) fn exchange(
        &mut self,
        provider: Provider,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Issued, InvalidGrant> {
        let (authorization, issued_at) =
            self.codes.remove(code).ok_or(InvalidGrant::UnknownCode)?;
        if authorization.provider != provider || issued_at.elapsed() > CODE_LIFETIME {
            return Err(InvalidGrant::UnknownCode);
        }
        if authorization.redirect_uri != redirect_uri {
            return Err(InvalidGrant::RedirectUriDiffers);
        }
        if challenge_of(verifier) != authorization.code_challenge {
            return Err(InvalidGrant::WrongVerifier);
        }

        self.grants.push(Grant {
            provider,
            account: authorization.account,
            scopes: authorization.scopes.clone(),
            withdrawn: false,
        });
        let grant = self.grants.len() - 1;
        let refresh_token = authorization
            .offline
            .then(|| self.issue_refresh_token(provider, grant));
        Ok(self.issue_access_token(provider, grant, authorization.scopes, refresh_token))
    }

    pub(super) fn refresh_tokens(&self) -> Vec<String> {
        self.refresh.keys().cloned().collect()
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        let tokens = self.access.keys().chain(self.refresh.keys());
        tokens.chain(self.codes.keys()).cloned().collect()
    }

    /// A new access token for a refresh token.
    pub(super) fn refresh(
        &mut self,
        provider: Provider,
        refresh_token: &str,
    ) -> Result<Issued, InvalidGrant> {
        let token = self
            .refresh
            .get_mut(refresh_token)
            .ok_or(InvalidGrant::UnknownRefreshToken)?;
        let grant = token.grant;
        let consent = self
            .grants
            .get(grant)
            .ok_or(InvalidGrant::UnknownRefreshToken)?;
        if consent.provider != provider {
            return Err(InvalidGrant::UnknownRefreshToken);
        }
        if consent.withdrawn || token.replaced {
            return Err(InvalidGrant::Revoked);
        }
        if token.expired {
            return Err(InvalidGrant::Expired);
        }
        let scopes = consent.scopes.clone();
        let answered = match (provider, self.spotify_refresh) {
            (Provider::YouTube, _) | (Provider::Spotify, RefreshAnswer::Omitted) => None,
            (Provider::Spotify, RefreshAnswer::Empty) => Some(String::new()),
            (Provider::Spotify, RefreshAnswer::Rotated) => {
                token.replaced = true;
                Some(self.issue_refresh_token(provider, grant))
            }
        };
        Ok(self.issue_access_token(provider, grant, scopes, answered))
    }

    /// What an access token of this provider gives access to; nothing once it is expired or withdrawn.
    pub(super) fn access(&self, provider: Provider, access_token: &str) -> Option<Access> {
        let (grant, expires_at) = self.access.get(access_token)?;
        let grant = self.grants.get(*grant)?;
        let live = grant.provider == provider && !grant.withdrawn && Instant::now() < *expires_at;
        live.then(|| Access {
            account: grant.account,
            scopes: grant.scopes.clone(),
        })
    }

    /// Withdraws the consent that a token of either kind was issued for; false for an unknown token.
    pub(super) fn revoke(&mut self, provider: Provider, token: &str) -> bool {
        let grant = self
            .access
            .get(token)
            .map(|(grant, _)| *grant)
            .or_else(|| self.refresh.get(token).map(|token| token.grant));
        match grant.and_then(|index| self.grants.get_mut(index)) {
            Some(grant) if grant.provider == provider && !grant.withdrawn => {
                grant.withdrawn = true;
                true
            }
            _ => false,
        }
    }

    /// Expires every access token, as an hour would.
    pub(super) fn expire_access_tokens(&mut self) {
        let now = Instant::now();
        self.access
            .values_mut()
            .for_each(|(_, expires_at)| *expires_at = now);
    }

    /// Expires every refresh token, as six months would.
    pub(super) fn expire_refresh_tokens(&mut self) {
        self.refresh
            .values_mut()
            .for_each(|token| token.expired = true);
    }

    /// Withdraws every consent to the provider's client, as its users could on their account pages.
    pub(super) fn withdraw(&mut self, provider: Provider) {
        let of_provider = self
            .grants
            .iter_mut()
            .filter(|grant| grant.provider == provider);
        of_provider.for_each(|grant| grant.withdrawn = true);
    }

    fn issue_access_token(
        &mut self,
        provider: Provider,
        grant: usize,
        scopes: Vec<String>,
        refresh_token: Option<String>,
    ) -> Issued {
        let access_token = match provider {
            Provider::Spotify => opaque("BQ", 96),
            Provider::YouTube => opaque("ya29.", 96),
        };
        let expires_at = Instant::now() + self.access_lifetime;
        self.access
            .insert(access_token.clone(), (grant, expires_at));
        Issued {
            access_token,
            expires_in: self.access_lifetime,
            refresh_token,
            scopes,
        }
    }

    fn issue_refresh_token(&mut self, provider: Provider, grant: usize) -> String {
        let token = match provider {
            Provider::Spotify => opaque("AQ", 96),
            Provider::YouTube => opaque("1//0", 64),
        };
        self.refresh.insert(
            token.clone(),
            RefreshToken {
                grant,
                replaced: false,
                expired: false,
            },
        );
        token
    }
}

/// The scopes that were both requested and ticked.
pub(super) fn granted(asked: &str, ticked: Option<&[String]>) -> Vec<String> {
    let asked: BTreeSet<&str> = asked.split_whitespace().collect();
    asked
        .into_iter()
        .filter(|scope| ticked.is_none_or(|ticked| ticked.iter().any(|other| other == scope)))
        .map(str::to_owned)
        .collect()
}

/// RFC 7636 section 4.2: BASE64URL(SHA256(verifier)).
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn opaque(prefix: &str, bytes: usize) -> String {
    let random: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random))
}
