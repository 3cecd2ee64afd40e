//! Who is asking, and who acts. Decided once per request, from the credentials, by `session`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::core::error::Error;

/// Whoever is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody in particular.
    Anonymous,
    /// An active user with a live session.
    User(Identity),
}

/// A user whose credentials were checked for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub id: i64,
    /// What was shown.
    pub credential: Credential,
    /// May see everybody and adjust balances.
    pub is_staff: bool,
    /// May also change roles, superusers and the passwords of staff.
    pub is_superuser: bool,
}

/// Where a request comes from, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The client's address.
    pub address: Option<ClientIp>,
    /// What the client says of itself.
    pub user_agent: Option<String>,
}

/// A client's address. All addresses of one IPv6 network (64 bits), which belong to one client, are the same.
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

/// What proved who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token of this session: the user may do everything that is theirs to do.
    Session(i64),
    /// An API key.
    ApiKey {
        /// The key's id.
        id: i64,
        /// What it may be used for.
        scopes: Scopes,
    },
}

/// What an API key may be used for. A key never opens the account itself: passwords, sessions, keys, deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum Scope {
    /// Asking models by the OpenAI-compatible routes (`/v1`).
    Completions,
    /// Reading the user's own chats, conversations, balance and ledger.
    Read,
    /// Sending messages, and changing chats and conversations. Includes READ.
    Write,
    /// What operators do, as far as the user is one. Includes READ.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Completions, Self::Read, Self::Write, Self::Admin];

    /// The name, as it is stored and as the command line takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// These scopes.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }

    /// The scopes of a list of names with commas, as [`Scopes::names`] gives it. Names that are unknown are left out.
    pub fn from_names(names: &str) -> Self {
        Self::new(names.split(',').filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name)))
    }

    /// The names with commas.
    pub fn names(self) -> String {
        self.iter().map(Scope::name).collect::<Vec<_>>().join(",")
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Whether this one is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// Whether one of those is among them that include reading.
    fn reads(self) -> bool {
        [Scope::Read, Scope::Write, Scope::Admin].into_iter().any(|scope| self.has(scope))
    }
}

impl Identity {
    /// The API key that was shown; none for those who logged in.
    pub fn api_key(self) -> Option<i64> {
        match self.credential {
            Credential::ApiKey { id, .. } => Some(id),
            Credential::Session(_) => None,
        }
    }
}

impl Viewer {
    /// The user who is asking, to read what is theirs.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key that may not read.
    pub fn require_read(self) -> Result<Identity, Error> {
        self.with(Scopes::reads)
    }

    /// The user who is asking, to write.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key that may not write.
    pub fn require_write(self) -> Result<Identity, Error> {
        self.with(|scopes| scopes.has(Scope::Write))
    }

    /// The user who is asking, by the OpenAI-compatible routes.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key that may not.
    pub fn require_completions(self) -> Result<Identity, Error> {
        self.with(|scopes| scopes.has(Scope::Completions))
    }

    /// The user who has logged in, and the session: for what concerns the account itself.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys.
    pub fn require_session(self) -> Result<(Identity, i64), Error> {
        let identity = self.require_authenticated()?;
        match identity.credential {
            Credential::Session(session_id) => Ok((identity, session_id)),
            Credential::ApiKey { .. } => Err(Error::forbidden("API keys do not open the account itself. Log in.")),
        }
    }

    /// Whoever is asking, whatever for.
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

    /// The staff member who is asking. Superusers count as staff.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for plain users and for API keys without the scope.
    pub fn require_staff(self) -> Result<Identity, Error> {
        let identity = self.with(|scopes| scopes.has(Scope::Admin))?;
        if identity.is_staff || identity.is_superuser {
            Ok(identity)
        } else {
            Err(Error::forbidden("Only staff may do this."))
        }
    }

    /// The superuser who is asking.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for everybody but superusers.
    pub fn require_superuser_viewer(self) -> Result<Identity, Error> {
        let identity = self.with(|scopes| scopes.has(Scope::Admin))?;
        if identity.is_superuser { Ok(identity) } else { Err(Error::forbidden("Only a superuser may do this.")) }
    }
}

/// Who acts on what is other people's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever has the shell of the server may do everything.
    CommandLine,
    /// The server itself, which records what operators should know.
    Server,
    /// A staff member or superuser; a plain user only where the deed is on their own account.
    User(Identity),
}

impl Actor {
    /// The viewer, as an operator.
    ///
    /// # Errors
    /// UNAUTHENTICATED or FORBIDDEN for everybody but staff.
    pub fn from_viewer(viewer: Viewer) -> Result<Self, Error> {
        viewer.require_staff().map(Actor::User)
    }

    /// The same actor with the roles of a later moment.
    ///
    /// # Errors
    /// FORBIDDEN for one that is no operator any more.
    pub fn with_roles(self, is_staff: bool, is_superuser: bool) -> Result<Self, Error> {
        match self {
            Actor::CommandLine | Actor::Server => Ok(self),
            Actor::User(identity) => Self::from_viewer(Viewer::User(Identity { is_staff, is_superuser, ..identity })),
        }
    }

    /// The user id; none for the command line and the server.
    pub fn id(&self) -> Option<i64> {
        match self {
            Actor::CommandLine | Actor::Server => None,
            Actor::User(identity) => Some(identity.id),
        }
    }

    /// Whether what belongs to a user may be touched: if the user is an operator, by superusers only.
    ///
    /// # Errors
    /// FORBIDDEN where it may not.
    pub fn require_can_manage(&self, is_operator: bool) -> Result<(), Error> {
        if is_operator { self.require_superuser() } else { Ok(()) }
    }

    /// What only superusers and the command line may do, such as giving roles.
    ///
    /// # Errors
    /// FORBIDDEN for everybody but superusers and the command line.
    pub fn require_superuser(&self) -> Result<(), Error> {
        match self {
            Actor::CommandLine | Actor::Server => Ok(()),
            Actor::User(identity) => Viewer::User(*identity).require_superuser_viewer().map(drop),
        }
    }
}
