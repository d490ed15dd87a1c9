//! The stream of committed changes, from one logical slot.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use pgwire_replication::protocol::{ReplicationCopyData, parse_copy_data};
use pgwire_replication::{PgWireError, SslMode, TlsConfig};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::MirrorError;
use super::slot;
use super::walsender::{self, Address, Incoming, ReplicationSession};
use super::watermark::Origin;
use bondhu_core::cache::position::Lsn;

/// How often the acknowledged position is reported; well under [`SILENT_FOR_MS`].
const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// A mirror that says nothing for so long loses the slot to a standby: it has been stopped, or
/// lost its network. That, a standby's look and the wait for the last writes of the former mirror
/// make up a takeover, which may take 5 s. Reports go on while the mirror is busy with a batch and
/// while the server decodes a long transaction, so that neither is taken for silence.
pub(super) const SILENT_FOR_MS: u32 = 2_000;

/// A server that takes longer to let the mirror in counts as away.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// A server that is in the middle of something is not waited for longer.
const FREED_WITHIN: Duration = Duration::from_secs(2);

/// How to reach the server, for SQL and for replication.
#[derive(Clone)]
pub(super) struct ReplicationTarget {
    /// For ordinary SQL as the replication role.
    pub sql: PgConnectOptions,
    address: Address,
    slot: String,
    publication: String,
}

impl ReplicationTarget {
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
        let host = sql.get_socket().map_or_else(
            || sql.get_host().to_owned(),
            |path| path.display().to_string(),
        );
        let mode = match sql.get_ssl_mode() {
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
        let address = Address {
            host,
            port: sql.get_port(),
            user: sql.get_username().to_owned(),
            password: password.into_owned(),
            database: sql.get_database().unwrap_or(sql.get_username()).to_owned(),
            tls,
        };
        Ok(Self {
            sql: sql.application_name("bondhu mirror"),
            address,
            slot: slot.to_owned(),
            publication: publication.to_owned(),
        })
    }

    /// Name of the slot.
    pub(super) fn slot(&self) -> &str {
        &self.slot
    }
}

/// What the stream says.
#[derive(Debug)]
pub(super) enum Event {
    /// A message of the output plugin.
    Message {
        /// It.
        data: Bytes,
        /// When it was sent, in µs since 2000-01-01 by Postgres' clock.
        sent_micros: i64,
    },
    /// Everything committed before this position has been sent.
    Reached {
        /// It.
        position: Lsn,
        /// The server waits to hear that it was received: it shuts down, and ends no stream before.
        is_asked: bool,
    },
}

/// An open stream. Holding it makes this mirror the one that leads.
pub(super) struct Stream {
    slot: String,
    incoming: Incoming,
    acknowledged: watch::Sender<Lsn>,
    stop: CancellationToken,
}

impl Stream {
    /// Takes the slot, making it when it is missing, and starts streaming.
    ///
    /// # Errors
    /// [`MirrorError::SlotTaken`] while another mirror has it; else what stands in the way.
    pub(super) async fn open(
        target: &ReplicationTarget,
        renew: bool,
    ) -> Result<(Self, Origin), MirrorError> {
        let opened = tokio::time::timeout(BEGIN_WITHIN, Self::begin(target, renew)).await;
        opened.unwrap_or(Err(MirrorError::Silent))
    }

    /// Looks whether the slot is free, taking nothing.
    ///
    /// # Errors
    /// [`MirrorError::SlotTaken`] while another mirror has it, or the database cannot be reached.
    pub(super) async fn look(target: &ReplicationTarget) -> Result<(), MirrorError> {
        let looking = async {
            let mut sql = slot::connect(&target.sql).await?;
            slot::free(&mut sql, &target.slot).await
        };
        let looked = tokio::time::timeout(BEGIN_WITHIN, looking).await;
        looked.unwrap_or(Err(MirrorError::Silent))
    }

    async fn begin(target: &ReplicationTarget, renew: bool) -> Result<(Self, Origin), MirrorError> {
        let (name, publication) = (&target.slot, &target.publication);
        let mut sql = slot::connect(&target.sql).await?;
        slot::ensure(&mut sql, name, publication, renew).await?;

        let mut session = ReplicationSession::connect(&target.address).await?;
        let patience = format!("set wal_sender_timeout = {SILENT_FOR_MS}");
        session.ask(&patience).await?;
        let server = session.ask("IDENTIFY_SYSTEM").await?;
        let [system, timeline, written, ..] = server.as_slice() else {
            return Err(unexpected("the server does not say who it is"));
        };
        let (system, written) = (system.clone(), written.parse());
        let timeline = timeline
            .parse()
            .map_err(|_| unexpected("the server's timeline is no number"))?;
        let written = written.map_err(|_| unexpected("the server's position is none"))?;
        let started = session.start(name, publication).await;
        let (incoming, outgoing) = started.map_err(|error| explain(error, name))?;
        // Read once the slot is ours: from here on nobody else moves it.
        let acknowledged = slot::acknowledged(&mut sql, name).await?;

        let (acknowledging, position) = watch::channel(Lsn::default());
        let stop = CancellationToken::new();
        tokio::spawn(walsender::report(
            outgoing,
            position,
            STATUS_INTERVAL,
            stop.clone(),
        ));
        let stream = Self {
            slot: name.clone(),
            incoming,
            acknowledged: acknowledging,
            stop,
        };
        let origin = Origin {
            system,
            timeline,
            acknowledged,
            written,
        };
        Ok((stream, origin))
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the stream breaks or ends.
    pub(super) async fn next(&mut self) -> Result<Event, MirrorError> {
        // What is buffered is ready at once: the rest of this thread's work gets its turn all the same.
        tokio::task::consume_budget().await;
        loop {
            let message = self.incoming.next().await;
            let message = message.map_err(|error| explain(error, &self.slot))?;
            match message.tag {
                b'd' => {
                    return Ok(match parse_copy_data(message.payload)? {
                        ReplicationCopyData::XLogData {
                            server_time_micros,
                            data,
                            ..
                        } => Event::Message {
                            data,
                            sent_micros: server_time_micros,
                        },
                        ReplicationCopyData::KeepAlive {
                            wal_end,
                            reply_requested,
                            ..
                        } => Event::Reached {
                            position: Lsn(wal_end.0),
                            is_asked: reply_requested,
                        },
                    });
                }
                b'c' | b'C' | b'Z' => return Err(MirrorError::Ended),
                _ => {}
            }
        }
    }

    /// Tells the server that everything before `position` need not be sent again. Never goes back.
    pub(super) fn acknowledge(&self, position: Lsn) {
        self.acknowledged.send_if_modified(|former| {
            let is_further = position > *former;
            *former = position.max(*former);
            is_further
        });
    }

    /// Ends the stream, so that the slot is free at once.
    pub(super) async fn close(mut self) {
        self.stop.cancel();
        // What is still under way will come again: it was not acknowledged.
        let freed = self.incoming.until(b'Z');
        let _ = tokio::time::timeout(FREED_WITHIN, freed).await;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn unexpected(what: &str) -> MirrorError {
    MirrorError::Replication(PgWireError::Protocol(what.to_owned()))
}

fn explain(error: PgWireError, slot: &str) -> MirrorError {
    let text = error.to_string();
    if !error.is_server() {
        MirrorError::Replication(error)
    } else if text.contains("SQLSTATE 55006") {
        MirrorError::SlotTaken(slot.to_owned())
    } else if text.contains("SQLSTATE 42704") && text.contains("publication") {
        MirrorError::SlotPredatesPublication(slot.to_owned())
    } else {
        MirrorError::Replication(error)
    }
}
