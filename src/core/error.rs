//! The one error type. It knows no transport: each transport maps [`Code`] to its own shape.
//!
//! `message` and `fields` are shown to clients; `source` and `location` go to the log only.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::str::FromStr;

use sea_orm::{DbErr, DeriveValueType, EnumIter, Iterable, RuntimeErr, sqlx};

/// The message for clients while the database is unavailable.
pub const UNAVAILABLE: &str = "The database is temporarily unavailable. Try again later.";

/// Error code: a closed list. Clients act on the code; the message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveValueType, async_graphql::Enum)]
#[sea_orm(value_type = "String")]
#[graphql(name = "ErrorCode")]
pub enum Code {
    /// Credentials are missing, invalid, expired or revoked.
    Unauthenticated,
    /// The credentials are valid, but do not permit this.
    Forbidden,
    /// The object does not exist, or belongs to another user: the response is the same.
    NotFound,
    /// The input breaks a rule; `fields` lists all field errors.
    InvalidInput,
    /// The request conflicts with existing data.
    Conflict,
    /// The balance does not cover the cost.
    InsufficientTokens,
    /// A rate limit is exceeded; retry later.
    RateLimited,
    /// The request or its response is larger than allowed.
    PayloadTooLarge,
    /// The client sent the request too slowly.
    RequestTimeout,
    /// The operation took longer than allowed.
    Timeout,
    /// The model's provider is unavailable or failed.
    ProviderUnavailable,
    /// The database is temporarily unavailable, or the server is overloaded; retry later.
    Unavailable,
    /// Internal server error. The log has the details under the request id.
    Internal,
}

impl Code {
    /// Returns the code as it is written in responses and stored with failed chats.
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

/// A stored code that this version does not know is PROVIDER_UNAVAILABLE, as for any failed chat.
impl FromStr for Code {
    type Err = Infallible;

    fn from_str(stored: &str) -> Result<Self, Infallible> {
        Ok(Self::iter().find(|code| code.as_str() == stored).unwrap_or(Self::ProviderUnavailable))
    }
}

/// A field error: a validation error of one input field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The input field, in snake case (`password2`); transports rename it to their own style.
    pub field: &'static str,
    /// The message, a sentence for people.
    pub message: String,
}

/// The numbers of [`Code::InsufficientTokens`], in prepaid tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The least that has to be available.
    pub required: i64,
    /// What is available: of the balance, or of the limits of the API key if that is less.
    pub available: i64,
}

/// The error of all domain functions: a rejection, or a fault of the server.
pub struct Error {
    /// The error code, for API clients.
    pub code: Code,
    /// The message, for people. Safe to show to the client.
    pub message: String,
    /// All field errors of the input.
    pub fields: Vec<FieldError>,
    /// Seconds after which a retry may succeed; set by [`Error::rate_limited`] and [`Error::overloaded`].
    pub retry_after: Option<u64>,
    /// What is missing; only of [`Code::InsufficientTokens`].
    pub shortage: Option<Shortage>,
    /// The cause, for the log only.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
    /// The place in the sources where the error arose, for the log only.
    pub location: &'static Location<'static>,
}

