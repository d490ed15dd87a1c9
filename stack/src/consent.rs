//! Linking an account as a browser does: consent, callback, confirmation.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

use crate::stack::APP_ORIGIN;
use crate::{data_api, http};

/// `begin_connect`, the provider's page, the worker's callback: the one-time code. The pool
/// signs in as `authenticator`.
///
/// # Errors
/// A step does not lead to the next.
pub async fn code(api: &PgPool, user: Uuid, provider: &str) -> Result<String> {
    let mut request = data_api::as_user(api, user).await?;
    let page: String = sqlx::query_scalar("select public.begin_connect($1, $2)")
        .bind(provider)
        .bind(format!("{APP_ORIGIN}/connected"))
        .fetch_one(&mut *request)
        .await
        .context("begin_connect")?;
    request.commit().await?;

    let callback = follow(&page, user).await.context("the consent page")?;
    let back = follow(callback.as_str(), user)
        .await
        .context("the worker's callback")?;
    if !back
        .as_str()
        .starts_with(&format!("{APP_ORIGIN}/connected?"))
    {
        bail!("the callback leads to {back}, not back to the app");
    }
    let answer: BTreeMap<_, _> = back.query_pairs().collect();
    match answer.get("code") {
        Some(code) => Ok(code.clone().into_owned()),
        None => bail!("the callback brought no code back: {answer:?}"),
    }
}

/// `confirm_connect`: the provider.
///
/// # Errors
/// The code is unknown, used or expired.
pub async fn confirm(api: &PgPool, user: Uuid, code: &str) -> Result<String> {
    let mut request = data_api::as_user(api, user).await?;
    let provider = sqlx::query_scalar("select public.confirm_connect($1)")
        .bind(code)
        .fetch_one(&mut *request)
        .await
        .context("confirm_connect")?;
    request.commit().await?;
    Ok(provider)
}

/// The URL that a page redirects to. Each user has an address of their own, so that the worker's
/// limit per address is not reached.
async fn follow(url: &str, user: Uuid) -> Result<Url> {
    let [.., a, b, c, d] = user.into_bytes();
    let address = Ipv4Addr::new(a, b, c, d);
    let request = http::client()?.get(url);
    let answer = request
        .header("x-forwarded-for", address.to_string())
        .send()
        .await?;
    let status = answer.status();
    match answer.headers().get("location") {
        Some(location) if status.is_redirection() => Ok(Url::parse(location.to_str()?)?),
        _ => bail!(
            "{status} in place of a redirect: {}",
            answer.text().await.unwrap_or_default()
        ),
    }
}
