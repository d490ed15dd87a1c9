//! A session with the server's walsender: signing in, a question, then the stream of one slot.
//!
//! Logical messages are not asked for: whoever may sign in may write them
//! (`pg_logical_emit_message`), of any size, and other software does. The server passes over them.

use std::path::Path;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use pgwire_replication::auth::ScramClient;
use pgwire_replication::protocol::framing::{
    MessageReader, write_copy_data, write_copy_done, write_password_message, write_query,
    write_startup_message,
};
use pgwire_replication::protocol::messages::auth;
use pgwire_replication::protocol::{
    BackendMessage, encode_standby_status_update, parse_auth_request, parse_error_response,
};
use pgwire_replication::tls::rustls::{MaybeTlsStream, maybe_upgrade_to_tls};
use pgwire_replication::{PgWireError, TlsConfig};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use bondhu_core::cache::position::Lsn;

/// Keys only travel here: a message of more is no row of ours, and its stream ends unread.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// As much of the stream as one system call brings.
const READ_BYTES: usize = 128 * 1024;

const PROTOCOL: i32 = 3 << 16;

const MECHANISM: &str = "SCRAM-SHA-256";

/// How to reach the server as a role that may replicate.
#[derive(Clone)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
    pub tls: TlsConfig,
}

pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// The reading side.
pub(super) struct Incoming {
    input: BufReader<ReadHalf<Box<dyn Wire>>>,
    reader: MessageReader,
}

impl Incoming {
    /// The next message; not one of the server's notices. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the connection breaks, a message is too large, or the server says that something is wrong.
    pub(super) async fn next(&mut self) -> Result<BackendMessage, PgWireError> {
        loop {
            let message = self.reader.read(&mut self.input).await?;
            match message.tag {
                b'E' => return Err(PgWireError::Server(parse_error_response(&message.payload))),
                b'N' | b'S' | b'K' | b'A' => {}
                _ => return Ok(message),
            }
        }
    }

    /// Passes over everything before a message of this kind, and over it.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(super) async fn until(&mut self, tag: u8) -> Result<(), PgWireError> {
        while self.next().await?.tag != tag {}
        Ok(())
    }
}

pub(super) type Outgoing = WriteHalf<Box<dyn Wire>>;

/// A session that has signed in and does not stream yet.
pub(super) struct ReplicationSession {
    incoming: Incoming,
    outgoing: Outgoing,
}

