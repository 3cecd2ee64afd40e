//! The client of a request, as far as it is known.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The client of a request, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The client's address.
    pub address: Option<ClientIp>,
    /// The client's `User-Agent` header.
    pub user_agent: Option<String>,
}

/// A client address. All addresses of one IPv6 network (64 bits), which belong to one client, are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl From<IpAddr> for ClientIp {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
