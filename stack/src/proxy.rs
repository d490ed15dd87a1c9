//! A TCP proxy that can be paused: a network that loses nothing and delivers late.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A proxy to one port of this machine. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    paused: watch::Sender<bool>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and passes everything on to `port`.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let (paused, watched) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, port, watched));
        Ok(Self {
            addr,
            paused,
            _connections: tasks,
        })
    }

    /// Port that it listens on.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Holds all bytes back until [`Self::resume`].
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Delivers what was held back, and what follows.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }
}

async fn accept(listener: TcpListener, port: u16, paused: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let paused = paused.clone();
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                return;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::select! {
                () = pass(from_client, to_server, paused.clone()) => {}
                () = pass(from_server, to_client, paused) => {}
            }
        });
    }
}

/// Passes bytes on until either side ends.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut paused: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if paused.wait_for(|paused| !paused).await.is_err()
            || to.write_all(&bytes[..read]).await.is_err()
        {
            return;
        }
    }
}
