//! Bondhu's engine inside Postgres: thin glue over `bondhu-core`, where the rules are.
//!
//! | module | what |
//! |---|---|
//! | `score` | `score(text)`, `engine_version()` and the BEFORE trigger |
//! | `fold` | the AFTER trigger: changed messages into tallies, profile, history |
//! | `recompute` | everything derived about a user, anew from the messages |
//! | `personality` | what is concluded about users, exact as of an instant |
//! | `store` | every SQL statement of the engine |
//! | `transition` | rows of a statement's transition tables |
//! | `watched` | checks the table a trigger fires on and acts as its owner |
//! | `spi`, `column`, `datum`, `error` | plans kept per backend; values; errors with their SQLSTATE |

pgrx::pg_module_magic!();

mod column;
mod datum;
mod error;
mod fold;
mod personality;
mod recompute;
mod score;
mod spi;
mod store;
mod transition;
mod watched;

pgrx::extension_sql_file!("finalize.sql", name = "finalize", finalize);