impl ReplicationSession {
    /// Connects and signs in.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub(super) async fn connect(to: &Address) -> Result<Self, PgWireError> {
        let wire: Box<dyn Wire> = if to.host.starts_with('/') {
            let path = Path::new(&to.host).join(format!(".s.PGSQL.{}", to.port));
            Box::new(UnixStream::connect(path).await?)
        } else {
            let tcp = TcpStream::connect((to.host.as_str(), to.port)).await?;
            tcp.set_nodelay(true)?;
            match maybe_upgrade_to_tls(tcp, &to.tls, &to.host).await? {
                MaybeTlsStream::Plain(tcp) => Box::new(tcp),
                MaybeTlsStream::Tls(tls) => tls,
            }
        };
        let (input, outgoing) = tokio::io::split(wire);
        let incoming = Incoming {
            input: BufReader::with_capacity(READ_BYTES, input),
            reader: MessageReader::new().with_max_message_size(MAX_MESSAGE_BYTES),
        };
        let mut session = Self { incoming, outgoing };
        session.sign_in(to).await?;
        Ok(session)
    }

    async fn sign_in(&mut self, to: &Address) -> Result<(), PgWireError> {
        let parameters = [
            ("user", to.user.as_str()),
            ("database", &to.database),
            ("replication", "database"),
            ("client_encoding", "UTF8"),
            ("application_name", "bondhu mirror"),
        ];
        write_startup_message(&mut self.outgoing, PROTOCOL, &parameters).await?;
        loop {
            let message = self.incoming.next().await?;
            match message.tag {
                b'R' => match parse_auth_request(&message.payload)? {
                    (auth::OK, _) => {}
                    (auth::CLEARTEXT_PASSWORD, _) => {
                        let password = [to.password.as_bytes(), b"\0"].concat();
                        write_password_message(&mut self.outgoing, &password).await?;
                    }
                    (auth::SASL, offered) => self.scram(to, offered).await?,
                    (method, _) => {
                        return Err(PgWireError::Auth(format!(
                            "the server asks for method {method}; use scram-sha-256 in pg_hba.conf"
                        )));
                    }
                },
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    async fn scram(&mut self, to: &Address, offered: &[u8]) -> Result<(), PgWireError> {
        if !offered
            .split(|byte| *byte == 0)
            .any(|name| name == MECHANISM.as_bytes())
        {
            return Err(PgWireError::Auth(format!(
                "the server does not offer {MECHANISM}"
            )));
        }
        let client = ScramClient::new(&to.user);
        let first = client.client_first.as_bytes();
        let length = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
        let initial = [MECHANISM.as_bytes(), b"\0", &length, first].concat();
        write_password_message(&mut self.outgoing, &initial).await?;
        let server_first = self.answer(auth::SASL_CONTINUE).await?;
        let (last, said, salted) = client.client_final(&to.password, &server_first)?;
        write_password_message(&mut self.outgoing, last.as_bytes()).await?;
        let server_final = self.answer(auth::SASL_FINAL).await?;
        ScramClient::verify_server_final(&server_final, &salted, &said)
    }

    async fn answer(&mut self, step: i32) -> Result<String, PgWireError> {
        let message = self.incoming.next().await?;
        match parse_auth_request(&message.payload) {
            Ok((code, text)) if message.tag == b'R' && code == step => {
                Ok(String::from_utf8_lossy(text).into_owned())
            }
            _ => Err(PgWireError::Auth("signing in went out of step".to_owned())),
        }
    }

    /// Has one statement carried out; returns the columns of its last row.
    ///
    /// # Errors
    /// When the server refuses it or the connection breaks.
    pub(super) async fn ask(&mut self, statement: &str) -> Result<Vec<String>, PgWireError> {
        write_query(&mut self.outgoing, statement).await?;
        let mut columns = Vec::new();
        loop {
            let message = self.incoming.next().await?;
            match message.tag {
                b'D' => columns = row(message.payload)?,
                b'Z' => return Ok(columns),
                _ => {}
            }
        }
    }

    /// Starts the stream of a slot. Both names are identifiers that need no quotes.
    ///
    /// # Errors
    /// When the server refuses, above all because somebody else reads the slot.
    pub(super) async fn start(
        mut self,
        slot: &str,
        publication: &str,
    ) -> Result<(Incoming, Outgoing), PgWireError> {
        let statement = format!(
            "START_REPLICATION SLOT {slot} LOGICAL 0/0 (proto_version '1', publication_names '{publication}')"
        );
        write_query(&mut self.outgoing, &statement).await?;
        self.incoming.until(b'W').await?;
        Ok((self.incoming, self.outgoing))
    }
}

/// The columns of a row, in text form; null is empty.
fn row(mut payload: Bytes) -> Result<Vec<String>, PgWireError> {
    let malformed = || PgWireError::Protocol("malformed row".to_owned());
    let count = payload.try_get_u16().map_err(|_| malformed())?;
    let mut columns = Vec::new();
    for _ in 0..count {
        let length = payload.try_get_i32().map_err(|_| malformed())?;
        let length = usize::try_from(length.max(0)).map_err(|_| malformed())?;
        if payload.remaining() < length {
            return Err(malformed());
        }
        columns.push(String::from_utf8_lossy(&payload.split_to(length)).into_owned());
    }
    Ok(columns)
}

/// Tells the server every `interval` up to where everything is held, and asks it for a sign of how
/// far it is: while it decodes what nobody publishes it would say nothing. With `stop` it ends
/// the stream. A connection that breaks is for the reading side to tell.
pub(super) async fn report(
    mut outgoing: Outgoing,
    acknowledged: watch::Receiver<Lsn>,
    interval: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reporting = async {
        loop {
            ticks.tick().await;
            let position = pgwire_replication::Lsn(acknowledged.borrow().0);
            // The server makes nothing of the client's clock.
            let status = encode_standby_status_update(position, 0, true);
            if write_copy_data(&mut outgoing, &status).await.is_err() {
                return false;
            }
        }
    };
    let stopped = tokio::select! {
        () = stop.cancelled() => true,
        going_on = reporting => going_on,
    };
    if stopped {
        let _ = write_copy_done(&mut outgoing).await;
    }
}
