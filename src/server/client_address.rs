//! The address of a client, behind trusted proxies or none.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::infra::config::ClientAddress;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

/// Returns the address of the client: the peer's own, unless the peer is a trusted proxy. Then it is the last address
/// in the header that is not a trusted proxy, since all before it may be forged.
pub(super) fn client_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], header: ClientAddress) -> IpAddr {
    if !is_trusted(trusted, peer) {
        return peer;
    }
    let values = |name| headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let hops: Vec<&str> = match header {
        ClientAddress::XForwardedFor => values(FORWARDED_FOR).flat_map(|value| value.split(',')).collect(),
        ClientAddress::Forwarded => values(FORWARDED).flat_map(|value| value.split(',')).map(forwarded_for).collect(),
    };
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Some(address) = address_of(hop) else { break };
        client = address.to_canonical();
        if !is_trusted(trusted, client) {
            break;
        }
    }
    client
}

/// Returns the node of an element of `Forwarded` (RFC 7239, section 4); empty if it names none.
fn forwarded_for(element: &str) -> &str {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let node = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, node)| node.trim()).next();
    node.unwrap_or_default().trim_matches('"')
}

/// Parses the address of a hop, with or without its port, an IPv6 one also in brackets.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = hop.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

pub(super) fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests;
