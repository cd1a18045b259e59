//! The process that shows the session: who answers at a display, and that it is this user's.
//!
//! May touch the display's socket and read /proc. `SO_PEERCRED` of a display's socket names whoever
//! called listen(2), which may be a wrapper or `systemd --user`. The kernel's word on who *writes* the
//! answers is better, and is taken twice: between the two the process's start time is read, so that
//! its pid cannot have become another's.

use std::fs;
use std::path::{Path, PathBuf};

use endsession_core::Identity;

use super::wire::{Global, Wire};
use super::x11::Screen;
use super::{FindError, Kind, hyprland, niri, sway, wayfire};
use crate::adapter::link::{Link, Writer};
use crate::adapter::talk::{Talk, TalkError, limited};
use crate::display_of::Way;
use crate::{process, sockets};

/// Sockets of compositors that are looked at. There are four a session.
const MAX_CANDIDATES: usize = 64;

/// A process that shows the session's windows or manages them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) of: Identity,
    pub(super) pid: u32,
    /// Its program, without what packagers wrap around the name.
    pub(super) program: String,
    pub(super) at: At,
    /// What it offers on Wayland.
    pub(super) globals: Vec<Global>,
    /// Where it listens, as far as that says what it is.
    sockets: Vec<PathBuf>,
}

/// The display behind which it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A Wayland socket.
    Wayland(PathBuf),
    /// Only the IPC of sway was named.
    Ipc,
    /// It manages the windows of an X display.
    Managing(String),
    /// It is an X server, and nothing that could be ended manages its windows.
    X11(String),
}

impl Server {
    /// Who shows the windows that are seen in this way.
    pub(super) async fn find(way: &Way) -> Result<Self, FindError> {
        match way {
            Way::Wayland(socket) => Self::at_wayland(socket).await,
            Way::Sway(socket, _) => Self::at_ipc(socket).await,
            Way::X11(display) => Self::at_x11(display).await,
        }
    }

    async fn at_wayland(socket: &Path) -> Result<Self, FindError> {
        let what = || format!("the compositor at {}", socket.display());
        let asking = async {
            let mut wire = Wire::connect(socket).await?;
            let (_, globals) = wire.globals().await?;
            let (writer, of) = vouched(what(), wire.writer())?;
            wire.sync(drop).await?;
            if wire.writer() != Some(writer) {
                return Err(wire.stranger().into());
            }
            let server = Self::new(writer.pid, of, At::Wayland(socket.to_owned())).await;
            Ok(Self { globals, ..server })
        };
        limited(what, asking).await
    }

    async fn at_ipc(socket: &Path) -> Result<Self, FindError> {
        let what = || format!("the compositor at {}", socket.display());
        let asking = async {
            let mut talk = Talk::with("the compositor", socket).await?;
            sway::version(&mut talk).await?;
            let (writer, of) = vouched(what(), talk.writer())?;
            sway::version(&mut talk).await?;
            if talk.writer() != Some(writer) {
                return Err(talk.stranger().into());
            }
            Ok(Self::new(writer.pid, of, At::Ipc).await)
        };
        limited(what, asking).await
    }

    async fn at_x11(display: &str) -> Result<Self, FindError> {
        let what = || format!("the X display {display}");
        let asking = async {
            let mut screen = Screen::connect(display).await?;
            let manager = screen.manager().await?;
            let server = vouched(format!("the X server of {display}"), screen.server());
            // Once more, after its start time was read.
            screen.sync().await?;
            if let (Ok((writer, _)), now) = (&server, screen.server())
                && now != Some(*writer)
            {
                let what = what();
                return Err(FindError::from(TalkError::Stranger { what }));
            }
            Ok((manager, server))
        };
        let (manager, server) = limited(what, asking).await?;
        let is_xwayland = server.as_ref().is_ok_and(|(writer, _)| {
            process::Stat::read(writer.pid).is_some_and(|s| s.comm == "Xwayland")
        });
        if let Some(pid) = manager {
            let uid = real_user(pid);
            let writer = uid.map(|uid| Writer { pid, uid });
            let (_, of) = vouched(format!("the window manager of {display}"), writer)?;
            let manager = Self::new(pid, of, At::Managing(display.to_owned())).await;
            return Ok(match is_xwayland {
                // The windows of an Xwayland are managed by its compositor.
                true => manager.behind_xwayland().await,
                false => manager,
            });
        }
        if is_xwayland {
            return Err(FindError::OnlyXwayland {
                display: display.to_owned(),
            });
        }
        let (writer, of) = server?;
        Ok(Self::new(writer.pid, of, At::X11(display.to_owned())).await)
    }

