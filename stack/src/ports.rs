//! Ports of the stack, all on 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

use crate::process::free_port;

/// One port per server.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Postgres.
    pub postgres: u16,
    /// Redis.
    pub redis: u16,
    /// The worker's HTTP.
    pub worker: u16,
    /// The providers' stand-in.
    pub standin: u16,
    /// Supabase's services, behind one URL.
    pub supabase: u16,
}

/// The ports of `make up` unless the environment names others: none is a server's usual port.
const FIXED: [(&str, u16); 5] = [
    ("BONDHU_POSTGRES_PORT", 54321),
    ("BONDHU_REDIS_PORT", 56379),
    ("BONDHU_WORKER_PORT", 8787),
    ("BONDHU_STANDIN_PORT", 8788),
    ("BONDHU_SUPABASE_PORT", 8789),
];

impl Ports {
    /// Free ports, so that runs do not collide.
    ///
    /// # Errors
    /// None is free.
    pub fn free() -> Result<Self> {
        Ok(Self {
            postgres: free_port()?,
            redis: free_port()?,
            worker: free_port()?,
            standin: free_port()?,
            supabase: free_port()?,
        })
    }

    /// The fixed ports, or those of `BONDHU_*_PORT`.
    ///
    /// # Errors
    /// A variable is not a port, or the port is in use.
    pub fn fixed() -> Result<Self> {
        let [postgres, redis, worker, standin, supabase] =
            FIXED.map(|(variable, default)| available(variable, default));
        Ok(Self {
            postgres: postgres?,
            redis: redis?,
            worker: worker?,
            standin: standin?,
            supabase: supabase?,
        })
    }
}

fn available(variable: &str, default: u16) -> Result<u16> {
    let port = match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .with_context(|| format!("{variable}={text} is not a port (1 to 65535)"))?,
        Err(_) => default,
    };
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        bail!(
            "port {port} on 127.0.0.1 cannot be used ({error}): stop what listens there, or choose another with {variable}=PORT"
        );
    }
    Ok(port)
}
