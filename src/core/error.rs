//! The one error type. It knows no transport: each transport maps [`Code`] to its own shape.
//!
//! `message` and `fields` are shown to clients; `source` goes to the log and never further.

use std::error::Error as StdError;
use std::fmt;

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// What clients read while the database is away.
pub const UNAVAILABLE: &str = "The server does not get at its data at the moment. Try again later.";

/// What went wrong, as a closed list. Clients act on the code, people read the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
#[graphql(name = "ErrorCode")]
pub enum Code {
    /// Nobody proved who is asking, or the proof no longer holds.
    Unauthenticated,
    /// Known, but not allowed to do this.
    Forbidden,
    /// There is no such thing, or it is somebody else's: the answer is the same.
    NotFound,
    /// The input breaks a rule; `fields` names every mistake.
    InvalidInput,
    /// The request contradicts what is already there.
    Conflict,
    /// The balance cannot pay for this.
    InsufficientTokens,
    /// Too many requests; try again later.
    RateLimited,
    /// The request, or the answer to it, is larger than allowed.
    PayloadTooLarge,
    /// The request came too slowly.
    RequestTimeout,
    /// It took longer than allowed.
    Timeout,
    /// The language model could not answer.
    ProviderUnavailable,
    /// The server does not get at its data at the moment; try again later.
    Unavailable,
    /// A fault of the server. The log has the details, under the request's id.
    Internal,
}

impl Code {
    /// The code as it is written in answers and stored with failed chats.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::Forbidden => "FORBIDDEN",
            Code::NotFound => "NOT_FOUND",
            Code::InvalidInput => "INVALID_INPUT",
            Code::Conflict => "CONFLICT",
            Code::InsufficientTokens => "INSUFFICIENT_TOKENS",
            Code::RateLimited => "RATE_LIMITED",
            Code::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Code::RequestTimeout => "REQUEST_TIMEOUT",
            Code::Timeout => "TIMEOUT",
            Code::ProviderUnavailable => "PROVIDER_UNAVAILABLE",
            Code::Unavailable => "UNAVAILABLE",
            Code::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One mistake in one input field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The input field, in snake case (`password2`); transports rename it to their own style.
    pub field: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// Anything that a domain function can refuse or fail with.
pub struct Error {
    /// What went wrong, for programs.
    pub code: Code,
    /// What went wrong, for people. Safe to show to whoever asked.
    pub message: String,
    /// The mistakes in the input, all of them at once.
    pub fields: Vec<FieldError>,
    /// Seconds after which a retry may succeed, with [`Code::RateLimited`] and from [`Error::overloaded`].
    pub retry_after: Option<u64>,
    /// The cause, for the log only.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error that a client may see as it is.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), retry_after: None, source: None }
    }

    /// A fault of the server: the cause is for the log, the client learns only that there was one.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "Internal error.").with_source(source)
    }

    /// The database does not answer, or takes nothing: the cause is for the log, the client learns that it may try again.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Unavailable, UNAVAILABLE).with_source(source)
    }

    /// Whether it is nobody's mistake but a trouble of the server, whose cause belongs into the log.
    pub fn is_fault(&self) -> bool {
        matches!(self.code, Code::Internal | Code::Unavailable)
    }

    /// [`Code::NotFound`] for `what` ("chat"): also the answer for somebody else's.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("No such {what}."))
    }

    /// [`Code::Unauthenticated`] without any credentials.
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Log in first.")
    }

    /// [`Code::Forbidden`], with what would be needed.
    pub fn forbidden(message: &str) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// [`Code::InvalidInput`] for one field.
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field, message: message.into() }])
    }

    /// [`Code::InvalidInput`] for all the given mistakes.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let message = fields.first().map_or_else(|| "Invalid input.".to_owned(), |first| first.message.clone());
        Self { fields, ..Self::new(Code::InvalidInput, message) }
    }

    /// [`Code::RateLimited`], to be tried again in so many seconds.
    pub fn rate_limited(message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, message) }
    }

    /// [`Code::Unavailable`] where a bounded queue is full, to be tried again in so many seconds. Without a cause: it is
    /// counted, not logged, so that no flood of requests becomes one of log lines.
    pub fn overloaded(message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::Unavailable, message) }
    }

    /// Whether the log is to have it: a fault with a cause.
    pub fn is_logged(&self) -> bool {
        self.is_fault() && self.retry_after.is_none()
    }

    /// Adds the cause, for the log.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        for field in &self.fields {
            write!(f, " [{}: {}]", field.field, field.message)?;
        }
        let mut cause: Option<&(dyn StdError + 'static)> = self.source.as_deref().map(|s| s as _);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_away(&error) {
            Self::unavailable(error)
        } else if code_of(&error).as_deref() == Some("22021") {
            // PostgreSQL takes no NUL in a text, whatever the text is for; SQLite finds nothing for it.
            Self::new(Code::InvalidInput, "Null characters are not allowed.").with_source(error)
        } else {
            Self::internal(error)
        }
    }
}

/// The code of an error that the database itself has reported.
pub(crate) fn code_of(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    Some(cause.as_database_error()?.code()?.into_owned())
}

/// Whether the database is away or takes nothing, which passes; all else is a fault of ours.
fn is_away(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return matches!(error, DbErr::ConnectionAcquire(_));
    };
    match cause.as_ref() {
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_code_of_absence(&code)),
        cause => {
            use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
            // A proxy that has lost its server closes instead of an answer, which the library takes for a wrong one.
            matches!(cause, Io(_) | Protocol(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed)
        }
    }
}

/// PostgreSQL's codes are five characters, SQLite's a number of four digits at most, whose last byte is the kind.
fn is_code_of_absence(code: &str) -> bool {
    if code.len() < 5 {
        // SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN
        return code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    }
    // Connection exceptions, insufficient resources (the disk too), operators' interventions, system errors, a server that
    // only reads, as after a failover, a row that is locked for too long, and a statement that took too long.
    let of_class = ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class));
    of_class || matches!(code, "25006" | "55P03")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_database_is_told_from_a_mistake_of_ours() {
        for absent in [
            "5", "261", "8", "1032", "778", "13", "14", "08006", "53100", "53300", "57P01", "57014", "58030", "25006",
            "55P03",
        ] {
            assert!(is_code_of_absence(absent), "{absent}");
        }
        // A constraint, a syntax error.
        for ours in ["19", "2067", "1", "23505", "42601", ""] {
            assert!(!is_code_of_absence(ours), "{ours}");
        }
        assert_eq!(Error::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout)).code, Code::Unavailable);
        assert_eq!(Error::from(DbErr::RecordNotInserted).code, Code::Internal);
    }
}
