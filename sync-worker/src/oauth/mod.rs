//! OAuth2: codes and refresh tokens against the provider's token endpoint, and the
//! callback that the user's browser comes back to.

mod callback;
mod pending;
mod tokens;

pub use callback::{CallbackState, router};
pub use tokens::{Grant, TokenEndpoint};
