//! Bondhu's engine inside Postgres: thin glue over `bondhu-core`, where the rules are.
//!
//! | module | what |
//! |---|---|
//! | `score` | `score(text)`, `engine_version()` and the BEFORE trigger |
//! | `fold` | the AFTER trigger: changed messages into tallies, profile, history |
//! | `ledger` | what core's folding reads and writes, as this database has it |
//! | `refresh` | stored profiles, brought to the present |
//! | `recompute` | everything derived about a user, anew from the messages; what differs from it |
//! | `personality` | what is concluded about users, exact as of an instant |
//! | `patterns`, `wellness` | what is read from the buckets in a user's own days |
//! | `store` | every SQL statement of the engine |
//! | `transition` | rows of a statement's transition tables |
//! | `watched` | checks the table a trigger fires on and acts as its owner |
//! | `relation` | checks that a relation is the table that the engine knows, and what may be done to it without the executor |
//! | `table` | rows of the engine's own tables by primary key, without the executor where that is the same |
//! | `spi`, `column`, `datum`, `error` | plans kept per backend; values; errors with their SQLSTATE |

pgrx::pg_module_magic!();

mod column;
mod datum;
mod error;
mod fold;
mod ledger;
mod patterns;
mod personality;
mod recompute;
mod recount;
mod refresh;
mod relation;
mod score;
mod spi;
mod store;
mod table;
mod transition;
mod watched;
mod wellness;

pgrx::extension_sql_file!("finalize.sql", name = "finalize", finalize);
