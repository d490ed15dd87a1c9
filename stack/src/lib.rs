//! Private servers on this machine, for the demo and for tests: Postgres with the schema, Redis, the
//! worker. Each ends with the program that started it.

pub mod cluster;
pub mod consent;
pub mod data_api;
pub mod downloads;
pub mod extension;
pub mod http;
pub mod installation;
pub mod job;
pub mod migrations;
pub mod os_user;
pub mod paths;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod redis_cluster;
pub mod redis_rest;
pub mod redis_server;
pub mod run_directory;
pub mod schema;
pub mod stack;
pub mod supabase;
pub mod template;
pub mod testing;
pub mod usage;
pub mod wait;
pub mod worker;
