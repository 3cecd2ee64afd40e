//! Viewers, who send requests, and actors, who perform operators' actions. `session` determines the viewer once per
//! request, from the credentials.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::core::error::Error;

/// The viewer: the client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// An unauthenticated client.
    Anonymous,
    /// An active user with valid credentials.
    User(Identity),
}

/// The identity of a viewer: a user whose credentials were checked for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub id: i64,
    /// The credential of the request.
    pub credential: Credential,
    /// May see all users and adjust balances.
    pub is_staff: bool,
    /// May also change roles, superusers and the passwords of staff.
    pub is_superuser: bool,
}

/// The client of a request, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The client's address.
    pub address: Option<ClientIp>,
    /// The client's `User-Agent` header.
    pub user_agent: Option<String>,
}

/// A client address. All addresses of one IPv6 network (64 bits), which belong to one client, are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl From<IpAddr> for ClientIp {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The credential that authenticated a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token of this session: it permits everything that the user may do.
    Session(i64),
    /// An API key.
    ApiKey {
        /// The key's id.
        id: i64,
        /// The scopes of the key.
        scopes: Scopes,
    },
}

/// Scope of an API key. No scope covers the account itself: passwords, sessions, keys, deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum Scope {
    /// Calling models through the OpenAI-compatible routes (`/v1`).
    Completions,
    /// Reading the user's own chats, conversations, balance and ledger.
    Read,
    /// Sending messages, and changing chats and conversations. Includes READ.
    Write,
    /// Operator functions, if the user is an operator. Includes READ.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Completions, Self::Read, Self::Write, Self::Admin];

    /// Returns the name, as it is stored and as the command line accepts it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes. Stored as their names, comma-separated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sea_orm::DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Scopes(u8);

impl Scopes {
    /// Returns the set of these scopes.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }

    /// Returns each scope of the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Returns whether the set contains this scope.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// Returns whether the set contains a scope that includes reading.
    fn reads(self) -> bool {
        [Scope::Read, Scope::Write, Scope::Admin].into_iter().any(|scope| self.has(scope))
    }
}

/// Unknown names are skipped.
impl FromStr for Scopes {
    type Err = Infallible;

    fn from_str(names: &str) -> Result<Self, Infallible> {
        Ok(Self::new(names.split(',').filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name))))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Scope::name).collect::<Vec<_>>().join(","))
    }
}

impl Identity {
    /// Returns the id of the API key; `None` for a session.
    pub fn api_key(self) -> Option<i64> {
        match self.credential {
            Credential::ApiKey { id, .. } => Some(id),
            Credential::Session(_) => None,
        }
    }
}

impl Viewer {
    /// Returns the viewer, for reading their own data.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key whose scopes do not include reading.
    pub fn require_read(self) -> Result<Identity, Error> {
        self.with(Scopes::reads)
    }

    /// Returns the viewer, for writing.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key without the scope WRITE.
    pub fn require_write(self) -> Result<Identity, Error> {
        self.with(|scopes| scopes.has(Scope::Write))
    }

    /// Returns the viewer, for the OpenAI-compatible routes.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key without the scope COMPLETIONS.
    pub fn require_completions(self) -> Result<Identity, Error> {
        self.with(|scopes| scopes.has(Scope::Completions))
    }

    /// Returns the logged-in user and the session, for operations on the account itself.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys.
    pub fn require_session(self) -> Result<(Identity, i64), Error> {
        let identity = self.require_authenticated()?;
        match identity.credential {
            Credential::Session(session_id) => Ok((identity, session_id)),
            Credential::ApiKey { .. } => Err(Error::forbidden("API keys cannot manage the account. Log in.")),
        }
    }

    /// Returns the authenticated viewer, whatever the credential.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers.
    pub fn require_authenticated(self) -> Result<Identity, Error> {
        match self {
            Viewer::User(identity) => Ok(identity),
            Viewer::Anonymous => Err(Error::unauthenticated()),
        }
    }

    fn with(self, enough: impl Fn(Scopes) -> bool) -> Result<Identity, Error> {
        let identity = self.require_authenticated()?;
        match identity.credential {
            Credential::ApiKey { scopes, .. } if !enough(scopes) => {
                Err(Error::forbidden("This API key does not have the scope for this."))
            }
            Credential::ApiKey { .. } | Credential::Session(_) => Ok(identity),
        }
    }

    /// Returns the viewer as a staff member. Superusers count as staff.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for plain users and for API keys without the scope ADMIN.
    pub fn require_staff(self) -> Result<Identity, Error> {
        let identity = self.with(|scopes| scopes.has(Scope::Admin))?;
        if identity.is_staff || identity.is_superuser {
            Ok(identity)
        } else {
            Err(Error::forbidden("Only staff may do this."))
        }
    }

    /// Returns the viewer as a superuser.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for all but superusers, and for API keys without the scope
    /// ADMIN.
    pub fn require_superuser(self) -> Result<Identity, Error> {
        let identity = self.with(|scopes| scopes.has(Scope::Admin))?;
        if identity.is_superuser { Ok(identity) } else { Err(Error::forbidden("Only a superuser may do this.")) }
    }
}

/// The actor of an action on the data of other users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The command line: the owner of a shell on the server may do everything.
    CommandLine,
    /// The server itself, which records events for operators.
    Server,
    /// A staff member or superuser; a plain user only for audited actions on their own account.
    User(Identity),
}

impl Actor {
    /// Returns the viewer as an operator.
    ///
    /// # Errors
    /// UNAUTHENTICATED or FORBIDDEN for all but staff.
    pub fn from_viewer(viewer: Viewer) -> Result<Self, Error> {
        viewer.require_staff().map(Actor::User)
    }

    /// Returns the same actor with roles that were read later.
    ///
    /// # Errors
    /// FORBIDDEN if the user is no longer an operator.
    pub fn with_roles(self, is_staff: bool, is_superuser: bool) -> Result<Self, Error> {
        match self {
            Actor::CommandLine | Actor::Server => Ok(self),
            Actor::User(identity) => Self::from_viewer(Viewer::User(Identity { is_staff, is_superuser, ..identity })),
        }
    }

    /// Returns the user id; `None` for the command line and the server.
    pub fn id(&self) -> Option<i64> {
        match self {
            Actor::CommandLine | Actor::Server => None,
            Actor::User(identity) => Some(identity.id),
        }
    }

    /// Checks that the actor may manage a user's data: if that user is an operator, only superusers may.
    ///
    /// # Errors
    /// FORBIDDEN if the actor may not.
    pub fn require_can_manage(&self, is_operator: bool) -> Result<(), Error> {
        if is_operator { self.require_superuser() } else { Ok(()) }
    }

    /// Checks that the actor is a superuser, the command line or the server, as for granting roles.
    ///
    /// # Errors
    /// FORBIDDEN for all other actors.
    pub fn require_superuser(&self) -> Result<(), Error> {
        match self {
            Actor::CommandLine | Actor::Server => Ok(()),
            Actor::User(identity) => Viewer::User(*identity).require_superuser().map(drop),
        }
    }
}
