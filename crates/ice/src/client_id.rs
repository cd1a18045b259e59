//! Client ids: unique among all clients of all sessions on all machines (xsmp.xml, "Client
//! Identification String").

use std::net::IpAddr;

/// What a client id is made of. The caller reads the clock and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parts {
    /// An address of the machine.
    pub address: IpAddr,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The session manager's process id.
    pub pid: u32,
    /// How many ids this process made before.
    pub sequence: u32,
}

/// The id, in version 1 of the document's format. Numbers that have too many digits for their place
/// lose the leading ones: the sequence wraps after 9999, the time in the year 2286.
#[must_use]
pub fn format(parts: Parts) -> String {
    let address = match parts.address {
        IpAddr::V4(of) => format!("1{:08X}", u32::from(of)),
        IpAddr::V6(of) => format!("6{:032X}", u128::from(of)),
    };
    format!(
        "1{address}{:013}1{:010}{:04}",
        parts.time % 10_u64.pow(13),
        parts.pid,
        parts.sequence % 10_000
    )
}

/// An id of version 2, which the document does not have: a random UUID. libSM makes these wherever
/// it can. The 16 bytes come from the system's source of randomness.
#[must_use]
pub fn format_random(bytes: [u8; 16]) -> String {
    // The version and variant of a random UUID (RFC 9562, section 5.4).
    let uuid = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
    let hex = format!("{uuid:032x}");
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("2{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_parts_of_the_document_in_their_widths() {
        let parts = Parts {
            address: IpAddr::from([198, 112, 45, 11]),
            time: 1_700_000_000_123,
            pid: 4711,
            sequence: 7,
        };
        let id = "1".to_owned() + "1C6702D0B" + "1700000000123" + "1" + "0000004711" + "0007";
        assert_eq!(format(parts), id);
    }

    #[test]
    fn a_version_6_address_has_32_digits_and_the_sequence_wraps() {
        let parts = Parts {
            address: "fe80::1".parse().unwrap(),
            time: 1,
            pid: 1,
            sequence: 10_000,
        };
        let id = "16FE800000000000000000000000000001".to_owned() + "0000000000001" + "1";
        assert_eq!(format(parts), id + "0000000001" + "0000");
    }

    #[test]
    fn a_random_id_is_a_uuid_of_version_4() {
        assert_eq!(
            format_random([0xff; 16]),
            "2ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            format_random([0; 16]),
            "200000000-0000-4000-8000-000000000000"
        );
    }
}
