//! Where the manager is: what `SESSION_MANAGER` and the authority file say.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixStream},
    },
    path::PathBuf,
};

use endsession_ice::{
    Cookies, authority,
    network_id::{self, Address, NetworkId},
};

/// The listeners of one manager, and the file with their cookies.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) listeners: Vec<NetworkId>,
    pub(super) authority: Option<PathBuf>,
}

impl Place {
    /// This session's, as libICE finds it.
    pub(super) fn of_session() -> Result<Self, String> {
        let list = match env::var("SESSION_MANAGER") {
            Ok(list) if !list.is_empty() => list,
            Ok(_) | Err(env::VarError::NotPresent) => {
                return Err("SESSION_MANAGER is not set".to_owned());
            }
            Err(env::VarError::NotUnicode(_)) => {
                return Err("SESSION_MANAGER is not UTF-8".to_owned());
            }
        };
        let listeners =
            network_id::parse_list(&list).map_err(|error| format!("SESSION_MANAGER: {error}"))?;
        let [of_ice, runtime_dir, home] =
            ["ICEAUTHORITY", "XDG_RUNTIME_DIR", "HOME"].map(env::var_os);
        let authority = authority::file::default_path(
            of_ice.as_deref(),
            runtime_dir.as_deref(),
            home.as_deref(),
        );
        Ok(Self {
            listeners,
            authority,
        })
    }

    /// The first of its listeners that is there, with our cookies for it. One that needs none takes us without.
    pub(super) fn connect(&self) -> Result<(UnixStream, Option<Cookies>), String> {
        let mut why = "it names no Unix socket".to_owned();
        for id in &self.listeners {
            let connected = match id.address() {
                Address::Abstract(name) => SocketAddr::from_abstract_name(name)
                    .and_then(|address| UnixStream::connect_addr(&address)),
                Address::Path(path) => UnixStream::connect(path),
                // A cookie is not sent over the network in the clear.
                _ => continue,
            };
            match connected {
                Ok(stream) => return Ok((stream, self.cookies(id))),
                Err(error) => why = told(id, &error),
            }
        }
        Err(format!("nobody listens where SESSION_MANAGER says: {why}"))
    }

    fn cookies(&self, id: &NetworkId) -> Option<Cookies> {
        let path = self.authority.as_deref()?;
        let entries = authority::file::read(path);
        let entries = entries
            .inspect_err(|error| tracing::warn!("no cookie for the session manager: {error}"))
            .ok()?;
        authority::client_cookies(&entries, &id.to_string())
    }
}

fn told(id: &NetworkId, error: &io::Error) -> String {
    format!("{id}: {error}")
}
