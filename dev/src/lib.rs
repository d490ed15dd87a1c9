//! What people and CI run: the demo, the test runner, benches and soaks. The servers are
//! `bondhu-stack`'s, the providers `bondhu-standin`'s.

pub mod assessment_items;
pub mod bench;
pub mod demo;
pub mod extension_sql;
pub mod figures;
pub mod portable;
pub mod rig;
pub mod soak;
pub mod test_runner;
pub mod text_rule;
pub mod up;
pub mod wasm;
