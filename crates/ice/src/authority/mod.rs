//! The authority file: where clients find the cookie of a session manager.
//!
//! A file is a run of entries. Each is five strings, every one with its length before it in two
//! bytes, most significant first, whatever the machine: protocol name, protocol data, network id,
//! name of the way to authenticate, and its data (libICE, "IceWriteAuthFileEntry").
//!
//! This module is pure: bytes in, bytes out. On Unix its module `file` reads and writes the file itself.

#[cfg(unix)]
pub mod file;

use std::fmt;

use crate::cookie::{AUTH_NAME, Cookie, Cookies};

/// The largest file that is read, in bytes. One manager adds 150 bytes; some never take theirs away.
pub const MAX_FILE: usize = 1 << 20;

/// The most entries of a file. Managers that never clean up leave thousands behind over years.
pub const MAX_ENTRIES: usize = 16_384;

/// One entry. Its data is a secret, and is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The protocol: `ICE` or `XSMP`.
    pub protocol: Vec<u8>,
    /// What the protocol adds; neither of those does.
    pub protocol_data: Vec<u8>,
    /// Whose: the network id of the listener.
    pub network_id: Vec<u8>,
    /// The way to authenticate.
    pub auth_name: Vec<u8>,
    /// The secret.
    pub auth_data: Vec<u8>,
}

impl Entry {
    /// The two entries that a listener needs for each of its network ids: libICE's clients offer a
    /// cookie for a protocol only where the file has an entry for it.
    #[must_use]
    pub fn of_listener(network_id: &str, cookies: &Cookies) -> [Self; 2] {
        let entry = |protocol: &str, cookie: &Cookie| Self {
            protocol: protocol.into(),
            protocol_data: Vec::new(),
            network_id: network_id.into(),
            auth_name: AUTH_NAME.into(),
            auth_data: cookie.bytes().to_vec(),
        };
        [entry("ICE", &cookies.ice), entry("XSMP", &cookies.xsmp)]
    }

    /// The cookie, where it is one.
    #[must_use]
    pub fn cookie(&self) -> Option<Cookie> {
        if self.auth_name != AUTH_NAME.as_bytes() {
            return None;
        }
        self.auth_data
            .first_chunk()
            .map(|bytes| Cookie::new(*bytes))
            .filter(|_| self.auth_data.len() == Cookie::LEN)
    }

    /// Whether it is for the same listener, protocol and way to authenticate.
    fn replaces(&self, other: &Self) -> bool {
        self.protocol == other.protocol
            && self.network_id == other.network_id
            && self.auth_name == other.auth_name
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        f.debug_struct("Entry")
            .field("protocol", &text(&self.protocol))
            .field("network_id", &text(&self.network_id))
            .field("auth_name", &text(&self.auth_name))
            .finish_non_exhaustive()
    }
}

/// Why bytes are no authority file, or entries cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The file ends within an entry.
    BrokenTail {
        /// Where that entry begins.
        entry: usize,
        /// Where the field begins that is not whole.
        offset: usize,
        /// Which field it is.
        field: &'static str,
    },
    /// It is larger than [`MAX_FILE`].
    TooLarge {
        /// Its size in bytes.
        got: usize,
    },
    /// It has more entries than [`MAX_ENTRIES`].
    TooManyEntries,
    /// A field does not fit in two bytes of length.
    FieldTooLong {
        /// Which.
        field: &'static str,
        /// Its length in bytes.
        got: usize,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenTail {
                entry,
                offset,
                field,
            } => write!(
                f,
                "the entry at byte {entry} breaks off in its {field}, at byte {offset}"
            ),
            Self::TooLarge { got } => {
                write!(f, "{got} bytes, at most {MAX_FILE} are read")
            }
            Self::TooManyEntries => write!(f, "more than {MAX_ENTRIES} entries"),
            Self::FieldTooLong { field, got } => {
                write!(f, "a {field} of {got} bytes, at most {} fit", u16::MAX)
            }
        }
    }
}

