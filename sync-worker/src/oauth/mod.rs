//! Linking an account by OAuth2: the callback that the user's browser comes back to, and tokens
//! that an app brings by itself.

mod account;
mod callback;
mod context;
mod keeping;
mod link;
mod link_error;
mod pending;
mod routes;

pub use account::Account;
pub use context::LinkingContext;
pub use routes::router;
