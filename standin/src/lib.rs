//! A stand-in for Spotify, YouTube and language models, in this process and over real HTTP.
//!
//! It speaks the published descriptions in `standin/specs/` about invented people, artists and
//! channels: consent with PKCE, tokens that expire, pages, quotas and, on demand, faults.
//! Everything it says about an account follows from the account's number.
//!
//! | provider | authorise page | tokens | API |
//! |---|---|---|---|
//! | Spotify | `/spotify/authorize` | `/spotify/api/token` | `/spotify/v1/…` |
//! | Google | `/google/authorize` | `/google/token`, `/google/revoke` | `/youtube/v3/…` |
//! | Gemini | – | a key | `/gemini/v1beta/…` |
//! | Chat Completions | – | a key | `/openai/v1/…` |

pub mod catalogue;
mod config;
pub mod descriptions;
mod faults;
mod grants;
mod middleware;
mod models;
mod oauth;
mod params;
mod provider;
mod server;
mod shared;
mod spotify;
mod traffic;
mod wire;
mod youtube;

pub use catalogue::Account;
pub use config::{Client, Consent, RefreshAnswer, StandinConfig};
pub use faults::{Fault, Outcome};
pub use models::Pace;
pub use params::Params;
pub use provider::{Provider, is_api};
pub use server::Standin;
pub use traffic::RecordedRequest;
pub use wire::Reply;
