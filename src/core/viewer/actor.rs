//! Actors, who perform audited actions.

use super::identity::{Identity, Viewer};
use super::proof::Staff;
use crate::core::error::Error;

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
        viewer.require_staff().map(Self::from)
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

impl From<Staff> for Actor {
    fn from(staff: Staff) -> Self {
        Actor::User(*staff)
    }
}
