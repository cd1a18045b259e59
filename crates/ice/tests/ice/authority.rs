//! The authority file as bytes.

use endsession_ice::authority::{
    Entry, FormatError, MAX_ENTRIES, MAX_FILE, client_cookies, find, merge, parse, remove,
    serialise,
};

use crate::harness::pair::cookies;

const ID: &str = "local/box:@/tmp/.ICE-unix/1";

/// A file of another manager, as `iceauth` writes it.
pub(crate) fn others() -> Vec<u8> {
    let mut file = Vec::new();
    for (protocol, secret) in [("ICE", [1; 16]), ("XSMP", [2; 16])] {
        let id = b"unix/box:/tmp/.ICE-unix/9";
        for field in [protocol.as_bytes(), b"", id, b"MIT-MAGIC-COOKIE-1", &secret] {
            file.extend(u16::try_from(field.len()).unwrap().to_be_bytes());
            file.extend(field);
        }
    }
    file
}

#[test]
fn a_listener_has_two_entries_for_each_of_its_ids() {
    let file = serialise(&Entry::of_listener(ID, &cookies())).unwrap();
    let expected = [
        b"\0\x03ICE\0\0\0\x1blocal/box:@/tmp/.ICE-unix/1\0\x12MIT-MAGIC-COOKIE-1".as_slice(),
        b"\0\x10the cookie (ICE)",
        b"\0\x04XSMP\0\0\0\x1blocal/box:@/tmp/.ICE-unix/1\0\x12MIT-MAGIC-COOKIE-1",
        b"\0\x10the cookie(XSMP)",
    ];
    assert_eq!(file, expected.concat());
}

#[test]
fn own_entries_go_in_and_out_and_others_stay_byte_for_byte() {
    let ours = Entry::of_listener(ID, &cookies());
    let merged = merge(parse(&others()).unwrap(), ours.to_vec());
    let file = serialise(&merged).unwrap();
    assert!(file.ends_with(&others()));
    assert_eq!(merged.len(), 4);
    let removed = remove(parse(&file).unwrap(), &[ID]);
    assert_eq!(serialise(&removed).unwrap(), others());
}

#[test]
fn an_older_entry_of_the_same_listener_is_replaced() {
    let mut old = Entry::of_listener(ID, &cookies());
    old[0].auth_data = vec![0; 16];
    let new = Entry::of_listener(ID, &cookies());
    assert_eq!(merge(old.to_vec(), new.to_vec()), new);
}

#[test]
fn another_way_to_authenticate_at_the_same_listener_stays() {
    let mut old = Entry::of_listener(ID, &cookies());
    old[0].auth_name = b"OTHER".into();
    let merged = merge(old.to_vec(), Entry::of_listener(ID, &cookies()).to_vec());
    assert_eq!(merged.len(), 3);
    assert_eq!(merged[2], old[0]);
}

#[test]
fn a_client_shows_the_cookie_of_ice_for_both() {
    let entries = Entry::of_listener(ID, &cookies());
    let shown = client_cookies(&entries, ID).unwrap();
    assert_eq!((&shown.ice, &shown.xsmp), (&cookies().ice, &cookies().ice));
    assert!(client_cookies(&entries, "local/box:@/tmp/.ICE-unix/2").is_none());
}

#[test]
fn an_entry_that_is_no_cookie_is_passed_over() {
    let mut entries = Entry::of_listener(ID, &cookies()).to_vec();
    let mut short = entries[0].clone();
    short.auth_data.pop();
    entries.insert(0, short);
    assert_eq!(find(&entries, "ICE", ID), Some(cookies().ice));
    entries[0].auth_data = vec![0; 17];
    assert_eq!(find(&entries, "ICE", ID), Some(cookies().ice));
}

#[test]
fn a_broken_tail_is_told_with_its_place() {
    let file = others();
    let second = parse(&file[..file.len() / 2 + 1]).unwrap_err();
    let (field, entry) = ("protocol name", file.len() / 2);
    let offset = entry;
    assert_eq!(
        second,
        FormatError::BrokenTail {
            entry,
            offset,
            field
        }
    );
    for cut in 1..file.len() {
        match parse(&file[..cut]) {
            Ok(entries) => assert_eq!(serialise(&entries).unwrap(), file[..cut]),
            Err(FormatError::BrokenTail {
                entry,
                offset,
                field,
            }) => {
                assert!(entry <= offset && offset <= cut, "{field}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    let error = parse(&file[..file.len() - 1]).unwrap_err();
    let FormatError::BrokenTail { field, offset, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((field, offset), ("authentication data", file.len() - 18));
}

#[test]
fn files_and_fields_are_limited() {
    let too_large = vec![0; MAX_FILE + 1];
    assert_eq!(
        parse(&too_large),
        Err(FormatError::TooLarge { got: MAX_FILE + 1 })
    );
    let empty = vec![0; 10 * MAX_ENTRIES];
    assert_eq!(parse(&empty).unwrap().len(), MAX_ENTRIES);
    let more = vec![0; 10 * (MAX_ENTRIES + 1)];
    assert_eq!(parse(&more), Err(FormatError::TooManyEntries));

    let mut entry = Entry::of_listener(ID, &cookies())[0].clone();
    entry.auth_data = vec![0; 65_536];
    let error = FormatError::FieldTooLong {
        field: "authentication data",
        got: 65_536,
    };
    assert_eq!(serialise(&[entry.clone()]), Err(error));
    entry.auth_data.pop();
    let many = vec![entry; 17];
    assert!(matches!(
        serialise(&many),
        Err(FormatError::TooLarge { .. })
    ));
}

#[test]
fn the_secret_is_not_printed() {
    let printed = format!("{:?}", Entry::of_listener(ID, &cookies()));
    assert!(!printed.contains("cookie (ICE)"), "{printed}");
    assert!(!printed.contains("116, 104, 101"), "{printed}");
    assert!(printed.contains(ID), "{printed}");
}
