//! What the benchmarks of log-offs over a bus share: clients that agree to everything, and a
//! server that does nothing but what the bus itself costs.

mod clients;
mod floor;

pub use clients::Clients;
pub use floor::{FLOOR_NAME, FLOOR_PATH, serve};

/// The interface of a client's object at the session manager.
const CLIENT: &str = "org.gnome.SessionManager.ClientPrivate";
/// The object of the session manager; those of its clients are below it.
const MANAGER_PATH: &str = "/org/gnome/SessionManager";
