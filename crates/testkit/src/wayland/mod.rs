//! What the testkit does to any Wayland compositor of the wlroots family: [`Inputs`] are a keyboard
//! and a pointer of its own, [`toplevels`] lists windows, and grim takes pictures.

mod cursor;
mod inputs;
mod keymap;
mod toplevels;

use std::{
    fs,
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use wayland_client::Connection;

use crate::{
    picture::Picture,
    session::Sandbox,
    wait::{Deadline, LIMIT, for_entry},
};

pub(crate) use cursor::hide_pointer;
pub use inputs::Inputs;
pub use toplevels::{Toplevel, toplevels, wait_for_toplevels};

/// Waits until a compositor has made its display in `sandbox`, and returns its name.
#[track_caller]
pub(crate) fn wait_for_display(sandbox: &Sandbox) -> String {
    let is_display = |name: &str| name.starts_with("wayland-") && !name.ends_with(".lock");
    let path = for_entry(&sandbox.runtime_dir(), LIMIT, is_display);
    let name = path.file_name().expect("an entry has a name");
    name.to_string_lossy().into_owned()
}

/// Connects to the display whose socket is `path`.
#[track_caller]
fn connect(path: &Path) -> Connection {
    let deadline = Deadline::after(LIMIT);
    let stream = loop {
        match UnixStream::connect(path) {
            Ok(stream) => break stream,
            // The file is there a moment before anything listens on it.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && !deadline.passed() => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("Wayland display {}: {error}", path.display()),
        }
    };
    Connection::from_socket(stream).expect("a connection over a socket")
}

/// What grim sees, with options as in grim(1).
#[track_caller]
pub(crate) fn grim(sandbox: &Sandbox, options: &[&str]) -> Picture {
    let path = picture_file(sandbox);
    let file = path.display().to_string();
    // Uncompressed: it is read once, and at once.
    let grim = sandbox.spawn([&["grim", "-l", "0"], options, &[&file]].concat());
    assert!(
        grim.wait_exit(LIMIT).success(),
        "grim: {}",
        grim.stderr_so_far()
    );
    let picture = Picture::load(&path);
    let _ = fs::remove_file(path);
    picture
}

/// A file that no other picture of this process is in.
fn picture_file(sandbox: &Sandbox) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    sandbox.runtime_dir().join(format!("screen-{number}.png"))
}
