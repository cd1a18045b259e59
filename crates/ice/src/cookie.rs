//! MIT-MAGIC-COOKIE-1: whoever knows 16 random bytes is let in.
//!
//! The bytes come from the caller; this crate draws none.

use std::fmt;

/// The name of this way to authenticate, on the wire and in the authority file.
pub const AUTH_NAME: &str = "MIT-MAGIC-COOKIE-1";

/// A cookie. It is never printed.
#[derive(Clone)]
pub struct Cookie([u8; Self::LEN]);

impl Cookie {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// The cookie of these bytes, which come from the system's source of randomness.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, to write them to the authority file.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Whether `offered` is this cookie. Takes as long for any `offered` of any length that does
    /// not match, so that the time tells nothing of the cookie.
    #[must_use]
    pub fn matches(&self, offered: &[u8]) -> bool {
        let mut differs = u8::from(offered.len() != Self::LEN);
        for (at, byte) in self.0.iter().enumerate() {
            // A byte that is missing differs from every byte, through the length above.
            differs |= byte ^ offered.get(at).copied().unwrap_or(0);
        }
        std::hint::black_box(differs) == 0
    }
}

impl PartialEq for Cookie {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Cookie {}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// The two cookies of one listener, as its two entries in the authority file hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookies {
    /// Of the entry for ICE.
    pub ice: Cookie,
    /// Of the entry for XSMP.
    pub xsmp: Cookie,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_sixteen_bytes_match() {
        let cookie = Cookie::new([7; 16]);
        assert!(cookie.matches(&[7; 16]));
        assert!(!cookie.matches(&[7; 15]));
        assert!(!cookie.matches(&[7; 17]));
        assert!(!cookie.matches(&[]));
        for at in 0..16 {
            let mut other = [7; 16];
            other[at] ^= 0x80;
            assert!(!cookie.matches(&other));
        }
    }

    #[test]
    fn zero_bytes_that_are_missing_do_not_match() {
        assert!(!Cookie::new([0; 16]).matches(&[]));
        assert!(!Cookie::new([0; 16]).matches(&[0; 15]));
        assert!(!Cookie::new([0; 16]).matches(&[0; 17]));
    }

    #[test]
    fn a_cookie_is_not_printed() {
        let cookies = Cookies {
            ice: Cookie::new([0xab; 16]),
            xsmp: Cookie::new([0xcd; 16]),
        };
        let printed = format!("{cookies:?}");
        for secret in ["171", "205", "ab", "cd", "AB", "CD"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
