//! What Hyprland is asked over the socket that `hyprctl` speaks to, and what it answers and tells
//! (Hyprland 0.56, `src/ipc` and `hyprctl/src/main.cpp`; 0.53 to 0.55, `src/debug/HyprCtl.cpp`).
//!
//! Sans-IO: text in, text and windows out. A request has a connection of its own, which Hyprland closes
//! after its answer; events are lines of `NAME>>DATA`.
//!
//! Until 0.54 a dispatcher is `dispatch NAME ARGUMENT`. From 0.55 on a Hyprland whose configuration is
//! Lua reads `dispatch EXPRESSION` as Lua instead, and one whose configuration is still hyprlang reads
//! the classic form; later ones know only Lua. Which it is, `status` tells, and a Hyprland that does not
//! know that request is a classic one. Each refuses the other's form and does nothing.

use serde::Deserialize;

use super::{
    display::{Toplevel, WindowKey},
    text,
};

/// Asks for [`Dialect::of`]'s answer.
pub(crate) const STATUS: &str = "j/status";
/// Asks for all windows; [`clients`] reads the answer.
pub(crate) const CLIENTS: &str = "j/clients";

/// How a Hyprland is told to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `dispatch NAME ARGUMENT`
    Classic,
    /// `dispatch EXPRESSION`
    Lua,
}

impl Dialect {
    /// What the answer to [`STATUS`] says.
    pub(crate) fn of(status: &str) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            config_provider: String,
        }
        match serde_json::from_str::<Status>(status) {
            Ok(status) if status.config_provider == "hyprlang" => Self::Classic,
            Ok(_) => Self::Lua,
            Err(_) => Self::Classic,
        }
    }

    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Classic => Self::Lua,
            Self::Lua => Self::Classic,
        }
    }

    /// Ends it.
    pub(crate) fn exit(self) -> &'static str {
        match self {
            Self::Classic => "/dispatch exit",
            Self::Lua => "/dispatch hl.dsp.exit()",
        }
    }

    /// Closes a window as its close button would.
    pub(crate) fn close(self, WindowKey(address): WindowKey) -> String {
        match self {
            Self::Classic => format!("/dispatch closewindow address:0x{address:x}"),
            Self::Lua => {
                format!("/dispatch hl.dsp.window.close({{ window = \"address:0x{address:x}\" }})")
            }
        }
    }

    /// Shows a window, wherever it is.
    pub(crate) fn focus(self, WindowKey(address): WindowKey) -> String {
        match self {
            Self::Classic => format!("/dispatch focuswindow address:0x{address:x}"),
            Self::Lua => {
                format!("/dispatch hl.dsp.focus({{ window = \"address:0x{address:x}\" }})")
            }
        }
    }
}

/// The first line of an answer that says no to a dispatcher.
pub(crate) fn refusal(answer: &str) -> Option<&str> {
    let answer = answer.trim();
    (!answer.starts_with("ok")).then(|| answer.lines().next().unwrap_or_default())
}

/// A window in the answer to [`CLIENTS`].
#[derive(Debug, Deserialize)]
struct Client {
    address: String,
    #[serde(default = "yes")]
    mapped: bool,
    #[serde(default)]
    class: String,
    #[serde(default)]
    title: String,
    /// The credentials of the window's connection, on Xwayland too, where Hyprland asks XRes.
    #[serde(default)]
    pid: i64,
}

fn yes() -> bool {
    true
}

/// The windows in an answer to [`CLIENTS`].
///
/// # Errors
/// When it is no list of windows; some titles have been known to break it.
pub(crate) fn clients(answer: &str) -> Result<Vec<(WindowKey, Toplevel)>, String> {
    let clients: Vec<Client> = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let window = |client: Client| {
        let key = address(client.address.strip_prefix("0x")?)?;
        let toplevel = Toplevel {
            title: text::from_str(&client.title),
            app_id: text::from_str(&client.class),
            pid: u32::try_from(client.pid).ok().filter(|pid| *pid > 0),
            ..Toplevel::default()
        };
        client.mapped.then_some((key, toplevel))
    };
    Ok(clients.into_iter().filter_map(window).collect())
}

/// What an event says of windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Opened,
    Closed(WindowKey),
    Titled(WindowKey, String),
}

impl Event {
    /// Reads a line; `None` for what does not matter here.
    pub(crate) fn of(line: &str) -> Option<Self> {
        let (name, data) = line.trim_end_matches('\n').split_once(">>")?;
        match name {
            "openwindow" => Some(Self::Opened),
            "closewindow" => Some(Self::Closed(address(data)?)),
            "windowtitlev2" => {
                let (window, title) = data.split_once(',')?;
                Some(Self::Titled(address(window)?, text::from_str(title)))
            }
            _ => None,
        }
    }
}

fn address(hex: &str) -> Option<WindowKey> {
    u64::from_str_radix(hex.trim(), 16).ok().map(WindowKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_what_status_says_and_classic_before_there_was_one() {
        let says = |provider: &str| {
            let json =
                format!("\n{{\n \"configProvider\": \"{provider}\",\n \"backend\": \"drm\"\n}}\n");
            Dialect::of(&json)
        };
        assert_eq!(says("lua"), Dialect::Lua);
        assert_eq!(says("hyprlang"), Dialect::Classic);
        assert_eq!(Dialect::of("unknown request"), Dialect::Classic);
        assert_eq!(Dialect::of(""), Dialect::Classic);
    }

    #[test]
    fn a_dispatcher_was_refused_where_it_did_not_say_ok() {
        assert_eq!(refusal("ok"), None);
        assert_eq!(refusal("ok\n"), None);
        assert_eq!(refusal("Invalid dispatcher"), Some("Invalid dispatcher"));
        assert_eq!(refusal("error: x\n\n → Note: y"), Some("error: x"));
    }

    #[test]
    fn windows_that_are_not_mapped_or_have_no_address_are_none() {
        let json = r#"[{"address": "0x5f1a", "mapped": true, "class": "foot", "title": "*a", "pid": 42, "new": 1},
                       {"address": "0x5f1b", "mapped": false}, {"address": "none"},
                       {"address": "0x5f1c", "pid": -1}]"#;
        let windows = clients(json).unwrap();
        let keys: Vec<u64> = windows.iter().map(|(key, _)| key.0).collect();
        assert_eq!(keys, [0x5f1a, 0x5f1c]);
        let (_, foot) = &windows[0];
        assert_eq!(
            (&*foot.title, &*foot.app_id, foot.pid),
            ("*a", "foot", Some(42))
        );
        assert_eq!(windows[1].1.pid, None);
        assert!(clients("[{]").is_err());
    }

    #[test]
    fn an_event_is_read_or_left_alone() {
        assert_eq!(
            Event::of("openwindow>>5f1a,1,foot,a,b"),
            Some(Event::Opened)
        );
        assert_eq!(
            Event::of("closewindow>>5f1a"),
            Some(Event::Closed(WindowKey(0x5f1a)))
        );
        let titled = Event::Titled(WindowKey(0x5f1a), "a, b>>c".to_owned());
        assert_eq!(Event::of("windowtitlev2>>5f1a,a, b>>c\n"), Some(titled));
        for line in [
            "",
            "workspace>>1",
            "closewindow>>",
            "windowtitlev2>>5f1a",
            "closewindow",
        ] {
            assert_eq!(Event::of(line), None, "{line}");
        }
    }
}
