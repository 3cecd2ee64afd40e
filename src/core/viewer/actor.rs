//! Actors, who perform audited actions.

use super::identity::{Identity, Viewer};
use super::proof::{Owner, Staff};
use crate::core::error::Error;
use crate::core::ids::UserId;

/// The actor of an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The command line: the owner of a shell on the server may do everything.
    CommandLine,
    /// The server itself, which records events for operators.
    Server,
    /// A staff member or superuser.
    Staff(Staff),
    /// A superuser who has just entered their own password.
    Confirmed(Staff),
    /// A user, for audited actions on their own account.
    User(Owner),
}

impl From<Staff> for Actor {
    fn from(staff: Staff) -> Self {
        Actor::Staff(staff)
    }
}

impl Actor {
    /// Returns the same actor with roles that were read later.
    ///
    /// # Errors
    /// FORBIDDEN if the user is no longer an operator.
    pub fn with_roles(self, is_staff: bool, is_superuser: bool) -> Result<Self, Error> {
        let Some(identity) = self.identity() else { return Ok(self) };
        let staff = Viewer::User(Identity { is_staff, is_superuser, ..identity }).require_staff()?;
        Ok(if matches!(self, Actor::Confirmed(_)) { Actor::Confirmed(staff) } else { Actor::Staff(staff) })
    }

    /// Returns the user id; `None` for the command line and the server.
    pub fn id(&self) -> Option<UserId> {
        self.identity().map(|identity| identity.id)
    }

    /// Checks that the actor is an operator.
    ///
    /// # Errors
    /// FORBIDDEN for a user without a role.
    pub fn require_operator(&self) -> Result<(), Error> {
        match self {
            Actor::CommandLine | Actor::Server | Actor::Staff(_) | Actor::Confirmed(_) => Ok(()),
            Actor::User(_) => Err(Error::forbidden("Only staff may do this.")),
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
        if self.identity().is_none_or(|identity| identity.is_superuser) {
            Ok(())
        } else {
            Err(Error::forbidden("Only a superuser may do this."))
        }
    }

    /// Checks that the actor has just entered their own password, or is the command line: a session that was left open
    /// must not grant roles.
    ///
    /// # Errors
    /// INVALID_INPUT in the field `own_password` for all others.
    pub fn require_confirmed(&self) -> Result<(), Error> {
        match self {
            Actor::CommandLine | Actor::Server | Actor::Confirmed(_) => Ok(()),
            Actor::Staff(_) | Actor::User(_) => Err(Error::field("own_password", "Enter your own password.")),
        }
    }

    fn identity(&self) -> Option<Identity> {
        match self {
            Actor::CommandLine | Actor::Server => None,
            Actor::Staff(staff) | Actor::Confirmed(staff) => Some(**staff),
            Actor::User(owner) => Some(**owner),
        }
    }
}
