//! The Supabase project of a stack: its services, and what functions and the worker have to know of each other.

use anyhow::Result;

use super::{APP_ORIGIN, DATABASE, StackConfig, standin_config};
use crate::cluster::Cluster;
use crate::paths;
use crate::ports::Ports;
use crate::redis_rest::RedisRest;
use crate::supabase::keys::Keys;
use crate::supabase::{Programs, Supabase, SupabaseConfig};
use bondhu_standin::Standin;

/// Starts Supabase's services for the stack's database.
pub(super) async fn start(
    config: &StackConfig<'_>,
    programs: &Programs,
    cluster: &Cluster,
    environment: Vec<(String, String)>,
) -> Result<Supabase> {
    let keys = if config.keep {
        Keys::kept_in(&config.directory.join("supabase-keys.json"))?
    } else {
        Keys::fresh()?
    };
    let directory = config.directory.join("supabase");
    let supabase_config = SupabaseConfig {
        port: config.ports.supabase,
        cluster,
        database: DATABASE,
        keys,
        programs,
        functions: paths::checkout().join("supabase/functions"),
        environment,
        directory: &directory,
    };
    Supabase::start(supabase_config).await
}

/// What functions read hot documents from, and what answers for the companion.
pub(super) fn environment_of_functions(
    redis: &RedisRest,
    standin: &Standin,
    ports: Ports,
) -> Vec<(String, String)> {
    let model_key = standin_config(ports).model_key;
    [
        ("GEMINI_BASE_URL", standin.gemini_url()),
        ("GEMINI_API_KEY", model_key.clone()),
        ("OPENAI_BASE_URL", standin.openai_url()),
        ("OPENAI_API_KEY", model_key),
        ("UPSTASH_REDIS_REST_URL", redis.url().to_owned()),
        ("UPSTASH_REDIS_REST_TOKEN", redis.token().to_owned()),
        (
            "BONDHU_WORKER_URL",
            format!("http://127.0.0.1:{}", ports.worker),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// What the worker needs to know of the project whose users call it.
pub(super) fn environment_of_worker(supabase: &Supabase) -> [(&'static str, String); 3] {
    [
        ("SUPABASE_URL", supabase.url().to_owned()),
        (
            "SUPABASE_JWT_SECRET",
            supabase.keys().legacy_secret().to_owned(),
        ),
        ("BONDHU_CORS_ORIGINS", APP_ORIGIN.to_owned()),
    ]
}
