//! What the benchmarks of log-offs share: clients that agree to everything, over the bus and over
//! XSMP, and for both a server that does nothing but what the transport itself costs.

mod clients;
mod crowd;
mod floor;
mod socket_floor;
mod xsmp;

pub use clients::Clients;
pub use floor::{FLOOR_NAME, FLOOR_PATH, serve};
pub use socket_floor::{FloorClients, serve_sockets};
pub use xsmp::{Entrance, XsmpClients, knock};

/// The interface of a client's object at the session manager.
const CLIENT: &str = "org.gnome.SessionManager.ClientPrivate";
/// The object of the session manager; those of its clients are below it.
const MANAGER_PATH: &str = "/org/gnome/SessionManager";
