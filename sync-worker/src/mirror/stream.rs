//! The stream of committed changes, from one logical slot.

use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use pgwire_replication::{
    PgWireError, ReplicationClient, ReplicationConfig, ReplicationEvent, SslMode, TlsConfig,
};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::error::MirrorError;
use super::position::Lsn;
use super::slot;
use super::watermark::Origin;

/// How often the acknowledged position is reported; well under [`SILENT_FOR_MS`].
const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// A mirror that says nothing for so long loses the slot to a standby: it has been stopped, or
/// lost its network. That, a standby's look and the wait for the last writes of the former mirror
/// make up a takeover, which may take 5 s. Reports go on while the mirror is busy with a batch and
/// while the server decodes a long transaction, so that neither is taken for silence.
pub(super) const SILENT_FOR_MS: u32 = 2_000;

/// Events waiting between socket and mirror; past that the server waits.
const BUFFERED_EVENTS: usize = 4096;

/// Keys only travel here: a message of more is no row of ours.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// How to reach the server, for SQL and for replication.
#[derive(Clone)]
pub(super) struct Source {
    /// For ordinary SQL as the replication role.
    pub sql: PgConnectOptions,
    replication: ReplicationConfig,
}

impl Source {
    /// Reads a `postgres://` URL.
    ///
    /// # Errors
    /// When it is none, or names no database.
    pub(super) fn parse(
        url: &SecretString,
        slot: &str,
        publication: &str,
    ) -> Result<Self, MirrorError> {
        let text = url.expose_secret();
        let sql = PgConnectOptions::from_str(text).map_err(|e| MirrorError::Url(e.to_string()))?;
        let parts = Url::parse(text).map_err(|e| MirrorError::Url(e.to_string()))?;
        let password = percent_decode_str(parts.password().unwrap_or_default()).decode_utf8_lossy();
        let database = sql.get_database().unwrap_or(sql.get_username()).to_owned();
        let host = sql.get_socket().map_or_else(
            || sql.get_host().to_owned(),
            |path| path.display().to_string(),
        );
        let over_socket = host.starts_with('/');
        let mode = match sql.get_ssl_mode() {
            _ if over_socket => SslMode::Disable,
            PgSslMode::Disable => SslMode::Disable,
            PgSslMode::Allow | PgSslMode::Prefer => SslMode::Prefer,
            PgSslMode::Require => SslMode::Require,
            PgSslMode::VerifyCa => SslMode::VerifyCa,
            PgSslMode::VerifyFull => SslMode::VerifyFull,
        };
        let ca = parts
            .query_pairs()
            .find(|(name, _)| name == "sslrootcert")
            .map(|(_, path)| path.as_ref().into());
        let tls = TlsConfig {
            mode,
            ca_pem_path: ca,
            ..TlsConfig::default()
        };
        let replication = ReplicationConfig::new(
            host,
            sql.get_username(),
            password,
            database,
            slot,
            publication,
        )
        .with_port(sql.get_port())
        .with_tls(tls)
        .with_status_interval(STATUS_INTERVAL)
        .with_wakeup_interval(STATUS_INTERVAL)
        .with_buffer_size(BUFFERED_EVENTS)
        .with_max_message_size(MAX_MESSAGE_BYTES)
        .with_application_name("bondhu mirror");
        Ok(Self {
            sql: sql.application_name("bondhu mirror"),
            replication,
        })
    }
}

impl Source {
    /// Name of the slot.
    pub(super) fn slot(&self) -> &str {
        &self.replication.slot
    }
}

/// An open stream. Holding it makes this mirror the one that leads.
pub(super) struct Stream {
    client: ReplicationClient,
    slot: String,
}

impl Stream {
    /// Takes the slot, making it when it is missing, and starts streaming.
    ///
    /// # Errors
    /// [`MirrorError::SlotTaken`] while another mirror has it; else what stands in the way.
    pub(super) async fn open(source: &Source, renew: bool) -> Result<(Self, Origin), MirrorError> {
        let name = source.replication.slot.clone();
        let publication = source.replication.publication.to_string();
        let mut sql = slot::connect(&source.sql).await?;
        slot::ensure(&mut sql, &name, &publication, renew).await?;

        let mut client = ReplicationClient::connect_gated(source.replication.clone()).await?;
        client
            .simple_query(&format!("set wal_sender_timeout = {SILENT_FOR_MS}"))
            .await?;
        let server = client.identify_system().await?;
        client.start().await?;
        let mut stream = Self { client, slot: name };
        let started = stream.client.wait_started().await;
        started.map_err(|error| stream.explain(error))?;
        // Read once the slot is ours: from here on nobody else moves it.
        let acknowledged = slot::acknowledged(&mut sql, &stream.slot).await?;
        let origin = Origin {
            system: server.system_id,
            timeline: server.timeline,
            acknowledged,
            written: Lsn(server.xlogpos.0),
        };
        Ok((stream, origin))
    }

    /// The next event.
    ///
    /// # Errors
    /// When the stream breaks or ends.
    pub(super) async fn next(&mut self) -> Result<ReplicationEvent, MirrorError> {
        match self.client.recv().await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(MirrorError::Ended),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Tells the server that everything before `position` need not be sent again.
    pub(super) fn acknowledge(&self, position: Lsn) {
        self.client
            .update_applied_lsn(pgwire_replication::Lsn(position.0));
    }

    /// Ends the stream, so that the slot is free at once.
    pub(super) async fn close(mut self) {
        self.client.stop();
        // What is still buffered will come again: it was not acknowledged.
        let drained = async { while let Ok(Some(_)) = self.client.recv().await {} };
        if tokio::time::timeout(Duration::from_secs(2), drained)
            .await
            .is_err()
        {
            self.client.abort();
        }
    }

    fn explain(&self, error: PgWireError) -> MirrorError {
        let text = error.to_string();
        if !error.is_server() {
            MirrorError::Replication(error)
        } else if text.contains("SQLSTATE 55006") {
            MirrorError::SlotTaken(self.slot.clone())
        } else if text.contains("SQLSTATE 42704") && text.contains("publication") {
            MirrorError::SlotPredatesPublication(self.slot.clone())
        } else {
            MirrorError::Replication(error)
        }
    }
}
