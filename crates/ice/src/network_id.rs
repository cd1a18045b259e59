//! Network ids: where a session manager listens, as `SESSION_MANAGER` says it (xsmp.xml,
//! "Overview of the Protocol").
//!
//! An id is a transport, a slash, a host, a colon and an address. libICE writes a Unix socket in two
//! ways, `local/host:@/tmp/.ICE-unix/1` for the abstract one and `unix/host:/tmp/.ICE-unix/1` for
//! the one in the file system; the ids of one listener are separated by commas. The host must be
//! the name of the client's own machine, as `gethostname` gives it: with any other, libICE's
//! clients do not even try a Unix socket.

use std::fmt;
use std::str::FromStr;

/// The longest `SESSION_MANAGER` that is read, in bytes. A listener has three or four ids; a host's
/// name has at most 255 bytes and a socket's path 108.
pub const MAX_LIST: usize = 8192;

/// The most ids of one list.
pub const MAX_IDS: usize = 32;

/// The most bytes of a Unix socket's path, without the `@` or zero byte: `sun_path` of Linux.
pub const MAX_PATH: usize = 107;

/// Where one listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkId {
    transport: String,
    host: String,
    address: Address,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A Unix socket in the abstract namespace: the name, without the leading zero byte.
    Abstract(String),
    /// A Unix socket in the file system.
    Path(String),
    /// A port of the host. Cookies would cross the network in the clear; never listen on one.
    Tcp(u16),
    /// An address of another transport, as it stands there.
    Other(String),
}

/// Why a text is no network id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// There is none in it.
    Empty,
    /// It is longer than [`MAX_LIST`].
    TooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// There are more ids than [`MAX_IDS`].
    TooMany,
    /// No slash ends the transport.
    NoTransport {
        /// The id.
        id: String,
    },
    /// No colon ends the host.
    NoAddress {
        /// The id.
        id: String,
    },
    /// The path of a Unix socket is relative, empty or longer than [`MAX_PATH`].
    BadPath {
        /// The id.
        id: String,
    },
    /// The port is no number from 1 to 65535.
    BadPort {
        /// The id.
        id: String,
    },
    /// It has a character that no id has: a comma within one, a space or a control character.
    BadCharacter {
        /// The id.
        id: String,
    },
}

impl NetworkId {
    /// The id of a Unix socket in the abstract namespace (`local/host:@name`), which libICE's
    /// clients try first.
    ///
    /// # Errors
    /// When clients could not read it: a name that is empty, too long or has other characters than
    /// a path's.
    pub fn abstract_socket(host: &str, name: &str) -> Result<Self, ParseError> {
        format!("local/{host}:@{name}").parse()
    }

    /// The id of a Unix socket at an absolute path (`unix/host:path`).
    ///
    /// # Errors
    /// As [`NetworkId::abstract_socket`].
    pub fn path_socket(host: &str, path: &str) -> Result<Self, ParseError> {
        format!("unix/{host}:{path}").parse()
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> &str {
        &self.transport
    }

    /// The host that it was written on.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:", self.transport, self.host)?;
        match &self.address {
            Address::Abstract(name) => write!(f, "@{name}"),
            Address::Path(path) => f.write_str(path),
            Address::Tcp(port) => write!(f, "{port}"),
            Address::Other(other) => f.write_str(other),
        }
    }
}

impl FromStr for NetworkId {
    type Err = ParseError;

    fn from_str(id: &str) -> Result<Self, ParseError> {
        if id.is_empty() {
            return Err(ParseError::Empty);
        }
        if id.len() > MAX_LIST {
            return Err(ParseError::TooLong { got: id.len() });
        }
        let told = || shortened(id);
        if !id
            .chars()
            .all(|c| c != ',' && !c.is_whitespace() && !c.is_control())
        {
            return Err(ParseError::BadCharacter { id: told() });
        }
        let (transport, rest) = id
            .split_once('/')
            .filter(|(transport, _)| !transport.is_empty() && !transport.contains(':'))
            .ok_or_else(|| ParseError::NoTransport { id: told() })?;
        let colon = colon(transport, rest).ok_or_else(|| ParseError::NoAddress { id: told() })?;
        let (host, address) = (&rest[..colon], &rest[colon + 1..]);
        let address = match transport {
            "local" | "unix" => unix(address).ok_or_else(|| ParseError::BadPath { id: told() })?,
            "tcp" | "inet" | "inet6" => match address.parse() {
                Ok(port) if port != 0 => Address::Tcp(port),
                _ => return Err(ParseError::BadPort { id: told() }),
            },
            _ => Address::Other(address.to_owned()),
        };
        Ok(Self {
            transport: transport.to_owned(),
            host: host.to_owned(),
            address,
        })
    }
}

/// Where the host ends. A path may have colons, so there it is the first; a host of IPv6 has them
/// itself, so before a port it is the last.
fn colon(transport: &str, rest: &str) -> Option<usize> {
    match transport {
        "tcp" | "inet" | "inet6" => rest.rfind(':'),
        _ => rest.find(':'),
    }
}

fn unix(address: &str) -> Option<Address> {
    let (path, is_abstract) = match address.strip_prefix('@') {
        Some(name) => (name, true),
        None => (address, false),
    };
    let fits = !path.is_empty() && path.len() <= MAX_PATH;
    match is_abstract {
        true if fits => Some(Address::Abstract(path.to_owned())),
        false if fits && path.starts_with('/') => Some(Address::Path(path.to_owned())),
        _ => None,
    }
}

fn shortened(id: &str) -> String {
    id.chars().take(128).collect()
}

