//! An authority file comes out as it went in, and loses nobody's entries.

use endsession_ice::authority::{
    Entry, FormatError, client_cookies, find, merge, parse, remove, serialise,
};

use super::pair::cookies;

/// The data is the file.
pub(crate) fn authority(data: &[u8]) {
    let entries = match parse(data) {
        Ok(entries) => entries,
        Err(FormatError::BrokenTail { entry, offset, .. }) => {
            assert!(entry <= offset && offset <= data.len());
            // What comes before the broken entry is whole.
            let before = parse(&data[..entry]).expect("whole");
            assert_eq!(serialise(&before).expect("was read"), data[..entry]);
            return;
        }
        Err(_) => return,
    };
    assert_eq!(serialise(&entries).expect("was read"), data);

    let id = "unix/box:/tmp/.ICE-unix/1";
    let ours = Entry::of_listener(id, &cookies());
    let merged = merge(entries.clone(), ours.to_vec());
    assert_eq!(merged[..2], ours);
    assert_eq!(find(&merged, "ICE", id), Some(cookies().ice));
    assert_eq!(find(&merged, "XSMP", id), Some(cookies().xsmp));
    assert_eq!(
        client_cookies(&merged, id).map(|c| c.xsmp),
        Some(cookies().ice)
    );
    // Twice is once.
    assert_eq!(merge(merged.clone(), ours.to_vec()), merged);
    // Everybody else's are there, in their order, before and after.
    let others = |entries: &[Entry]| -> Vec<Entry> {
        let others = entries.iter().filter(|e| e.network_id != id.as_bytes());
        others.cloned().collect()
    };
    assert_eq!(others(&merged), others(&entries));
    let removed = remove(merged, &[id]);
    assert_eq!(removed, others(&entries));
}
