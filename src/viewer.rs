//! Who is asking, and who acts. Decided once per request, from the credentials, by `session`.

use crate::error::Error;

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
    /// The session that the access token belongs to.
    pub session_id: i64,
    /// May see everybody and adjust balances.
    pub is_staff: bool,
    /// May also change roles, superusers and the passwords of staff.
    pub is_superuser: bool,
}

impl Viewer {
    /// The user who is asking.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers.
    pub fn user(self) -> Result<Identity, Error> {
        match self {
            Viewer::User(identity) => Ok(identity),
            Viewer::Anonymous => Err(Error::unauthenticated()),
        }
    }

    /// The staff member who is asking. Superusers count as staff.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for plain users.
    pub fn staff(self) -> Result<Identity, Error> {
        let identity = self.user()?;
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
    pub fn superuser(self) -> Result<Identity, Error> {
        let identity = self.user()?;
        if identity.is_superuser { Ok(identity) } else { Err(Error::forbidden("Only a superuser may do this.")) }
    }
}

/// Who acts on what is other people's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever has the shell of the server may do everything.
    CommandLine,
    /// A staff member or superuser; a plain user only where the deed is on their own account.
    User(Identity),
}

impl Actor {
    /// The viewer, as an operator.
    ///
    /// # Errors
    /// UNAUTHENTICATED or FORBIDDEN for everybody but staff.
    pub fn from_viewer(viewer: Viewer) -> Result<Self, Error> {
        viewer.staff().map(Actor::User)
    }

    /// The user id; none for the command line.
    pub fn id(&self) -> Option<i64> {
        match self {
            Actor::CommandLine => None,
            Actor::User(identity) => Some(identity.id),
        }
    }

    /// Whether what belongs to a user may be touched: if the user is an operator, by superusers only.
    ///
    /// # Errors
    /// FORBIDDEN where it may not.
    pub fn may_touch(&self, is_operator: bool) -> Result<(), Error> {
        if is_operator { self.require_superuser() } else { Ok(()) }
    }

    /// What only superusers and the command line may do, such as giving roles.
    ///
    /// # Errors
    /// FORBIDDEN for everybody but superusers and the command line.
    pub fn require_superuser(&self) -> Result<(), Error> {
        match self {
            Actor::CommandLine => Ok(()),
            Actor::User(identity) => Viewer::User(*identity).superuser().map(drop),
        }
    }
}