    /// The compositor by the Wayland socket of its own that it answers at.
    async fn behind_xwayland(self) -> Self {
        let Some(socket) = self.socket(is_wayland) else {
            return self;
        };
        match Self::at_wayland(&socket).await {
            Ok(server) if server.of == self.of => server,
            _ => self,
        }
    }

    async fn new(pid: u32, of: Identity, at: At) -> Self {
        let comm = || process::Stat::read(pid).map(|stat| stat.comm);
        let program = process::program(pid).or_else(comm).unwrap_or_default();
        // NixOS calls it ".sway-wrapped".
        let name = program.strip_prefix('.').unwrap_or(&program);
        let name = name.strip_suffix("-wrapped").unwrap_or(name).to_owned();
        Self {
            of,
            pid,
            program: name,
            at,
            globals: Vec::new(),
            sockets: sockets_of(pid).await,
        }
    }

    /// The one of its sockets that has such a path.
    pub(super) fn socket(&self, is_it: impl Fn(&str) -> bool) -> Option<PathBuf> {
        let mut sockets = self.sockets.iter();
        sockets.find(|path| is_it(&path.to_string_lossy())).cloned()
    }

    /// Its name for people.
    pub(super) fn describe(&self) -> String {
        format!("{} (pid {})", self.program, self.pid)
    }

    /// What it is not.
    pub(super) fn is_not(&self, wanted: Kind) -> FindError {
        FindError::IsNot {
            wanted,
            found: self.describe(),
        }
    }
}

fn is_wayland(path: &str) -> bool {
    path.contains("/wayland-")
}

/// The sockets on which a compositor listens for its own protocols. Where nobody may look into the
/// process, those whose listener it is: what that is worth for who answers, is seen when it does.
async fn sockets_of(pid: u32) -> Vec<PathBuf> {
    let mut all = sockets::listening();
    all.retain(|socket| {
        let path = &*socket.path.to_string_lossy();
        let known = [
            sway::is_ipc,
            hyprland::is_ipc,
            niri::is_ipc,
            wayfire::is_ipc,
        ];
        is_wayland(path) || known.iter().any(|is_it| is_it(path))
    });
    if let Some(held) = sockets::held_by(pid, &all) {
        return held;
    }
    let mut its = Vec::new();
    for socket in all.into_iter().take(MAX_CANDIDATES) {
        let link = Link::connect(&socket.path).await;
        if link.is_ok_and(|link| link.listener() == Some(pid)) {
            its.push(socket.path);
        }
    }
    its
}

/// Whether this is the process that wrote.
pub(super) fn wrote(of: &Identity, writer: Option<Writer>) -> bool {
    writer.is_some_and(|w| of.pid() == Some(w.pid) && process::identity(w.pid).as_ref() == Some(of))
}

/// The process that answered, as it may be ended by us: there, this user's, and not we ourselves.
fn vouched(what: String, writer: Option<Writer>) -> Result<(Writer, Identity), FindError> {
    let Some(writer) = writer else {
        return Err(FindError::Unseen { what });
    };
    if writer.uid != rustix::process::getuid().as_raw() {
        return Err(FindError::OtherUser {
            what,
            pid: writer.pid,
        });
    }
    match process::identity(writer.pid) {
        Some(of) if writer.pid > 1 && writer.pid != std::process::id() => Ok((writer, of)),
        _ => Err(FindError::Unseen { what }),
    }
}

/// The user who started a process, whatever privileges its program has.
fn real_user(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_ourselves_are_never_what_is_ended() {
        let uid = rustix::process::getuid().as_raw();
        let own = std::process::id();
        assert_eq!(real_user(own), Some(uid));
        let vouched = |writer| vouched("it".into(), writer);
        for pid in [own, 1] {
            let error = vouched(Some(Writer { pid, uid })).unwrap_err();
            assert!(matches!(error, FindError::Unseen { .. }), "{error}");
        }
        let uid = uid + 1;
        let error = vouched(Some(Writer { pid: own, uid })).unwrap_err();
        assert!(matches!(error, FindError::OtherUser { .. }), "{error}");
        let error = vouched(None).unwrap_err();
        assert!(matches!(error, FindError::Unseen { .. }), "{error}");
    }
}
