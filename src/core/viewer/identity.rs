//! The viewer of a request and its credential.

use super::scopes::Scopes;
use crate::core::ids::{ApiKeyId, SessionId, UserId};

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
    pub id: UserId,
    /// The credential of the request.
    pub credential: Credential,
    /// Sees all users and their chats, manages plain users and adjusts their balances.
    pub is_staff: bool,
    /// May also change roles, superusers and the passwords of staff.
    pub is_superuser: bool,
}

/// The credential that authenticated a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token of this session: it permits everything that the user may do.
    Session(SessionId),
    /// An API key.
    ApiKey {
        /// The key's id.
        id: ApiKeyId,
        /// The scopes of the key.
        scopes: Scopes,
    },
}

impl Identity {
    /// Returns the id of the API key; `None` for a session.
    pub fn api_key(self) -> Option<ApiKeyId> {
        match self.credential {
            Credential::ApiKey { id, .. } => Some(id),
            Credential::Session(_) => None,
        }
    }
}
