//! The HTTP client of the demo and of tests.

use std::time::Duration;

use anyhow::{Context, Result};

/// A client that returns redirects and does not follow them.
///
/// # Errors
/// The TLS library has no provider.
pub fn client() -> Result<reqwest::Client> {
    // Fails when one is installed already.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
        .context("no HTTP client")
}
