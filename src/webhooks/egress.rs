//! Where webhooks may connect to: nowhere that is not everybody's, unless an operator lists it.
//!
//! Whoever may make a webhook could otherwise have this server speak to whatever listens beside it.
//! A name is resolved once for each connection, by [`GuardedResolver`], and the connection is made to
//! the very addresses that passed: what a name led to when the webhook was made says nothing of where
//! it leads now. An address in place of a name is judged as it stands. No redirect is followed, no
//! proxy is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::webhooks::URL_BYTES_MAX;

/// What allows every address.
const EVERYWHERE: &str = "*";
/// Ports below this belong to services of all kinds, most of which speak no HTTP.
const OWN_PORT_MIN: u16 = 1024;
/// But for these.
const WEB_PORTS: [u16; 2] = [80, 443];

/// A part of the network: an address, and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.1.0.0/16`, `fd00::/8`, or a single address.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { address, bits })
    }

    fn contains(self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - self.bits;
                (u32::from(own) ^ u32::from(other)).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - self.bits;
                (u128::from(own) ^ u128::from(other)).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Decides about addresses. The default allows what is everybody's, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    everywhere: bool,
    networks: Vec<Network>,
}

/// An address that webhooks may not connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the url leads to an address that webhooks may not connect to")]
pub struct Refused;

/// Why no webhook can have this url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Longer than [`URL_BYTES_MAX`].
    #[error("a url has at most {URL_BYTES_MAX} bytes")]
    TooLong,
    /// It cannot be read.
    #[error("this is no url")]
    Unreadable,
    /// It is not one of the web.
    #[error("a url begins with https:// or http://")]
    Scheme,
    /// It has a user or a password, which would be shown to whoever lists webhooks.
    #[error("a url of a webhook has no user and no password: the signature proves who sends")]
    Credentials,
    /// It has a part that is never sent.
    #[error("a url of a webhook has no fragment")]
    Fragment,
    /// The port is one of other services.
    #[error("the port of a webhook is 80, 443, or 1024 and above")]
    Port,
    /// It is an address, and none that may be connected to.
    #[error(transparent)]
    Address(#[from] Refused),
}

impl Egress {
    /// Reads networks with commas between; `*`: everywhere; empty: none beside what is everybody's.
    /// An error is the part that is no network.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == EVERYWHERE {
            return Ok(Self { everywhere: true, networks: Vec::new() });
        }
        let parts = text.split(',').map(str::trim).filter(|_| !text.is_empty());
        let networks = parts.map(|part| Network::parse(part).ok_or_else(|| part.to_owned()));
        Ok(Self { everywhere: false, networks: networks.collect::<Result<_, _>>()? })
    }

    /// Whether this address may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.everywhere
            || is_everybodys(address)
            || self.networks.iter().any(|network| network.contains(address))
    }

    /// Reads the url of a webhook. A name may still turn out to lead where nobody may go.
    pub fn check_url(&self, text: &str) -> Result<Url, UrlRefusal> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlRefusal::TooLong);
        }
        let url = Url::parse(text).map_err(|_| UrlRefusal::Unreadable)?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(UrlRefusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefusal::Credentials);
        }
        if url.fragment().is_some() {
            return Err(UrlRefusal::Fragment);
        }
        let is_usual = |port: u16| port >= OWN_PORT_MIN || WEB_PORTS.contains(&port);
        if !url.port_or_known_default().is_some_and(is_usual) {
            return Err(UrlRefusal::Port);
        }
        match literal_of(&url).is_none_or(|address| self.allows(address)) {
            true => Ok(url),
            false => Err(Refused.into()),
        }
    }
}

/// The address that stands in place of a name. The url was read as browsers do: `127.1` and `0x7f.1`
/// are addresses, too.
fn literal_of(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Part of the public network, as far as its registries say.
fn is_everybodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !is_special_v4(address),
        IpAddr::V6(address) => !is_special_v6(address),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || first == 0
        || first >= 224
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && (18..20).contains(&second))
}

/// Only what is given out for the public network passes. Of that, what carries an address of the
/// old network within (6to4, Teredo) is refused: it could be any. NAT64 lies outside of it.
fn is_special_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_given_out = first & 0xE000 == 0x2000;
    let carries_another = first == 0x2002 || (first == 0x2001 && second < 0x0200);
    let is_documentation = (first == 0x2001 && second == 0x0DB8) || first & 0xFFF0 == 0x3FF0;
    !is_given_out || carries_another || is_documentation
}

