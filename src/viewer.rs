//! Who is asking. Decided once per request, from the credentials, by `session`.

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
