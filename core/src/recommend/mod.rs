//! What a person may want to hear or watch next, out of what is theirs: what they played, saved,
//! liked or put into a list. No model and no provider's recommendations: points that can be told.
//!
//! [`candidates()`] gives points for what a pull has brought, so that nothing in them depends on the
//! hour of reading. [`rank()`] adds what changes in between: how the person feels, and what they said
//! of earlier recommendations. The second half stands in SQL, too (`bondhu.rank_recommendations`),
//! and gives the same order there.

mod candidates;
mod ranking;

pub use candidates::{Candidate, Feel, Followed, Item, MOST_CANDIDATES, Plays, Points, candidates};
pub use ranking::{Direction, Feedback, Ranked, rank};
