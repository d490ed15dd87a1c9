//! The rules of Bondhu. No I/O, clock, randomness or unsafe: time is handed in, and every
//! figure is made of integers, so that each host (native, wasm, SQL) gets the same digits.
//!
//! A message is scored by [`score`]; [`state`] folds scored messages into the sums that
//! are kept for a user, and [`fold`] says in which order everything follows;
//! [`personality`] concludes from them through [`window`], [`style`]
//! and [`traits`]. What a language model is asked to answer is [`companion`]'s.

pub mod assessment;
pub mod cache;
pub mod characters;
pub mod companion;
pub mod decay;
pub mod evidence;
pub mod fixed;
pub mod fold;
pub mod message;
pub mod mood;
pub mod patterns;
pub mod personality;
pub mod planning;
pub mod profile;
pub mod recommend;
pub mod retry;
pub mod score;
pub mod settings;
pub mod state;
pub mod style;
pub mod tally;
pub mod tastes;
pub mod time;
pub mod traits;
pub mod wellness;
pub mod window;
