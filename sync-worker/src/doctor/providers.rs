//! What the database tells providers, against what the worker tells them; and the keys of tokens.

use std::collections::HashMap;

use sqlx::PgPool;

use super::Report;
use crate::capacity::{self, duration};
use crate::config::SyncConfig;
use crate::provider::Provider;
use crate::providers::ProviderAccess;
use crate::sync;

/// A row of `bondhu.provider_settings`.
#[derive(Debug, sqlx::FromRow)]
struct Settings {
    enabled: bool,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scopes: Vec<String>,
    return_to_allow_list: Vec<String>,
    blocked: Option<String>,
}

pub(super) async fn check(report: &mut Report, database: &PgPool, config: Option<&SyncConfig>) {
    let access = config.map(ProviderAccess::of).unwrap_or_default();
    for provider in Provider::ALL {
        let settings: Result<Option<Settings>, _> = sqlx::query_as(
            "select enabled, client_id, redirect_uri, scopes, return_to_allow_list,
                    case when blocked_until > now()
                      then format('%s (until %s)', blocked_reason, blocked_until) end as blocked
             from bondhu.provider_settings where provider = $1",
        )
        .bind(provider.name())
        .fetch_optional(database)
        .await;
        match settings {
            Ok(Some(settings)) => compare(report, provider, &settings, access.get(&provider)),
            Ok(None) => report.fail(
                format!("{provider} has no row in bondhu.provider_settings"),
                "apply the migrations",
            ),
            Err(error) => report.fail(format!("{provider}: {error}"), "apply the migrations"),
        }
    }
    if let Some(config) = config {
        budgets(report, database, &access).await;
        token_keys(report, database, config).await;
    }
}

/// Whether as many people are connected as the budgets carry.
async fn budgets(
    report: &mut Report,
    database: &PgPool,
    access: &HashMap<Provider, ProviderAccess>,
) {
    let capacities = match capacity::read(database).await {
        Ok(capacities) => capacities,
        Err(error) => {
            report.fail(
                format!("what the budgets carry cannot be read: {error}"),
                "apply the migrations",
            );
            return;
        }
    };
    for capacity in capacities {
        if !access.contains_key(&capacity.provider) {
            continue;
        }
        let name = capacity.provider.display_name();
        let (connected, carried) = (capacity.connected, capacity.budget.carries());
        let remedy = "see `sync-worker capacity`; apply for more at the provider and raise requests_per_window, or lengthen sync_interval_minutes";
        if connected <= carried {
            report.ok(format!(
                "{name}'s budget carries {carried} people, and {connected} are linked"
            ));
        } else if let Some(fresh) = capacity.freshness() {
            report.warn(
                format!(
                    "{name}'s budget carries {carried} people and {connected} are linked: who is active is synced every {}",
                    duration(fresh.active)
                ),
                remedy,
            );
        } else {
            report.warn(
                format!("{name}'s budget carries {carried} people and {connected} are linked: data of some is deleted before it can be refreshed"),
                remedy,
            );
        }
    }
}

fn compare(
    report: &mut Report,
    provider: Provider,
    settings: &Settings,
    access: Option<&ProviderAccess>,
) {
    let name = provider.display_name();
    let row = |set: String| {
        format!("update bondhu.provider_settings set {set} where provider = '{provider}'")
    };
    let variables = match provider {
        Provider::Spotify => "SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET",
        Provider::YouTube => "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET",
    };
    let Some(access) = access else {
        if settings.enabled && settings.client_id.is_some() {
            report.fail(
                format!("{name} can be linked, and this worker cannot sync it"),
                format!("set {variables}, or {}", row("enabled = false".to_owned())),
            );
        } else {
            report.ok(format!("{name} is off: {variables} are not set"));
        }
        return;
    };
    let before = report.findings.len();
    if !settings.enabled {
        report.warn(
            format!("{name} is switched off in the database"),
            row("enabled = true".to_owned()),
        );
    }
    if settings.client_id.as_deref() != Some(&access.client_id) {
        report.fail(
            format!("{name}'s client id in the database is not the worker's"),
            row(format!("client_id = '{}'", access.client_id)),
        );
    }
    let redirect = access.redirect_uri.as_str();
    if settings.redirect_uri.as_deref() != Some(redirect) {
        report.fail(
            format!("{name}'s redirect URI in the database is not where this worker listens ({redirect})"),
            format!("{}; register the same URI with {name}", row(format!("redirect_uri = '{redirect}'"))),
        );
    }
    let scopes = sync::scopes(provider);
    let lacking: Vec<&str> = scopes
        .iter()
        .copied()
        .filter(|scope| !settings.scopes.iter().any(|held| held == scope))
        .collect();
    if !lacking.is_empty() {
        report.fail(
            format!("{name} is not asked for {}", lacking.join(", ")),
            row(format!("scopes = array['{}']", scopes.join("', '"))),
        );
    }
    if settings.return_to_allow_list.is_empty() {
        report.warn(
            format!("no app may start linking {name}: return_to_allow_list is empty"),
            row("return_to_allow_list = array['https://app.example.com']".to_owned()),
        );
    }
    if let Some(blocked) = &settings.blocked {
        report.warn(
            format!("{name} refuses this app: {blocked}"),
            "syncs go on by themselves after that",
        );
    }
    if report.findings.len() == before {
        report.ok(format!("{name} is set up alike in the database and here"));
    }
}

async fn token_keys(report: &mut Report, database: &PgPool, config: &SyncConfig) {
    // A sealed token begins with the length of its key's id, and the id.
    let sealed_with: Result<Vec<(String, i64)>, _> = sqlx::query_as(
        "select convert_from(substring(sealed from 2 for get_byte(sealed, 0)), 'UTF8') as key, count(*)
         from bondhu.provider_tokens group by 1 order by 1",
    )
    .fetch_all(database)
    .await;
    match sealed_with {
        Ok(sealed_with) => {
            let unknown: Vec<String> = sealed_with
                .iter()
                .filter(|(id, _)| !config.token_keys.iter().any(|key| key.id == *id))
                .map(|(id, tokens)| format!("{id} ({tokens})"))
                .collect();
            if unknown.is_empty() {
                report.ok(format!(
                    "{} token key(s), and every stored token opens with one",
                    config.token_keys.len()
                ));
            } else {
                report.fail(
                    format!("stored tokens are sealed with keys that are not in BONDHU_TOKEN_KEYS: {}", unknown.join(", ")),
                    "add those keys again, after the first; without them their users have to link anew",
                );
            }
        }
        Err(error) => report.fail(
            format!("stored tokens cannot be looked at: {error}"),
            "apply the migrations",
        ),
    }
}
