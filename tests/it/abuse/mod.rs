//! Abuse by unauthenticated clients: password guessing, floods, slow connections.

mod connections;
mod guessing;
mod lengths;
mod slow_readers;
