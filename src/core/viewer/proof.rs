//! Proofs of authorization: only the checks of a viewer make them, and a function that needs one takes it as a
//! parameter.

use std::ops::Deref;

use super::identity::{Credential, Identity, Viewer};
use super::scopes::{Scope, Scopes};
use crate::core::error::Error;

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
    /// Proof of a staff member, or a superuser, who may act on the data of other users.
    Staff;
}

impl Viewer {
    /// Returns the viewer, for reading their own data.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for an API key whose scopes do not include reading.
    pub fn require_read(self) -> Result<Reader, Error> {
        self.with(Scopes::reads).map(Reader)
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

    /// Returns the viewer as a staff member. Superusers count as staff.
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

    /// Returns the viewer as a superuser.
    ///
    /// # Errors
    /// UNAUTHENTICATED for anonymous viewers, FORBIDDEN for all but superusers, and for API keys without the scope
    /// ADMIN.
    pub fn require_superuser(self) -> Result<Identity, Error> {
        let identity = self.with(|scopes| scopes.has(Scope::Admin))?;
        if identity.is_superuser { Ok(identity) } else { Err(Error::forbidden("Only a superuser may do this.")) }
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
