//! `[metrics]`: Prometheus metrics.

use std::net::SocketAddr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `[metrics]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The listen address for Prometheus; `None` for no listener.
    #[serde(with = "address")]
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(in crate::infra::config) fn check(&self, http: SocketAddr) -> Result<(), String> {
        // Port 0 is any free port.
        match self.listen {
            Some(listen) if listen.port() == http.port() && http.port() != 0 && overlap(listen, http) => {
                Err("metrics.listen: another address or port than http.listen, since metrics must not be public"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Serialization of an optional address, as empty text if `None`.
mod address {
    use super::{Deserialize, Deserializer, Error, Serializer, SocketAddr};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                D::Error::custom(format!("\"{text}\" is not an address with a port, such as \"127.0.0.1:9100\""))
            }),
        }
    }

    pub(super) fn serialize<S: Serializer>(address: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address.map(|address| address.to_string()).unwrap_or_default())
    }
}

/// Returns whether two listeners on the same port have overlapping addresses.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified()
}
