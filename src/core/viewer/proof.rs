//! Proofs of authorization: only the checks of a viewer make them, and a function that needs one takes it as a
//! parameter.

use std::ops::Deref;

use super::identity::{Credential, Identity, Viewer};
use super::scopes::{Scope, Scopes};
use crate::core::error::Error;
use crate::core::ids::SessionId;

/// Declares proofs, which dereference to the identity that was checked.
macro_rules! proofs {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(Identity);

        impl Deref for $name {
            type Target = Identity;

            fn deref(&self) -> &Identity {
                &self.0
            }
        }
    )+};
}

proofs! {
    /// Proof of a viewer who may read their own data.
    Reader;
    /// Proof of a viewer who may send messages, and change their own chats and conversations.
    Writer;
    /// Proof of a viewer who may call models through the provider-shaped routes.
    Caller;
    /// Proof of a staff member, or a superuser, who may act on the data of other users.
    Staff;
}

/// Proof of a logged-in user, who may change their own account. API keys may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    identity: Identity,
    session_id: SessionId,
}

impl Deref for Owner {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl Writer {
    /// Returns the proof of reading, which writing includes.
    pub fn reader(self) -> Reader {
        Reader(self.0)
    }
}

impl Owner {
    /// Returns the session.
    pub fn session_id(self) -> SessionId {
        self.session_id
    }

    /// Returns the proof of reading, which a session includes.
    pub fn reader(self) -> Reader {
        Reader(self.identity)
    }

    /// Returns the proof of a staff member, if the user is one.
    pub fn staff(self) -> Option<Staff> {
        Viewer::User(self.identity).require_staff().ok()
    }
}

impl Viewer {
    /// Returns the proof that the viewer may read their own data.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key whose scopes do not include reading.
    pub fn require_read(self) -> Result<Reader, Error> {
        self.with(Scopes::reads).map(Reader)
    }

    /// Returns the proof that the viewer may send messages, and change their own chats and conversations.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key without the scope WRITE.
    pub fn require_write(self) -> Result<Writer, Error> {
        self.with(|scopes| scopes.has(Scope::Write)).map(Writer)
    }

    /// Returns the proof that the viewer may call models through the provider-shaped routes.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key without the scope COMPLETIONS.
    pub fn require_completions(self) -> Result<Caller, Error> {
        self.with(|scopes| scopes.has(Scope::Completions)).map(Caller)
    }

    /// Returns the proof of a logged-in user, for operations on the account itself.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys.
    pub fn require_session(self) -> Result<Owner, Error> {
        let identity = self.require_authenticated()?;
        match identity.credential {
            Credential::Session(session_id) => Ok(Owner { identity, session_id }),
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

    /// Returns the proof of a staff member. Superusers count as staff.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for plain users and for API keys without the scope ADMIN.
    pub fn require_staff(self) -> Result<Staff, Error> {
        let identity = self.with(|scopes| scopes.has(Scope::Admin))?;
        if identity.is_staff || identity.is_superuser {
            Ok(Staff(identity))
        } else {
            Err(Error::forbidden("Only staff may do this."))
        }
    }

    /// Returns the proof of a superuser, who is staff too.
    ///
    /// # Errors
    /// As [`Self::require_staff`]; FORBIDDEN for staff who are no superusers.
    pub fn require_superuser(self) -> Result<Staff, Error> {
        let staff = self.require_staff()?;
        if staff.is_superuser { Ok(staff) } else { Err(Error::forbidden("Only a superuser may do this.")) }
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
}
