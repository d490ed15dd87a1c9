//! Reaching Redis: one server, one behind sentinels, or a cluster. What is sent is counted as it is
//! billed: by command, each of a pipeline, a script as one.

use std::fmt;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use prometheus_client::metrics::counter::Counter;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _,
    Pipeline, RedisError, RedisFuture, TlsMode, Value, from_redis_value,
};

use super::scripts::TEXTS;

/// Commands to a cluster that are under way at once.
const AT_ONCE: usize = 256;

/// A command is sent again so often, to follow a slot that moves. More, as is usual, would keep
/// readers waiting for a node that is gone: they have another way, and the mirror starts anew.
const CLUSTER_RETRIES: u32 = 4;

/// Why `REDIS_URL` cannot be used; never shows it.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Another scheme.
    #[error(
        "a URL that starts with redis:// or rediss:// is needed, or with redis-cluster:// or redis-sentinel://"
    )]
    Scheme,
    /// A part of it.
    #[error("not an address of Redis")]
    Address,
    /// No name behind the sentinels' addresses.
    #[error("redis-sentinel://host:port,host:port/NAME names the master that the sentinels watch")]
    MasterName,
}

/// What `REDIS_URL` names. For a cluster, and for sentinels, several `host:port` may be listed.
#[derive(Clone)]
pub struct RedisTarget {
    nodes: Vec<ConnectionInfo>,
    kind: Kind,
    sent: Counter,
}

#[derive(Clone)]
enum Kind {
    Single,
    Cluster,
    Sentinel { master: String, tls: bool },
}

/// Addresses alone: the rest holds a password.
impl fmt::Debug for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.nodes.iter().map(|node| node.addr().to_string()))
            .finish()
    }
}

impl RedisTarget {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none of Redis.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        let (plain, kind) = match scheme.split_once('-') {
            None => (scheme, ""),
            Some(parts) => parts,
        };
        if !matches!(plain, "redis" | "rediss") {
            return Err(TargetError::Scheme);
        }
        let (user, rest) = rest
            .rsplit_once('@')
            .map_or(("", rest), |(user, rest)| (user, rest));
        let at = if user.is_empty() { "" } else { "@" };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (path, kind) = match kind {
            "" if hosts.contains(',') => return Err(TargetError::Address),
            "" => (path, Kind::Single),
            "cluster" => (path, Kind::Cluster),
            "sentinel" if path.is_empty() => return Err(TargetError::MasterName),
            "sentinel" => (
                "",
                Kind::Sentinel {
                    master: path.to_owned(),
                    tls: plain == "rediss",
                },
            ),
            _ => return Err(TargetError::Scheme),
        };
        let nodes = hosts
            .split(',')
            .map(|host| format!("{plain}://{user}{at}{host}/{path}").into_connection_info())
            .collect::<Result<_, _>>()
            .map_err(|_| TargetError::Address)?;
        Ok(Self {
            nodes,
            kind,
            sent: Counter::default(),
        })
    }

    /// The same, with what its connections send counted by `sent`. How a connection greets its server
    /// is not among that.
    #[must_use]
    pub fn counted(mut self, sent: Counter) -> Self {
        self.sent = sent;
        self
    }

    /// Connects. An answer that takes longer than `patience` is an error.
    ///
    /// # Errors
    /// When it cannot be reached or refuses.
    pub async fn connect(&self, patience: Duration) -> Result<Connection, RedisError> {
        let sent = self.sent.clone();
        let nodes = self.reach(patience).await?;
        Ok(Connection { nodes, sent })
    }

    async fn reach(&self, patience: Duration) -> Result<Nodes, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience));
        match &self.kind {
            Kind::Single => {
                let node = self.nodes.first().cloned().ok_or(no_node())?;
                let client = Client::open(node)?;
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                connection.await.map(Nodes::Single)
            }
            Kind::Sentinel { master, tls } => {
                let node = self.nodes.first().ok_or(no_node())?;
                let mut info = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(node.redis_settings().clone());
                if *tls {
                    info = info.set_tls_mode(TlsMode::Secure);
                }
                let mut client = SentinelClient::build(
                    self.nodes.clone(),
                    master,
                    Some(info),
                    SentinelServerType::Master,
                )?;
                let connection = client.get_async_connection_with_config(&config);
                connection.await.map(Nodes::Single)
            }
            Kind::Cluster => {
                let client = ClusterClient::builder(self.nodes.clone())
                    .connection_timeout(patience)
                    .response_timeout(patience)
                    .retries(CLUSTER_RETRIES)
                    .min_retry_wait(10)
                    .max_retry_wait(100)
                    .build()?;
                client.get_async_connection().await.map(Nodes::Cluster)
            }
        }
    }
}

fn no_node() -> RedisError {
    (
        redis::ErrorKind::InvalidClientConfig,
        "REDIS_URL names no host",
    )
        .into()
}

/// An open connection; clones share it.
#[derive(Clone)]
pub struct Connection {
    nodes: Nodes,
    sent: Counter,
}

