//! Every error the engine raises, and its SQLSTATE.

use std::ffi::CStr;

use bondhu_core::tally::Inconsistent;
use pgrx::datum::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// What can go wrong in the engine itself. Errors of Postgres pass through unchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("the engine's triggers belong on public.chat_messages, not on {0}")]
    WrongTable(String),
    #[error("{0}() was attached to the wrong kind of trigger")]
    WrongTrigger(&'static str),
    #[error("a table of Bondhu's has no column {0}")]
    MissingColumn(&'static str),
    #[error("a table of Bondhu's has a column that this version of the engine does not know")]
    UnknownColumn,
    #[error("there is no table {0:?}, or it has no primary key")]
    MissingTable(&'static CStr),
    #[error("permission denied for table {0:?}")]
    MayNot(&'static CStr),
    #[error("could not serialize access due to concurrent update")]
    Serialization,
    #[error("{0} answered {1}")]
    TableAccess(&'static str, u32),
    #[error("bondhu.settings has no row")]
    NoSettings,
    #[error("a message's created_at must be a finite time")]
    TimeNotFinite,
    #[error("a message's created_at is in the future")]
    TimeInFuture,
    #[error("user {0}: {1}")]
    Inconsistent(String, Inconsistent),
    #[error("unexpected value in {0}")]
    UnexpectedValue(&'static str),
    #[error("{0} failed with SPI code {1}")]
    Spi(&'static str, i32),
}

impl EngineError {
    pub(crate) fn inconsistent(user: Uuid, error: Inconsistent) -> Self {
        Self::Inconsistent(user.to_string(), error)
    }

    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::WrongTable(_) | Self::WrongTrigger(_) => {
                PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED
            }
            Self::MissingColumn(_)
            | Self::UnknownColumn
            | Self::MissingTable(_)
            | Self::NoSettings => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::MayNot(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::Serialization => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
            Self::TimeInFuture => PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
            Self::TimeNotFinite => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Inconsistent(..) | Self::UnexpectedValue(_) => {
                PgSqlErrorCode::ERRCODE_DATA_CORRUPTED
            }
            Self::Spi(..) | Self::TableAccess(..) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::WrongTable(_) | Self::WrongTrigger(_) => {
                Some("Let select bondhu.install_engine(); attach the triggers.")
            }
            Self::UnknownColumn => {
                Some("Install the engine's newest version: alter extension bondhu update;")
            }
            Self::MissingColumn(_) | Self::MissingTable(_) | Self::NoSettings => {
                Some("Apply the migrations this version of the engine was made for.")
            }
            Self::TimeNotFinite | Self::TimeInFuture => {
                Some("Send the time the message was written, or leave created_at out.")
            }
            Self::Inconsistent(..) => {
                Some("Rebuild the user's derived state: select bondhu.recompute(user_id);")
            }
            Self::MayNot(_) => Some("Call it as the owner of the schema, who wrote these tables."),
            Self::Serialization => Some("Run the transaction again."),
            Self::UnexpectedValue(_) | Self::Spi(..) | Self::TableAccess(..) => None,
        }
    }
}

/// The value, or an ERROR with the error's SQLSTATE and hint.
pub(crate) fn or_raise<T>(result: Result<T, EngineError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            let report = ErrorReport::new(error.code(), error.to_string(), "bondhu");
            match error.hint() {
                Some(hint) => report.set_hint(hint).report(PgLogLevel::ERROR),
                None => report.report(PgLogLevel::ERROR),
            }
            // Reporting an ERROR does not return.
            unreachable!()
        }
    }
}
