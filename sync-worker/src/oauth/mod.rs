//! OAuth2: codes and refresh tokens against the provider's token endpoint, the callback that
//! the user's browser comes back to, and tokens that an app brings by itself.

mod callback;
mod link;
mod pending;
mod tokens;

pub use callback::{CallbackState, router};
pub use tokens::{Grant, TokenEndpoint};
