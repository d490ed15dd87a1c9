//! Where a request comes from: the peer, or what a proxy that the operator trusts says of it.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// Addresses whose `X-Forwarded-For` is believed. Anybody can send that header.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// The networks of a list, separated by commas: `10.0.0.0/8, 2001:db8::7`.
    ///
    /// # Errors
    /// Names the one that is none.
    pub fn parse(list: &str) -> Result<Self, String> {
        list.split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }

    /// The client's address: the peer unless that is trusted, else the last address that no
    /// trusted proxy has. `None` when the server does not know its peer.
    #[must_use]
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = extensions
            .get::<ConnectInfo<SocketAddr>>()?
            .0
            .ip()
            .to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let forwarded = headers.get_all("x-forwarded-for").iter();
        let forwarded = forwarded
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let mut client = peer;
        for hop in forwarded.collect::<Vec<_>>().into_iter().rev() {
            // Beyond what is no address anything may have been made up.
            let Some(address) = address(hop) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        Some(client)
    }
}

/// An address, which some proxies write with its port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.trim_start_matches('[').trim_end_matches(']').parse();
    let address = bare.or_else(|_| hop.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    Some(address.ok()?.to_canonical())
}

/// An address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let same = |left: u128, right: u128, width: u32| {
            self.bits == 0 || (left ^ right) >> (width - self.bits) == 0
        };
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let wrong = || format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| wrong())?;
        if bits > width {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectInfo, Extensions, HeaderMap, IpAddr, SocketAddr, TrustedProxies};

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies = if trusted.is_empty() {
            TrustedProxies::default()
        } else {
            TrustedProxies::parse(trusted).unwrap()
        };
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies
            .client(&extensions, &headers)
            .map_or_else(String::new, |address: IpAddr| address.to_string())
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_whatever_it_says() {
        assert_eq!(client("", "192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(
            client("10.0.0.0/8", "192.0.2.9", &["198.51.100.1"]),
            "192.0.2.9"
        );
        assert_eq!(
            client("2001:db8::7", "2001:db8::8", &["198.51.100.1"]),
            "2001:db8::8"
        );
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_a_client_cannot_name_itself() {
        assert_eq!(
            client("10.0.0.0/8", "10.1.2.3", &["198.51.100.1"]),
            "198.51.100.1"
        );
        let made_up = ["203.0.113.5, 198.51.100.1", "10.9.9.9"];
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &made_up), "198.51.100.1");
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.1.2.3", &["[2001:db8::1]:443"]),
            "2001:db8::1"
        );
        assert_eq!(
            client("10.0.0.0/8", "10.1.2.3", &["198.51.100.1:1234"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("10.0.0.0/8", "10.1.2.3", &["198.51.100.1, unknown"]),
            "10.1.2.3"
        );
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(
            client("0.0.0.0/0", "10.1.2.3", &["198.51.100.1"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn what_is_no_network_is_named() {
        for wrong in [
            "proxy",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "::/129",
            "10.0.0.1,",
            "10.0.0.0/8/8",
        ] {
            assert!(TrustedProxies::parse(wrong).is_err(), "{wrong}");
        }
    }
}
