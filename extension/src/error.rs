//! Every error the engine raises, and its SQLSTATE.

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
    #[error("{0} is a partition: the engine scores messages in a table without partitions")]
    Partition(String),
    #[error("fold_messages() was attached without {0}")]
    MissingTransition(&'static str),
    #[error("{0} has no column {1}")]
    MissingColumn(String, &'static str),
    #[error("{column} is of type {found}, not {wanted}")]
    WrongType {
        column: String,
        found: String,
        wanted: String,
    },
    #[error("there is no table {0}")]
    MissingTable(String),
    #[error("{0} is not a table")]
    NotATable(String),
    #[error("the primary key of {0} is not ({1})")]
    PrimaryKey(String, String),
    #[error("permission denied for table {0}")]
    MayNot(String),
    #[error("{0} belongs to another role than the one the engine writes for")]
    ForeignOwner(String),
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
            Self::WrongTable(_) | Self::WrongTrigger(_) | Self::MissingTransition(_) => {
                PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED
            }
            Self::MissingColumn(..)
            | Self::MissingTable(_)
            | Self::PrimaryKey(..)
            | Self::NoSettings => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::WrongType { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::NotATable(_) => PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            Self::Partition(_) => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::MayNot(_) | Self::ForeignOwner(_) => {
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE
            }
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
            Self::WrongTable(_) | Self::WrongTrigger(_) | Self::MissingTransition(_) => {
                Some("Let select bondhu.install_engine(); attach the triggers.")
            }
            Self::MissingColumn(..) | Self::MissingTable(_) | Self::NoSettings => {
                Some("Apply the migrations this version of the engine was made for.")
            }
            Self::WrongType { .. } | Self::NotATable(_) | Self::PrimaryKey(..) => Some(
                "Make the table again what the migrations made it, or install the engine they were written for.",
            ),
            Self::Partition(_) => Some(
                "Keep chat in one table; sentiment_buckets and what else is derived may be partitioned.",
            ),
            Self::ForeignOwner(_) => {
                Some("Give all of Bondhu's tables to one owner: alter table … owner to …;")
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
