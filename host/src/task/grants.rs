//! What guests may reach outside of their sandbox: nothing that is not granted.

use crate::limits::MAX_GUEST_PATH_BYTES;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// What the guests of one worker may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Grants {
    /// No two with the same path in the guest.
    pub(crate) directories: Vec<DirectoryGrant>,
    /// Where TCP connections may go.
    pub(crate) addresses: Vec<AddressGrant>,
}

/// A directory of the host, with all that is below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct DirectoryGrant {
    /// Absolute, with no symbolic link in it when it was checked.
    pub(crate) host: PathBuf,
    /// Under which path a guest finds it.
    pub(crate) guest: String,
    pub(crate) access: Access,
}

/// What a guest may do in a directory that is granted to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Read files and directories.
    ReadOnly,
    /// Read, write, make, rename and remove them too.
    ReadWrite,
}

/// Addresses that a guest may open TCP connections to: one host or a network, one port or a range of them.
///
/// ```
/// use isopool::AddressGrant;
///
/// let one: AddressGrant = "127.0.0.1:8080".parse()?;
/// let network: AddressGrant = "10.1.0.0/16:8000-8099".parse()?;
/// let sixth: AddressGrant = "[2001:db8::]/32:443".parse()?;
/// assert!(one.allows("127.0.0.1:8080".parse()?) && !one.allows("127.0.0.1:8081".parse()?));
/// assert!(network.allows("10.1.2.3:8050".parse()?) && !network.allows("10.2.0.1:8050".parse()?));
/// assert_eq!(sixth.to_string(), "[2001:db8::]/32:443");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressGrant {
    network: IpAddr,
    /// How many bits of an address must be those of `network`.
    prefix: u8,
    first_port: u16,
    last_port: u16,
}

impl AddressGrant {
    /// Whether this address is one of them. One of IPv4 in the form of IPv6 (`::ffff:127.0.0.1`) is the one of IPv4.
    pub fn allows(&self, address: SocketAddr) -> bool {
        let ports = self.first_port..=self.last_port;
        ports.contains(&address.port()) && self.prefix_of(address.ip()) == self.prefix_of(self.network)
    }

    /// The addresses that are among both.
    pub(crate) fn common(&self, other: &Self) -> Option<Self> {
        let (wide, narrow) = if self.prefix <= other.prefix { (self, other) } else { (other, self) };
        let is_within = wide.prefix_of(narrow.network)? == wide.prefix_of(wide.network)?;
        let first_port = self.first_port.max(other.first_port);
        let last_port = self.last_port.min(other.last_port);
        (is_within && first_port <= last_port).then_some(Self { first_port, last_port, ..*narrow })
    }

    /// The first and the last port.
    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.first_port, self.last_port)
    }

    /// The bits that count, aligned to the left, and the kind of address; `None` for another kind than that of the network.
    fn prefix_of(&self, address: IpAddr) -> Option<u128> {
        let shift = |bits: u128, width: u32| bits.checked_shr(width - u32::from(self.prefix)).unwrap_or(0);
        match (address.to_canonical(), self.network) {
            (IpAddr::V4(address), IpAddr::V4(_)) => Some(shift(address.to_bits().into(), u32::BITS)),
            (IpAddr::V6(address), IpAddr::V6(_)) => Some(shift(address.to_bits(), u128::BITS)),
            _ => None,
        }
    }
}

/// Whether a directory can be granted under this path.
pub(crate) fn check_guest_path(guest: &str) -> Result<(), String> {
    let refused = |why: String| Err(format!("{guest:?} is no path for a directory in a guest: {why}"));
    if guest.len() > MAX_GUEST_PATH_BYTES {
        return refused(format!("it has {} bytes, the limit is {MAX_GUEST_PATH_BYTES}", guest.len()));
    }
    let Some(below_root) = guest.strip_prefix('/') else { return refused("it must begin with `/`".to_owned()) };
    let is_odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
    if !below_root.is_empty() && below_root.split('/').any(is_odd) {
        return refused("a part of it is empty, `.` or `..`, or has NUL in it".to_owned());
    }
    Ok(())
}

impl From<SocketAddr> for AddressGrant {
    fn from(address: SocketAddr) -> Self {
        let network = address.ip().to_canonical();
        Self { network, prefix: width(network), first_port: address.port(), last_port: address.port() }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// What is no grant of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no addresses: expected ADDRESS[/PREFIX]:PORT[-LAST], with the ADDRESS a number, in brackets if it is \
     of IPv6"
)]
pub struct InvalidAddressGrant {
    text: String,
}

/// `ADDRESS[/PREFIX]:PORT[-LAST]`.
impl FromStr for AddressGrant {
    type Err = InvalidAddressGrant;

