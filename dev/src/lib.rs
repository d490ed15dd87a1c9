//! The local stack: a private Postgres and Redis, the providers' stand-in, and what runs on them.

pub mod account;
pub mod bench_engine;
pub mod cluster;
pub mod data_api;
pub mod demo;
pub mod extension;
pub mod extension_sql;
pub mod http;
pub mod installation;
pub mod migrations;
pub mod paths;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod redis_cluster;
pub mod redis_server;
pub mod run_directory;
pub mod schema;
pub mod stack;
pub mod standin;
pub mod template;
pub mod test_runner;
pub mod testing;
pub mod up;
pub mod wait;
pub mod worker;