/// Resolves names to addresses that pass, and to nothing else.
pub(super) struct GuardedResolver(pub(super) Arc<Egress>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| egress.allows(address.ip())).collect();
            match allowed.is_empty() {
                true => Err(Refused.into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(egress: &Egress, address: &str) -> bool {
        egress.allows(address.parse().unwrap())
    }

    #[test]
    fn only_what_is_everybodys_may_be_connected_to() {
        let egress = Egress::default();
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "172.15.255.255",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.254",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
        ] {
            assert!(allows(&egress, public), "{public}");
        }
        for special in [
            // This host, this network, loopback, private, link-local, shared (CGNAT).
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            // Assignments, relays, benchmarks, documentation, multicast, reserved, broadcast.
            "192.0.0.8",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.2.3",
            "240.0.0.1",
            "255.255.255.255",
            // The same in the new network, and what carries an old address within.
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allows(&egress, special), "{special}");
        }
    }

    #[test]
    fn a_listed_network_may_be_connected_to_and_nothing_beside_it() {
        let egress = Egress::parse("10.1.0.0/16, fd00::/8,127.0.0.1").unwrap();
        for listed in ["10.1.255.1", "::ffff:10.1.0.1", "fdff::1", "127.0.0.1", "1.1.1.1"] {
            assert!(allows(&egress, listed), "{listed}");
        }
        for beside in ["10.2.0.1", "127.0.0.2", "fc00::1"] {
            assert!(!allows(&egress, beside), "{beside}");
        }
        let old = Egress::parse("0.0.0.0/0").unwrap();
        assert!(allows(&old, "127.0.0.1") && !allows(&old, "::1"));
        let all = Egress::parse("*").unwrap();
        assert!(allows(&all, "127.0.0.1") && allows(&all, "::1"));
        assert_eq!(Egress::parse(""), Ok(Egress::default()));
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0.0/-1", "a/8", "10.0.0/8", "*,::1", "::1,"] {
            assert!(Egress::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_url_is_one_of_the_web_without_secrets() {
        let egress = Egress::default();
        for good in [
            "https://a.example/",
            "https://a.example/hook?token=1",
            "http://a.example:8080",
            "https://1.1.1.1/",
            "HTTPS://A.EXAMPLE",
            "https://[2606:4700::1111]/",
            "http://a.example:80/",
        ] {
            assert!(egress.check_url(good).is_ok(), "{good}");
        }
        let long = format!("https://a.example/{}", "a".repeat(URL_BYTES_MAX));
        for (wrong, why) in [
            (long.as_str(), UrlRefusal::TooLong),
            ("", UrlRefusal::Unreadable),
            ("a.example", UrlRefusal::Unreadable),
            ("https://", UrlRefusal::Unreadable),
            ("ftp://a.example/", UrlRefusal::Scheme),
            ("file:///etc/passwd", UrlRefusal::Scheme),
            ("javascript:alert(1)", UrlRefusal::Scheme),
            ("https://user@a.example/", UrlRefusal::Credentials),
            ("https://user:secret@a.example/", UrlRefusal::Credentials),
            ("https://:secret@a.example/", UrlRefusal::Credentials),
            ("https://a.example/#part", UrlRefusal::Fragment),
            ("https://a.example:25/", UrlRefusal::Port),
            ("http://a.example:22/", UrlRefusal::Port),
            ("http://a.example:0/", UrlRefusal::Port),
        ] {
            assert_eq!(egress.check_url(wrong), Err(why), "{wrong}");
        }
    }

    /// However an address is written, it is that address.
    #[test]
    fn a_url_with_a_private_address_is_refused_in_every_notation() {
        for wrong in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://１２７.０.０.１/",
        ] {
            let refused = Egress::default().check_url(wrong);
            assert_eq!(refused, Err(UrlRefusal::Address(Refused)), "{wrong}");
            assert!(Egress::parse("*").unwrap().check_url(wrong).is_ok(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_does_not_resolve() {
        let resolve = async |egress: &str| {
            let egress = Arc::new(Egress::parse(egress).unwrap());
            let name: Name = "localhost".parse().unwrap();
            GuardedResolver(egress).resolve(name).await.map(Iterator::count)
        };
        let refused = resolve("").await.unwrap_err();
        assert!(refused.is::<Refused>(), "{refused}");
        assert!(resolve("*").await.unwrap() > 0);
    }
}