#[derive(Clone)]
enum Nodes {
    /// To one server. It does not come back once it is lost.
    Single(MultiplexedConnection),
    /// To all nodes.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends commands that do not depend on each other; answers in their order.
    ///
    /// # Errors
    /// The first one; the other commands may have been carried out.
    pub async fn all<T: FromRedisValue>(&self, commands: Vec<Cmd>) -> Result<Vec<T>, RedisError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        match self.nodes {
            Nodes::Single(_) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(&mut self.clone()).await
            }
            Nodes::Cluster(_) => {
                let answers = commands.into_iter().map(|command| {
                    let mut connection = self.clone();
                    async move { command.query_async(&mut connection).await }
                });
                futures::stream::iter(answers)
                    .buffered(AT_ONCE)
                    .try_collect()
                    .await
            }
        }
    }

    /// Sends commands, each after the one before has been carried out; answers in their order.
    ///
    /// # Errors
    /// The first one; the commands after it may have been carried out.
    pub async fn in_order<T: FromRedisValue>(
        &self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<T>, RedisError> {
        match self.nodes {
            // One server takes what comes through one connection one by one.
            Nodes::Single(_) => self.all(commands).await,
            Nodes::Cluster(_) => {
                let mut answers = Vec::with_capacity(commands.len());
                for command in commands {
                    answers.push(command.query_async(&mut self.clone()).await?);
                }
                Ok(answers)
            }
        }
    }

    /// The texts of two keys, `first` read no later than `second`, of each no more than so many bytes;
    /// empty where there is no text. One command, of a cluster one for each.
    ///
    /// # Errors
    /// When a server does not answer.
    pub async fn texts(
        &self,
        first: (&str, usize),
        second: (&str, usize),
    ) -> Result<[Vec<u8>; 2], RedisError> {
        let texts: Vec<Vec<u8>> = match self.nodes {
            Nodes::Single(_) => {
                TEXTS
                    .key(first.0)
                    .key(second.0)
                    .arg(first.1)
                    .arg(second.1)
                    .invoke_async(&mut self.clone())
                    .await?
            }
            Nodes::Cluster(_) => {
                let get = |(key, most): (&str, usize)| {
                    let last = isize::try_from(most).unwrap_or(isize::MAX) - 1;
                    Cmd::getrange(key, 0, last)
                };
                self.in_order(vec![get(first), get(second)]).await?
            }
        };
        Ok(texts.try_into().unwrap_or_default())
    }

    /// Calls `found` with every key that matches `pattern`.
    ///
    /// # Errors
    /// When a server does not answer.
    pub async fn scan(
        &self,
        pattern: &str,
        step: usize,
        mut found: impl FnMut(&str),
    ) -> Result<(), RedisError> {
        for node in self.masters().await? {
            let mut cursor = 0_u64;
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(cursor)
                    .arg("MATCH")
                    .arg(pattern)
                    .arg("COUNT")
                    .arg(step);
                let answer = match (&self.nodes, &node) {
                    (Nodes::Cluster(connection), Some(node)) => {
                        self.sent.inc();
                        let routing = RoutingInfo::SingleNode(node.clone());
                        connection.clone().route_command(scan, routing).await?
                    }
                    _ => scan.query_async(&mut self.clone()).await?,
                };
                let (next, keys): (u64, Vec<String>) = from_redis_value(answer)?;
                keys.iter().for_each(|key| found(key));
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Where keys are; `None` stands for the only server.
    async fn masters(&self) -> Result<Vec<Option<SingleNodeRoutingInfo>>, RedisError> {
        if matches!(self.nodes, Nodes::Single(_)) {
            return Ok(vec![None]);
        }
        /// From, to, and the nodes, the master first: address, port, and what else a server tells.
        type Slots = (i64, i64, (String, u16, Value, Value));
        let slots: Vec<Vec<Value>> = redis::cmd("CLUSTER")
            .arg("SLOTS")
            .query_async(&mut self.clone())
            .await?;
        let mut masters = Vec::new();
        for range in slots {
            let first: Vec<Value> = range.into_iter().take(3).collect();
            let (_, _, (host, port, _, _)): Slots = from_redis_value(Value::Array(first))?;
            let node = Some(SingleNodeRoutingInfo::ByAddress { host, port });
            if !masters.contains(&node) {
                masters.push(node);
            }
        }
        Ok(masters)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        self.sent.inc();
        match &mut self.nodes {
            Nodes::Single(connection) => connection.req_packed_command(cmd),
            Nodes::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        // MULTI and EXEC around a transaction are commands, too.
        let around = if pipeline.is_transaction() { 2 } else { 0 };
        self.sent.inc_by((pipeline.len() + around) as u64);
        match &mut self.nodes {
            Nodes::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Nodes::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match &self.nodes {
            Nodes::Single(connection) => connection.get_db(),
            Nodes::Cluster(connection) => connection.get_db(),
        }
    }
}