/// Reads the value of `SESSION_MANAGER`, in the order in which a client tries the ids. One that
/// cannot be read spoils no other: another program may have added it.
///
/// # Errors
/// When the list is too long, or none of its ids can be read; then for the first.
pub fn parse_list(list: &str) -> Result<Vec<NetworkId>, ParseError> {
    if list.len() > MAX_LIST {
        return Err(ParseError::TooLong { got: list.len() });
    }
    let mut ids = Vec::new();
    let mut first = None;
    for id in list.split(',').filter(|id| !id.is_empty()) {
        if ids.len() == MAX_IDS {
            return Err(ParseError::TooMany);
        }
        match id.parse() {
            Ok(id) => ids.push(id),
            Err(error) => first = first.or(Some(error)),
        }
    }
    match (ids.is_empty(), first) {
        (false, _) => Ok(ids),
        (true, first) => Err(first.unwrap_or(ParseError::Empty)),
    }
}

/// The value of `SESSION_MANAGER` for these ids.
#[must_use]
pub fn format_list(ids: &[NetworkId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no network id"),
            Self::TooLong { got } => {
                write!(
                    f,
                    "a list of network ids of {got} bytes, at most {MAX_LIST} are read"
                )
            }
            Self::TooMany => write!(f, "more than {MAX_IDS} network ids"),
            Self::NoTransport { id } => write!(f, "no transport before a slash in {id:?}"),
            Self::NoAddress { id } => write!(f, "no address after a colon in {id:?}"),
            Self::BadPath { id } => write!(
                f,
                "in {id:?}, expected an absolute path or @name of at most {MAX_PATH} bytes"
            ),
            Self::BadPort { id } => write!(f, "in {id:?}, expected a port from 1 to 65535"),
            Self::BadCharacter { id } => {
                write!(f, "{id:?} has a comma, a space or a control character")
            }
        }
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_real_manager_is_read_and_written_back() {
        let list = "local/box:@/tmp/.ICE-unix/1234,unix/box:/tmp/.ICE-unix/1234,tcp/box:40000";
        let ids = parse_list(list).unwrap();
        let address = |at: usize| ids[at].address().clone();
        assert_eq!(address(0), Address::Abstract("/tmp/.ICE-unix/1234".into()));
        assert_eq!(address(1), Address::Path("/tmp/.ICE-unix/1234".into()));
        assert_eq!(address(2), Address::Tcp(40000));
        assert!(ids.iter().all(|id| id.host() == "box"));
        assert_eq!(format_list(&ids), list);
    }

    #[test]
    fn other_transports_and_addresses_of_ipv6_are_kept_as_they_are() {
        for id in [
            "decnet/node::OBJ",
            "inet6/::1:7000",
            "tcp/fe80::1:7000",
            "unix/a:/b:c",
        ] {
            assert_eq!(id.parse::<NetworkId>().unwrap().to_string(), id);
        }
        let id: NetworkId = "inet6/::1:7000".parse().unwrap();
        assert_eq!((id.host(), id.address()), ("::1", &Address::Tcp(7000)));
        let id: NetworkId = "unix/a:/b:c".parse().unwrap();
        assert_eq!(id.address(), &Address::Path("/b:c".into()));
    }

    #[test]
    fn what_is_no_id_says_what_is_missing() {
        let told = |id: &str| id.parse::<NetworkId>().unwrap_err();
        assert_eq!(told(""), ParseError::Empty);
        assert!(matches!(told("local"), ParseError::NoTransport { .. }));
        assert!(matches!(told("/box:/x"), ParseError::NoTransport { .. }));
        assert!(matches!(told("local/box"), ParseError::NoAddress { .. }));
        assert!(matches!(told("unix/box:tmp"), ParseError::BadPath { .. }));
        assert!(matches!(told("local/box:@"), ParseError::BadPath { .. }));
        assert!(matches!(told("tcp/box:0"), ParseError::BadPort { .. }));
        assert!(matches!(told("tcp/box:70000"), ParseError::BadPort { .. }));
        assert!(matches!(
            told("unix/b x:/a"),
            ParseError::BadCharacter { .. }
        ));
        assert!(matches!(
            told("unix/b\0:/a"),
            ParseError::BadCharacter { .. }
        ));
    }

    #[test]
    fn one_bad_id_spoils_no_other() {
        let ids = parse_list("garbage,,unix/box:/x").unwrap();
        assert_eq!(format_list(&ids), "unix/box:/x");
        assert!(matches!(
            parse_list("garbage,x"),
            Err(ParseError::NoTransport { .. })
        ));
        assert_eq!(parse_list(","), Err(ParseError::Empty));
    }

    #[test]
    fn lists_and_paths_have_a_limit() {
        let path = "/".to_owned() + &"p".repeat(MAX_PATH - 1);
        assert!(NetworkId::path_socket("box", &path).is_ok());
        assert!(NetworkId::abstract_socket("box", &path).is_ok());
        assert!(NetworkId::path_socket("box", &(path.clone() + "p")).is_err());
        let full = vec!["unix/b:/x"; MAX_IDS].join(",");
        assert_eq!(parse_list(&full).unwrap().len(), MAX_IDS);
        assert_eq!(parse_list(&(full + ",unix/b:/x")), Err(ParseError::TooMany));
        let long = "x".repeat(MAX_LIST + 1);
        assert!(matches!(parse_list(&long), Err(ParseError::TooLong { .. })));
        assert!(matches!(
            long.parse::<NetworkId>(),
            Err(ParseError::TooLong { .. })
        ));
    }

    #[test]
    fn an_id_of_ours_cannot_smuggle_in_another() {
        assert!(NetworkId::path_socket("box", "/x,unix/b:/y").is_err());
        assert!(NetworkId::abstract_socket("a,b", "/x").is_err());
        assert!(NetworkId::abstract_socket("box", "/x\n").is_err());
    }
}
