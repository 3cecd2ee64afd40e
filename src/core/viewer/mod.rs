//! Viewers, who send requests, and actors, who perform operators' actions. `session` determines the viewer once per
//! request, from the credentials; the viewer proves what it may do.

mod actor;
mod client;
mod identity;
mod proof;
mod scopes;

pub use self::actor::Actor;
pub use self::client::{ClientInfo, ClientIp};
pub use self::identity::{Credential, Identity, Viewer};
pub use self::proof::{Caller, Owner, Reader, Staff, Writer};
pub use self::scopes::{Scope, Scopes};
