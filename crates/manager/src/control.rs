//! `org.endsession.Manager1`: the control interface, for the command, for bars and for dialogs.
//! Reads calls and builds replies; what they ask for is carried out by the manager.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use endsession_core::{Force, Identity, Kind, Request};
use zbus::Message;
use zbus::Variant;
use zbus::message::Header;

use crate::adapter::gnome::MAX_REASON;
use crate::bus::{Failure, Peer, signal};

/// The bus name. A second session of one user on one bus adds `.s_<session id>`.
pub const NAME: &str = "org.endsession.Manager1";
/// The object.
pub const PATH: &str = "/org/endsession/Manager1";
/// The interface.
pub const INTERFACE: &str = "org.endsession.Manager1";
/// What the object offers, as introspection data.
pub(crate) const XML: &str = include_str!("control.xml");

/// Watchers and viewers kept; more programs than this do not look at one session.
const MAX_WATCHERS: usize = 256;

/// What a call wants.
#[derive(Debug)]
pub(crate) enum Command {
    Request(Request),
    Choose {
        request: u32,
        choice: String,
        application: String,
    },
    Cancel,
    Status,
    Manages,
    Watch(bool),
    Show(bool),
    Version,
    Phase,
    Kinds,
    AllProperties,
}

/// Who listens, by bus name.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    commands: BTreeSet<Identity>,
    watchers: BTreeSet<String>,
    /// Who shows it, and whether that is the dialog.
    viewers: BTreeMap<String, bool>,
}

impl Listeners {
    pub(crate) fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    pub(crate) fn watch(&mut self, name: &str, on: bool) -> Result<(), Failure> {
        if !on {
            self.watchers.remove(name);
        } else if self.watchers.len() >= MAX_WATCHERS && !self.watchers.contains(name) {
            return Err(Failure::new(
                "org.freedesktop.DBus.Error.LimitsExceeded",
                format!("{MAX_WATCHERS} programs already watch this session"),
            ));
        } else {
            self.watchers.insert(name.to_owned());
        }
        Ok(())
    }

    /// Whether this changed who shows the session's state.
    pub(crate) fn show(&mut self, name: &str, on: bool, is_dialog: bool) -> bool {
        if !on {
            return self.viewers.remove(name).is_some();
        }
        let room = self.viewers.len() < MAX_WATCHERS;
        let new = room && !self.viewers.contains_key(name);
        if new {
            self.viewers.insert(name.to_owned(), is_dialog);
        }
        new
    }

    /// Whether this peer shows the session's state.
    pub(crate) fn is_viewer(&self, name: &str) -> bool {
        self.viewers.contains_key(name)
    }

    /// A command of ours has called.
    pub(crate) fn called(&mut self, command: &Identity) {
        if self.commands.len() >= 4 * MAX_WATCHERS {
            self.commands.clear();
        }
        self.commands.insert(command.clone());
    }

    /// Whether a process is a command of ours that has called: it ends by itself. It may have left the
    /// bus just before.
    pub(crate) fn is_command(&self, of: &Identity) -> bool {
        self.commands.contains(of)
    }

    /// Forgets everybody; how many of them showed the session's state.
    pub(crate) fn clear(&mut self) -> usize {
        self.watchers.clear();
        std::mem::take(&mut self.viewers).len()
    }

    /// Whether something else than the dialog shows it.
    pub(crate) fn shows_elsewhere(&self) -> bool {
        self.viewers.values().any(|is_dialog| !is_dialog)
    }

    /// A peer left; where it showed the session's state, whether that was the dialog.
    pub(crate) fn left(&mut self, name: &str) -> Option<bool> {
        self.watchers.remove(name);
        self.viewers.remove(name)
    }

    /// The messages that bring one event to everybody who watches.
    pub(crate) fn news(&self, json: &str) -> impl Iterator<Item = Message> {
        self.watchers
            .iter()
            .filter_map(move |to| signal(Some(to), PATH, INTERFACE, "Event", &json))
    }
}