impl std::error::Error for FormatError {}

/// The entries of a file.
///
/// # Errors
/// When it breaks off within an entry or passes a limit.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, FormatError> {
    if bytes.len() > MAX_FILE {
        return Err(FormatError::TooLarge { got: bytes.len() });
    }
    let mut entries = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if entries.len() == MAX_ENTRIES {
            return Err(FormatError::TooManyEntries);
        }
        let entry = at;
        let mut field = |field| counted(bytes, &mut at).ok_or((at, field));
        let mut read = || {
            Ok(Entry {
                protocol: field("protocol name")?,
                protocol_data: field("protocol data")?,
                network_id: field("network id")?,
                auth_name: field("authentication name")?,
                auth_data: field("authentication data")?,
            })
        };
        entries.push(read().map_err(|(offset, field)| FormatError::BrokenTail {
            entry,
            offset,
            field,
        })?);
    }
    Ok(entries)
}

/// The file of these entries. What [`parse`] read comes out byte for byte as it went in.
///
/// # Errors
/// When a field is too long, or the file would be too large to be read again.
pub fn serialise(entries: &[Entry]) -> Result<Vec<u8>, FormatError> {
    if entries.len() > MAX_ENTRIES {
        return Err(FormatError::TooManyEntries);
    }
    let mut bytes = Vec::new();
    for entry in entries {
        for (field, value) in [
            ("protocol name", &entry.protocol),
            ("protocol data", &entry.protocol_data),
            ("network id", &entry.network_id),
            ("authentication name", &entry.auth_name),
            ("authentication data", &entry.auth_data),
        ] {
            let got = value.len();
            let length =
                u16::try_from(got).map_err(|_| FormatError::FieldTooLong { field, got })?;
            bytes.extend(length.to_be_bytes());
            bytes.extend(value);
        }
    }
    if bytes.len() > MAX_FILE {
        return Err(FormatError::TooLarge { got: bytes.len() });
    }
    Ok(bytes)
}

/// Puts entries in, first: clients take the first that fits. An older entry for the same listener,
/// protocol and way to authenticate goes; all others stay as they are, in their order.
#[must_use]
pub fn merge(old: Vec<Entry>, new: Vec<Entry>) -> Vec<Entry> {
    let kept = old
        .into_iter()
        .filter(|old| !new.iter().any(|new| new.replaces(old)));
    let kept: Vec<Entry> = kept.collect();
    new.into_iter().chain(kept).collect()
}

/// Takes out all entries of these network ids, which nobody listens on any more.
#[must_use]
pub fn remove(old: Vec<Entry>, network_ids: &[&str]) -> Vec<Entry> {
    old.into_iter()
        .filter(|entry| {
            !network_ids
                .iter()
                .any(|id| id.as_bytes() == entry.network_id)
        })
        .collect()
}

/// The cookie for this protocol and network id: of the first entry that has one, as clients do.
#[must_use]
pub fn find(entries: &[Entry], protocol: &str, network_id: &str) -> Option<Cookie> {
    entries
        .iter()
        .filter(|entry| {
            entry.protocol == protocol.as_bytes() && entry.network_id == network_id.as_bytes()
        })
        .find_map(Entry::cookie)
}

/// The cookies that a client shows at this network id.
///
/// libICE looks up the entry for ICE for both (`_IcePoMagicCookie1Proc`), and every session manager
/// that is built on it compares with that one, so both are the cookie of the entry for ICE.
#[must_use]
pub fn client_cookies(entries: &[Entry], network_id: &str) -> Option<Cookies> {
    let ice = find(entries, "ICE", network_id)?;
    let xsmp = ice.clone();
    Some(Cookies { ice, xsmp })
}

/// A string with its length before it. Moves on only when it is whole.
fn counted(bytes: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let (length, rest) = bytes[*at..].split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let value = rest.get(..length)?.to_vec();
    *at += 2 + length;
    Some(value)
}
