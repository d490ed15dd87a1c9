//! Supabase Auth: accounts with an address and a password, anonymous ones, their sessions.
//!
//! Addresses are confirmed at once, as on a project that asks nobody to. Behaviour and answers are those of
//! <https://github.com/supabase/auth>; what is not offered here is a 404.

mod account;
mod admin;
mod caller;
mod error;
mod password;
mod routes;
mod session;

use std::sync::Arc;

use sqlx::PgPool;

use super::keys::Keys;

pub(super) use routes::router;

/// The `aud` of every user's token, and the role that it is for.
const AUTHENTICATED: &str = "authenticated";

/// Auth of one project. Its pool signs in as `supabase_auth_admin`.
#[derive(Clone, Debug)]
pub(super) struct Auth {
    database: PgPool,
    keys: Arc<Keys>,
    /// The `iss` of its tokens.
    issuer: String,
}

impl Auth {
    /// Auth of the project at `project_url`, such as `http://127.0.0.1:54321`.
    pub(super) fn new(database: PgPool, keys: Arc<Keys>, project_url: &str) -> Self {
        Self {
            database,
            keys,
            issuer: format!("{project_url}/auth/v1"),
        }
    }
}
