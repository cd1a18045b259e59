//! The real things, for tests: buses, X servers, sway, terminals and applications.
//!
//! Every guard here starts a real program in a process group of its own, waits until the program
//! itself says that it is ready, and on drop (also while a test panics) ends it with everything it
//! started and removes its files. A test process that is killed outright leaves nothing either: a
//! small watcher outlives it by some milliseconds and sweeps (see [`session`]).
//!
//! - [`session::Sandbox`]: directories, a clean environment, an unprivileged user, processes.
//! - [`bus::Bus`]: dbus-daemon, dbus-broker, or the embedded bus.
//! - [`x11::Xvfb`], [`sway::Sway`], [`phoc::Phoc`] and [`weston::Weston`]: displays, with helpers to
//!   see windows, to type and to click.
//! - [`picture`]: what they show, and whether it is the picture that was kept.
//! - [`pty::Pty`]: a command on a terminal that can be lost.
//! - [`apps`]: real applications, read and written through their accessibility tree.
//! - [`gnome_client`]: clients of org.gnome.SessionManager that refuse, are silent or crash.
//! - [`xsmp`]: applications, a client and a foreign manager that speak the X session management
//!   protocol.
//! - [`xsmp_client`]: clients of XSMP, each in a process of its own, that do what a test orders.
//! - [`lock::Lock`]: screen lockers; [`notifications::Notifications`]: a notification daemon.
//! - [`fake_compositor`]: the IPC of compositors that Debian does not ship.
//! - [`portal`]: the real xdg-desktop-portal, and applications that speak to nothing else.
//! - [`managers`]: the session managers of other desktops.
//! - [`logind::Logind`]: a logind and a polkit that do what a test orders; [`machine::Machine`]: a real
//!   systemd with logind, polkit and users who log in.
//! - [`wine::Wine`]: Windows programs, those in C of the tests and what is built for Windows.
//! - [`measure`]: what a process costs.
//! - [`player::Player`]: Firefox that plays a film.
//! - [`names::OwnsName`]: another program that owns a well-known name.
//!
//! It panics where a test should fail: a program that is missing names its Debian package, a wait
//! that ran out says what was awaited and what was there instead. Nothing is ever skipped,
//! but for a [`machine`] where none can boot; that is said aloud, and again by `cargo xtask test`.
//!
//! A test is expected to hold its guards in variables; guards started in a sandbox keep it alive.

pub mod a11y;
pub mod apps;
pub mod bus;
pub mod fake_compositor;
pub mod gnome_client;
pub mod lock;
pub mod logind;
pub mod machine;
pub mod managers;
pub mod measure;
pub mod names;
pub mod notifications;
pub mod phoc;
pub mod picture;
pub mod player;
pub mod portal;
pub mod programs;
pub mod pty;
pub mod session;
pub mod sway;
mod sweep;
pub mod wait;
pub mod wayland;
pub mod weston;
pub mod wine;
pub mod x11;
pub mod xsmp;
pub mod xsmp_client;

mod rt;