/// Reads a call.
pub(crate) fn read(
    message: &Message,
    header: &Header<'_>,
    peer: &Peer,
) -> Result<Command, Failure> {
    let member = header.member().map(|m| m.to_string()).unwrap_or_default();
    let body = message.body();
    let wrong = |expected: &'static str| move |_: zbus::Error| Failure::arguments(header, expected);
    match header.interface().map(|i| i.to_string()).as_deref() {
        None | Some(INTERFACE) => {}
        Some("org.freedesktop.DBus.Properties") => {
            return match member.as_str() {
                "Get" => {
                    let (_, name): (&str, &str) = body.deserialize().map_err(wrong("ss"))?;
                    match name {
                        "Version" => Ok(Command::Version),
                        "Phase" => Ok(Command::Phase),
                        "Kinds" => Ok(Command::Kinds),
                        _ => Err(Failure::new(
                            "org.freedesktop.DBus.Error.UnknownProperty",
                            format!(
                                "{INTERFACE} has no property {name:?}; it has Version, Phase and Kinds"
                            ),
                        )),
                    }
                }
                "GetAll" => Ok(Command::AllProperties),
                "Set" => Err(Failure::new(
                    "org.freedesktop.DBus.Error.PropertyReadOnly",
                    "no property of this object can be set",
                )),
                _ => Err(Failure::unknown_method(header)),
            };
        }
        Some(_) => return Err(Failure::unknown_method(header)),
    }
    match member.as_str() {
        "Request" => {
            let (kind, options): (&str, HashMap<&str, Variant<'_>>) =
                body.deserialize().map_err(wrong("sa{sv}"))?;
            Ok(Command::Request(request(kind, options)?))
        }
        "Choose" => {
            let (request, choice, application): (u32, String, String) =
                body.deserialize().map_err(wrong("uss"))?;
            Ok(Command::Choose {
                request,
                choice,
                application,
            })
        }
        "Cancel" => Ok(Command::Cancel),
        "Status" => Ok(Command::Status),
        "Manages" => Ok(Command::Manages),
        "Watch" => Ok(Command::Watch(true)),
        "Unwatch" => Ok(Command::Watch(false)),
        "Show" | "Unshow" => {
            tracing::debug!("{member} by {} (pid {:?})", peer.name, peer.pid);
            Ok(Command::Show(member == "Show"))
        }
        _ => Err(Failure::unknown_method(header)),
    }
}

fn request(kind: &str, options: HashMap<&str, Variant<'_>>) -> Result<Request, Failure> {
    let invalid = |text: String| Failure::new("org.freedesktop.DBus.Error.InvalidArgs", text);
    let mut request = Request {
        kind: match kind {
            "logoff" => Kind::LogOff,
            "restart" => Kind::Restart,
            "poweroff" => Kind::PowerOff,
            _ => {
                return Err(invalid(format!(
                    "{kind:?} is none of logoff, restart, poweroff"
                )));
            }
        },
        ..Request::default()
    };
    for (name, value) in options {
        match (name, value) {
            ("confirm", Variant::Bool(on)) => request.confirm = on,
            ("unattended", Variant::Bool(on)) => request.unattended = on,
            ("timeout-ms", Variant::U64(ms)) => request.timeout = Some(ms),
            ("force-after-ms", Variant::U64(ms)) => request.force = Force::After(ms),
            ("force", Variant::Str(how)) => {
                request.force = match how.as_str() {
                    "no" => Force::No,
                    "now" => Force::Now,
                    "if-hung" => Force::IfHung,
                    how => {
                        return Err(invalid(format!(
                            "force {how:?} is none of no, now, if-hung"
                        )));
                    }
                }
            }
            ("reason", Variant::Str(reason)) => {
                request.reason = reason
                    .chars()
                    .take(MAX_REASON / 4)
                    .filter(|c| !c.is_control())
                    .collect();
            }
            (name, value) => {
                return Err(invalid(format!(
                    "option {name:?} of type {} is not known; there are confirm (b), unattended (b), timeout-ms (t), \
                     force-after-ms (t), force (s), reason (s)",
                    value.value_signature()
                )));
            }
        }
    }
    Ok(request)
}
