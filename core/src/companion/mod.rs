//! The companion's side of a conversation: the prompt that a language model gets, what is checked of its
//! reply, and what is remembered. Pure text work; who sends and stores it is `supabase/functions/chat`.
//!
//! Everything that people or other services wrote reaches the model as data: messages as turns of their own,
//! the rest inside one fence ([`fence`]) that no text can close.

mod check;
mod context;
pub mod fence;
mod guidance;
mod help;
pub mod memory;
mod prompt;
mod reply;
mod tokens;

pub use check::{ReplyFault, fault_of_reply};
pub use context::{Context, ContextError};
pub use help::Help;
pub use prompt::{Companion, Exchange, Message, Need, Prompt, Recalled, Role, Sender, Turn};
pub use reply::{Storable, storable};
pub use tokens::estimated_tokens;

/// What is said in place of a reply that does not pass [`fault_of_reply`], or that no model could write, in
/// an exchange in which somebody may be in danger.
pub const SAFE_REPLY: &str = "I'm glad you told me. I'm a program, and I can't keep you safe, but people can. \
Please reach out to someone right now: the help shown here, your local emergency number, or somebody you trust. \
I'm here to keep talking with you while you do.";
