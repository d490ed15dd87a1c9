//! Linking an account by OAuth2: the callback that the user's browser comes back to, and tokens
//! that an app brings by itself.

mod account;
mod callback;
mod keeping;
mod link;
mod linking;
mod pending;
mod refusal;
mod routes;

pub use account::Account;
pub use linking::LinkingState;
pub use routes::router;