    fn from_str(text: &str) -> Result<Self, InvalidAddressGrant> {
        parse(text).ok_or_else(|| InvalidAddressGrant { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<AddressGrant> {
    let (network, ports) = text.rsplit_once(':')?;
    let (address, prefix) =
        network.split_once('/').map_or((network, None), |(address, prefix)| (address, Some(prefix)));
    let network = match address.strip_prefix('[') {
        Some(rest) => IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?),
        None => IpAddr::V4(address.parse().ok()?),
    };
    let widest = width(network);
    let prefix = prefix.map_or(Some(widest), |prefix| prefix.parse().ok().filter(|&prefix| prefix <= widest))?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first_port, last_port) = (first.parse().ok()?, last.parse().ok()?);
    // An address of IPv4 in the form of IPv6 would allow nothing: addresses are compared in their own form.
    let is_sane = network.to_canonical() == network && 1 <= first_port && first_port <= last_port;
    is_sane.then_some(AddressGrant { network, prefix, first_port, last_port })
}

impl fmt::Display for AddressGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            IpAddr::V4(address) => write!(f, "{address}")?,
            IpAddr::V6(address) => write!(f, "[{address}]")?,
        }
        if self.prefix < width(self.network) {
            write!(f, "/{}", self.prefix)?;
        }
        write!(f, ":{}", self.first_port)?;
        if self.last_port > self.first_port {
            write!(f, "-{}", self.last_port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(grant: &str, address: &str) -> bool {
        let grant: AddressGrant = grant.parse().expect("names addresses");
        grant.allows(address.parse().expect("is an address"))
    }

    #[test]
    fn an_address_is_allowed_by_its_network_and_its_port() {
        assert!(allows("127.0.0.1:80", "127.0.0.1:80"));
        assert!(!allows("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!allows("127.0.0.1:80", "127.0.0.1:81"));
        assert!(allows("10.0.0.0/8:1000-2000", "10.255.0.1:2000"));
        assert!(!allows("10.0.0.0/8:1000-2000", "11.0.0.1:2000"));
        assert!(!allows("10.0.0.0/8:1000-2000", "10.0.0.1:2001"));
        assert!(allows("0.0.0.0/0:443", "8.8.8.8:443"));
        assert!(!allows("0.0.0.0/0:443", "[2001:db8::1]:443"), "another kind of address");
        assert!(allows("[2001:db8::]/32:443", "[2001:db8:1::1]:443"));
        assert!(!allows("[2001:db8::]/32:443", "[2001:db9::1]:443"));
        assert!(allows("[::]/0:443", "[2001:db9::1]:443"));
        assert!(!allows("[::]/0:443", "10.0.0.1:443"));
    }

    #[test]
    fn what_two_grants_have_in_common_is_in_both() {
        let common = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.parse::<AddressGrant>().expect("names addresses"));
            assert_eq!(one.common(&other), other.common(&one));
            one.common(&other).map(|both| both.to_string())
        };
        assert_eq!(common("10.0.0.0/8:80-90", "10.1.0.0/16:85-443").as_deref(), Some("10.1.0.0/16:85-90"));
        assert_eq!(common("10.0.0.0/8:80", "10.1.2.3:80").as_deref(), Some("10.1.2.3:80"));
        assert_eq!(common("[::]/0:1-9", "[::1]:9-10").as_deref(), Some("[::1]:9"));
        assert_eq!(common("10.0.0.0/8:80", "11.0.0.0/8:80"), None);
        assert_eq!(common("10.0.0.0/8:80", "10.0.0.0/8:81"), None);
        assert_eq!(common("0.0.0.0/0:80", "[::]/0:80"), None);
    }

    #[test]
    fn another_form_of_an_address_is_the_same_address() {
        assert!(allows("127.0.0.1:80", "[::ffff:127.0.0.1]:80"));
        assert!(!allows("[::]/0:80", "[::ffff:127.0.0.1]:80"), "else IPv6 would open IPv4");
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:80".parse().expect("is an address");
        assert_eq!(AddressGrant::from(mapped).to_string(), "127.0.0.1:80");
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        let wrong = [
            "",
            ":80",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "127.0.0.1:9-8",
            "localhost:80",
            "10.0.0.0/33:80",
            "10.0.0.0/x:80",
            "::1:80",
            "[::1:80",
            "[::1]/129:80",
            "[::ffff:127.0.0.1]:80",
            "*:80",
        ];
        for text in wrong {
            assert!(text.parse::<AddressGrant>().is_err(), "{text} is taken for a grant");
        }
        for text in ["127.0.0.1:80", "10.0.0.0/8:1-65535", "[::1]:80", "[2001:db8::]/32:443"] {
            assert_eq!(text.parse::<AddressGrant>().expect("is one").to_string(), text);
        }
    }
}
