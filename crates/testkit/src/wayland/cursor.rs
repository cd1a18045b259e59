//! A theme of pointers that cannot be seen.
//!
//! A headless compositor draws the pointer into the picture, and it would lie in every golden where
//! the last click was.

use crate::session::Sandbox;

const THEME: &str = "testkit-invisible";

/// The names by which compositors and toolkits ask for a pointer's shapes.
const SHAPES: &[&str] = &[
    "default",
    "left_ptr",
    "arrow",
    "pointer",
    "hand",
    "hand1",
    "hand2",
    "pointing_hand",
    "text",
    "xterm",
    "ibeam",
    "wait",
    "watch",
    "progress",
    "left_ptr_watch",
    "grab",
    "grabbing",
    "move",
    "crosshair",
    "not-allowed",
];

/// Makes the pointer of compositors and clients in `sandbox` invisible. It still works.
pub(crate) fn hide_pointer(sandbox: &Sandbox) {
    if sandbox.env("XCURSOR_THEME").is_some() {
        return;
    }
    let dir = format!(".icons/{THEME}");
    sandbox.write(
        format!("{dir}/index.theme"),
        format!("[Icon Theme]\nName={THEME}\n"),
    );
    for shape in SHAPES {
        sandbox.write(format!("{dir}/cursors/{shape}"), image());
    }
    sandbox.set_env("XCURSOR_THEME", THEME);
    sandbox.set_env("XCURSOR_PATH", sandbox.home().join(".icons"));
}

/// An image of one transparent pixel, as in Xcursor(3).
fn image() -> Vec<u8> {
    const IMAGE: u32 = 0xfffd_0002;
    const NOMINAL_SIZE: u32 = 24;
    let words = [
        // The file: the size of its header, its version, one entry; of what kind, and where it is.
        16,
        0x1_0000,
        1,
        IMAGE,
        NOMINAL_SIZE,
        28,
        // The image: the size of its header, what it is, version, width, height, hot spot, delay.
        36,
        IMAGE,
        NOMINAL_SIZE,
        1,
        1,
        1,
        0,
        0,
        0,
        // Its one pixel.
        0,
    ];
    let bytes = words.iter().flat_map(|word: &u32| word.to_le_bytes());
    b"Xcur".iter().copied().chain(bytes).collect()
}
