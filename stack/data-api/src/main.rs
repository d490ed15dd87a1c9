//! Postrust as a program of this workspace, so that its versions are those of `Cargo.lock`. It is
//! configured as PostgREST is: <https://docs.postgrest.org/en/stable/references/configuration.html>.

use anyhow::{Context, Result};
use postrust_core::AppConfig;
use postrust_server::lenient_uri::LenientListener;
use postrust_server::{App, Host};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_ansi(false)
        .init();
    let config = AppConfig::try_from_env()?;
    let address = (config.server_host.clone(), config.server_port);
    let App { router, .. } = postrust_server::build(config, Host::SERVER).await?;
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("{}:{}", address.0, address.1))?;
    axum::serve(LenientListener(listener), router).await?;
    Ok(())
}
