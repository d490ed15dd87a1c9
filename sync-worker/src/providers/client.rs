//! How a provider is talked with: its API, and its token endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Api, ProviderAccess, TokenEndpoint};
use crate::provider::Provider;

/// The clients of one provider, as this worker is registered with it.
#[derive(Debug)]
pub struct ProviderClient {
    /// Reads what accounts have.
    pub api: Api,
    /// Brings and revokes tokens.
    pub token_endpoint: TokenEndpoint,
}

impl ProviderClient {
    fn new(provider: Provider, access: &ProviderAccess, http: &reqwest::Client) -> Self {
        Self {
            api: Api::new(provider, http.clone(), access.api_url.clone()),
            token_endpoint: TokenEndpoint::new(provider, access, http.clone()),
        }
    }
}

/// The clients of the providers that are set up.
#[derive(Clone, Debug)]
pub struct ProviderClients(HashMap<Provider, Arc<ProviderClient>>);

impl ProviderClients {
    /// Over one HTTP client, for each provider that there is access to.
    #[must_use]
    pub fn new(access: &HashMap<Provider, ProviderAccess>, http: &reqwest::Client) -> Self {
        let client = |(&provider, access)| {
            let client = ProviderClient::new(provider, access, http);
            (provider, Arc::new(client))
        };
        Self(access.iter().map(client).collect())
    }

    /// Of one provider; `None`: it is not set up.
    #[must_use]
    pub fn get(&self, provider: Provider) -> Option<&Arc<ProviderClient>> {
        self.0.get(&provider)
    }

    /// The providers that are set up.
    pub fn providers(&self) -> impl Iterator<Item = Provider> {
        self.0.keys().copied()
    }
}
