//! A Redis Cluster of six nodes on loopback: three masters, a replica each.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::free_port;
use crate::redis_server::RedisServer;

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A running cluster. Dropping it ends its nodes.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    ports: Vec<u16>,
}

impl RedisCluster {
    /// Starts one.
    ///
    /// # Errors
    /// Redis is missing, or the nodes do not find each other.
    pub async fn start() -> Result<Self> {
        let mut nodes = Vec::new();
        let mut addresses = Vec::new();
        while nodes.len() < 6 {
            let (port, bus) = (free_port()?, free_port()?);
            let bus_port = bus.to_string();
            let arguments = [
                ["--cluster-enabled", "yes"],
                ["--cluster-node-timeout", "2000"],
                // Else a replica waits 5 s for others before it copies its master.
                ["--repl-diskless-sync-delay", "0"],
                // Else it is 10,000 above, where outgoing connections are.
                ["--cluster-port", &bus_port],
            ];
            nodes.push(RedisServer::temporary_with(port, arguments.as_flattened()).await?);
            addresses.push(format!("127.0.0.1:{port}@{bus}"));
        }
        let ports = nodes.iter().map(RedisServer::port).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        let cluster = Self { nodes, ports };
        cluster.cli(&create)?;
        cluster.ready().await?;
        Ok(cluster)
    }

    /// `redis-cluster://` with every node.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self
            .ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        format!("redis-cluster://{}/", hosts.join(","))
    }

    /// Moves so many hash slots from the first node to the second, keys included.
    ///
    /// # Errors
    /// `redis-cli` fails.
    pub fn reshard(&self, slots: u32) -> Result<()> {
        let [from, to] = [self.id_of(0)?, self.id_of(1)?];
        let address = format!("127.0.0.1:{}", self.ports[0]);
        self.cli(&[
            "--cluster",
            "reshard",
            &address,
            "--cluster-from",
            &from,
            "--cluster-to",
            &to,
            "--cluster-slots",
            &slots.to_string(),
            "--cluster-yes",
        ])?;
        Ok(())
    }

    /// Kills a node, as a power cut would.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    fn id_of(&self, node: usize) -> Result<String> {
        let port = self.ports[node].to_string();
        Ok(self
            .cli(&["-p", &port, "cluster", "myid"])?
            .trim()
            .to_owned())
    }

    async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        for port in &self.ports {
            let port = port.to_string();
            while !self
                .cli(&["-p", &port, "cluster", "info"])?
                .contains("cluster_state:ok")
            {
                ensure!(
                    Instant::now() < deadline,
                    "the cluster's nodes do not find each other"
                );
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            // A replica that has copied nothing yet never becomes a master.
            while self
                .cli(&["-p", &port, "info", "replication"])?
                .contains("master_link_status:down")
            {
                ensure!(
                    Instant::now() < deadline,
                    "a replica does not copy its master"
                );
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
        Ok(())
    }

    fn cli(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(Path::new("redis-cli"))
            .args(arguments)
            .output()
            .context("cannot run redis-cli: is Redis installed?")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("redis-cli {} failed:\n{printed}", arguments.join(" "));
        }
        Ok(printed)
    }
}
