//! ICE and XSMP, the protocols in which X11 applications talk to a session manager, for both sides.
//!
//! - [`server::Connection`] is the manager's side of one connection, [`client::Connection`] the
//!   application's. Both are state machines: bytes go in and come out, events come out, commands go
//!   in. They do no I/O, read no clock and draw no random numbers.
//! - [`Properties`] are what a client tells of itself.
//! - [`Cookie`] is the secret by which a client is known.
//! - [`network_id`] and [`client_id`] are the names of managers and clients.
//! - [`authority`] is the file in which clients find cookies. `authority::file` is the one module
//!   that touches files.
//!
//! ```
//! use endsession_ice::{Cookie, Cookies, SaveYourself, client, server};
//!
//! let random = [7; Cookie::LEN]; // from the system's source of randomness
//! let cookies = Cookies { ice: Cookie::new(random), xsmp: Cookie::new(random) };
//! let mut manager = server::Connection::new(cookies.clone(), "example", "1.0");
//! let mut application = client::Connection::new(Some(cookies), None);
//!
//! // What two sockets would do.
//! let mut carry = |manager: &mut server::Connection| -> Result<(), endsession_ice::Error> {
//!     while !(manager.output().is_empty() && application.output().is_empty()) {
//!         application.handle_input(manager.output())?;
//!         manager.sent(usize::MAX);
//!         manager.handle_input(application.output())?;
//!         application.sent(usize::MAX);
//!     }
//!     Ok(())
//! };
//! carry(&mut manager)?;
//! let asked = server::Event::RegisterRequested { previous: None };
//! assert_eq!(manager.poll_event(), Some(asked));
//! manager.register("1C0A8000117000000000001000000047110001")?;
//! manager.save_yourself(SaveYourself::INITIAL)?;
//! carry(&mut manager)?;
//! assert_eq!(application.poll_event(), Some(client::Event::Registered));
//! let asked = client::Event::SaveYourself(SaveYourself::INITIAL);
//! assert_eq!(application.poll_event(), Some(asked));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The documents are `ice.xml` of libICE and `xsmp.xml` of libSM; a comment that names a section
//! means one of them.
//!
//! Nothing that a peer sends makes this crate panic or keep more than a fixed amount: see
//! [`MAX_MESSAGE`], [`MAX_OUTPUT`], [`MAX_EVENTS`], [`MAX_ERRORS`] and the limits of [`property`].

pub mod authority;
pub mod client;
pub mod client_id;
mod cookie;
mod error;
mod frame;
mod ice;
mod link;
pub mod network_id;
mod opcode;
pub mod property;
pub mod server;
mod values;
pub mod well_known;
mod wire;
mod xsmp;

pub use cookie::{AUTH_NAME, Cookie, Cookies};
pub use error::{Error, PeerError, WrongState};
pub use frame::{MAX_MESSAGE, MAX_SETUP_MESSAGE};
pub use link::{MAX_ERRORS, MAX_EVENTS, MAX_OUTPUT, Wire};
pub use opcode::{Opcode, Protocol};
pub use property::{Properties, Property};
pub use values::{DialogKind, ErrorClass, InteractStyle, SaveKind, SaveYourself, Severity};
pub use wire::ByteOrder;
pub use xsmp::{MAX_REASON, MAX_REASONS};
