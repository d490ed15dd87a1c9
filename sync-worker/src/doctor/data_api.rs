//! The Data API, asked as a server would: with the service role's key.

use secrecy::ExposeSecret as _;
use supabase_rs::SupabaseClient;
use supabase_rs::errors::Error;

use super::{PATIENCE, Report};
use crate::config::DataApiConfig;

pub(super) async fn check(report: &mut Report, config: &DataApiConfig) {
    let asked = async {
        let client = SupabaseClient::new(config.url.as_str(), config.key.expose_secret())?;
        client
            .select("companion_profiles")
            .columns(vec!["user_id"])
            .limit(1)
            .execute()
            .await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => report.ok(format!(
            "the Data API at {} shows companion_profiles to the service role",
            config.url
        )),
        Ok(Err(error)) => {
            let remedy = remedy_of(&error);
            report.fail(
                format!("the Data API at {} cannot be used: {error}", config.url),
                remedy,
            );
        }
        Err(_) => report.fail(
            format!(
                "the Data API at {} does not answer within {} s",
                config.url,
                PATIENCE.as_secs()
            ),
            "check SUPABASE_URL, and that the project is not paused",
        ),
    }
}

fn remedy_of(error: &Error) -> &'static str {
    match error {
        Error::Api(refusal) => match (refusal.status, refusal.code.as_deref()) {
            (401 | 403, Some("42501")) => {
                "apply the migrations: they grant companion_profiles to service_role"
            }
            (401 | 403, _) => {
                "set SUPABASE_SERVICE_ROLE_KEY to the project's secret (service role) key"
            }
            (404, _) => "apply the migrations; if they are, run: notify pgrst, 'reload schema'",
            _ => "see the project's API logs",
        },
        Error::Transport(_) => "check SUPABASE_URL, and that the project is not paused",
        Error::Serialization(_)
        | Error::Io(_)
        | Error::InvalidInput(_)
        | Error::Configuration(_)
        | Error::UnexpectedResponse { .. } => {
            "check SUPABASE_URL: it is the project's base URL, without a path"
        }
    }
}
