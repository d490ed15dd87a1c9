//! A browser, as far as the demo needs one.

use std::time::Duration;

use anyhow::{Context, Result};

/// A client that follows no redirect: where one leads is what is looked at.
///
/// # Errors
/// The TLS library has no provider.
pub fn client() -> Result<reqwest::Client> {
    // Refused when there is one already, which is as good.
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