impl Error {
    /// Creates an error whose message is shown to the client.
    #[track_caller]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let location = Location::caller();
        let message = message.into();
        Self { code, message, fields: Vec::new(), retry_after: None, shortage: None, source: None, location }
    }

    /// Creates a server fault: the cause is for the log, the client receives a generic message.
    #[track_caller]
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "Internal error.").with_source(source)
    }

    /// Creates an error for a database that does not respond or accepts no writes: the cause is for the log, the client
    /// receives a message that it may retry later.
    #[track_caller]
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Unavailable, UNAVAILABLE).with_source(source)
    }

    /// Returns whether the server failed rather than the client, so that the cause belongs in the log.
    pub fn is_fault(&self) -> bool {
        matches!(self.code, Code::Internal | Code::Unavailable)
    }

    /// Creates [`Code::NotFound`] for `what` ("chat"), also if the object belongs to another user.
    #[track_caller]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("No such {what}."))
    }

    /// Creates [`Code::Unauthenticated`] for a request without credentials.
    #[track_caller]
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Log in first.")
    }

    /// Creates [`Code::Forbidden`] with a message that names the missing permission.
    #[track_caller]
    pub fn forbidden(message: &str) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// Creates [`Code::InvalidInput`] with one field error.
    #[track_caller]
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field, message: message.into() }])
    }

    /// Creates [`Code::InvalidInput`] with all the given field errors; the message is that of the first.
    #[track_caller]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let message = fields.first().map_or_else(|| "Invalid input.".to_owned(), |first| first.message.clone());
        Self { fields, ..Self::new(Code::InvalidInput, message) }
    }

    /// Creates [`Code::RateLimited`] with the seconds after which to retry.
    #[track_caller]
    pub fn rate_limited(message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::RateLimited, message) }
    }

    /// Creates [`Code::Unavailable`] for a bounded queue that is full, with the seconds after which to retry. It has no
    /// cause: it is counted, not logged, so that a flood of requests does not flood the log.
    #[track_caller]
    pub fn overloaded(message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::Unavailable, message) }
    }

    /// Creates [`Code::InsufficientTokens`] with what is required and available.
    #[track_caller]
    pub fn insufficient(message: &str, required: i64, available: i64) -> Self {
        let shortage = Some(Shortage { required, available });
        Self { shortage, ..Self::new(Code::InsufficientTokens, message) }
    }

    /// Returns whether the error is logged: a fault other than an overload.
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
        write!(f, " ({}:{})", self.location.file(), self.location.line())
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
    #[track_caller]
    fn from(error: DbErr) -> Self {
        if is_away(&error) {
            Self::unavailable(error)
        } else if code_of(&error).as_deref() == Some("22021") {
            // PostgreSQL rejects NUL in any text; SQLite accepts it and finds no row.
            Self::new(Code::InvalidInput, "Null characters are not allowed.").with_source(error)
        } else {
            Self::internal(error)
        }
    }
}

/// Returns the error code that the database itself reported, if it did.
pub(crate) fn code_of(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    Some(cause.as_database_error()?.code()?.into_owned())
}

/// Returns whether the database is unavailable or accepts no writes, which is temporary; any other error is a fault of
/// this server.
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
            // A proxy that has lost its server closes the connection, which the library reports as a protocol error.
            matches!(cause, Io(_) | Protocol(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed)
        }
    }
}

/// Returns whether an error code of the database means that it is unavailable. PostgreSQL's codes have five characters;
/// SQLite's are numbers of at most four digits, whose low byte is the primary code.
fn is_code_of_absence(code: &str) -> bool {
    if code.len() < 5 {
        // SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN
        return code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    }
    // Connection exceptions (08), insufficient resources, the disk included (53), operator intervention, such as a
    // statement timeout (57), system errors (58), a read-only server, as after a failover (25006), and a lock timeout
    // (55P03).
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
        // Constraint violations and syntax errors.
        for ours in ["19", "2067", "1", "23505", "42601", ""] {
            assert!(!is_code_of_absence(ours), "{ours}");
        }
        assert_eq!(Error::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout)).code, Code::Unavailable);
        assert_eq!(Error::from(DbErr::RecordNotInserted).code, Code::Internal);
    }

    #[test]
    fn the_log_names_the_place_where_an_error_arose() {
        fn fails() -> Result<(), Error> {
            Err(DbErr::RecordNotInserted)?
        }
        let line = line!() - 2;
        let error = fails().err().map(|error| format!("{error:?}")).unwrap_or_default();
        assert!(error.ends_with(&format!("({}:{line})", file!())), "{error}");
        let invalid = format!("{:?}", Error::field("name", "Too long."));
        assert!(invalid.ends_with(&format!("({}:{})", file!(), line!() - 1)), "{invalid}");
    }
}
