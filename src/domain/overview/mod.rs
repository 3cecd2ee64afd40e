//! What operators see of the whole installation. Reads what the other modules store, and must not write.

mod users;

pub use self::users::users;
