//! The i3 IPC on the wire: frames, and what of the JSON in them is read (i3's "IPC interface"
//! document, sway-ipc(7)).
//!
//! Sans-IO: bytes in, bytes and nodes out.

use serde::Deserialize;

use super::{display::Toplevel, text};

const MAGIC: &[u8; 6] = b"i3-ipc";
const HEADER: usize = MAGIC.len() + 8;

/// The longest payload taken. A tree of 4096 windows with long titles is about 8 MiB (1 to 2 KiB
/// a node); twice that is no tree.
pub(crate) const MAX_PAYLOAD: usize = 16 << 20;

/// Message and reply types.
pub(crate) const RUN_COMMAND: u32 = 0;
pub(crate) const SUBSCRIBE: u32 = 2;
pub(crate) const GET_TREE: u32 = 4;
pub(crate) const GET_VERSION: u32 = 7;
/// Event types.
pub(crate) const EVENT_WINDOW: u32 = 0x8000_0003;
pub(crate) const EVENT_SHUTDOWN: u32 = 0x8000_0006;

/// Why bytes are no frame. There is no finding the next one then: the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("it does not speak the i3 IPC")]
    Magic,
    #[error("a message of {0} bytes; at most {MAX_PAYLOAD} are taken")]
    TooLong(usize),
}

/// One message, framed.
pub(crate) fn encode(kind: u32, payload: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(MAGIC);
    // Only our own short messages are framed, so that the length fits.
    frame.extend_from_slice(&(payload.len() as u32).to_ne_bytes());
    frame.extend_from_slice(&kind.to_ne_bytes());
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// The type of the frame at the start of these bytes and the bytes of its header and its payload,
/// once it is there whole.
pub(crate) fn decode(input: &[u8]) -> Result<Option<(u32, usize, usize)>, FrameError> {
    let known = input.len().min(MAGIC.len());
    if input[..known] != MAGIC[..known] {
        return Err(FrameError::Magic);
    }
    let Some(&[_, _, _, _, _, _, l0, l1, l2, l3, t0, t1, t2, t3]) = input.first_chunk::<HEADER>()
    else {
        return Ok(None);
    };
    let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
    if length > MAX_PAYLOAD {
        return Err(FrameError::TooLong(length));
    }
    let kind = u32::from_ne_bytes([t0, t1, t2, t3]);
    Ok((input.len() >= HEADER + length).then_some((kind, HEADER, length)))
}

/// The reply to `SUBSCRIBE`.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
}

/// The event "window".
#[derive(Debug, Deserialize)]
pub(crate) struct WindowEvent {
    pub(crate) change: String,
    pub(crate) container: Node,
}

/// A node of the tree; every kind of node has this one shape.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    /// sway: of a view, the process of its Wayland connection; of an Xwayland view, what
    /// `_NET_WM_PID` claims. i3 has none.
    pid: Option<i64>,
    app_id: Option<String>,
    /// The X11 window's id, where it is one.
    window: Option<u32>,
    shell: Option<String>,
    window_type: Option<String>,
    window_properties: Option<Properties>,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    floating_nodes: Vec<Node>,
}

/// What sway and i3 tell of an X11 window.
#[derive(Debug, Deserialize)]
struct Properties {
    class: Option<String>,
    window_type: Option<String>,
    transient_for: Option<u64>,
}

/// Who knows a view's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The compositor told it, off the connection's credentials.
    Known(Option<u32>),
    /// The X server is to be asked about this window.
    X11(u32),
}

impl Node {
    /// Every view in the tree: tiled, floating, and hidden on the scratchpad.
    ///
    /// The depth is what `serde_json` lets through, which is 128 levels.
    pub(crate) fn views(&self) -> Vec<&Self> {
        let mut views = Vec::new();
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            // i3 keeps its bars in the tree; they are no applications.
            if node.kind.as_deref() == Some("dockarea") {
                continue;
            }
            if node.is_view() {
                views.push(node);
            }
            open.extend(node.nodes.iter().chain(&node.floating_nodes));
        }
        views
    }

    /// A container that shows a window, rather than one that holds other containers.
    pub(crate) fn is_view(&self) -> bool {
        matches!(self.kind.as_deref(), Some("con" | "floating_con"))
            && (self.pid.is_some() || self.window.is_some())
    }

    /// Who knows the process behind it.
    pub(crate) fn owner(&self) -> Owner {
        match (self.window, self.shell.as_deref()) {
            (Some(window), _) => Owner::X11(window),
            (None, Some("xwayland")) => Owner::Known(None),
            (None, _) => Owner::Known(
                self.pid
                    .filter(|pid| *pid > 0 && i32::try_from(*pid).is_ok())
                    .map(|pid| pid as u32),
            ),
        }
    }

    /// What the manager is told of it, but for its process.
    pub(crate) fn toplevel(&self) -> Toplevel {
        let x11 = self.window_properties.as_ref();
        let app_id = self
            .app_id
            .as_deref()
            .or(x11.and_then(|p| p.class.as_deref()));
        let window_type = self
            .window_type
            .as_deref()
            .or(x11.and_then(|p| p.window_type.as_deref()));
        Toplevel {
            title: text::from_str(self.name.as_deref().unwrap_or_default()),
            app_id: text::from_str(app_id.unwrap_or_default()),
            pid: None,
            // Neither sway nor i3 passes WM_CLIENT_LEADER or SM_CLIENT_ID on. The connection to
            // Xwayland that asks for the process is gone at once, and could follow no change of
            // them: the process, which it vouches for, is what says whose the window is.
            session_id: None,
            // sway tells no parent of a Wayland view, but floats one that has a parent. The user
            // may float others by hand; this is a hint, and nothing is decided by it.
            dialog: self.kind.as_deref() == Some("floating_con")
                || window_type == Some("dialog")
                || x11.is_some_and(|p| p.transient_for.is_some_and(|parent| parent != 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(json: &str) -> Result<Node, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        let frame = encode(GET_TREE, "{}");
        for cut in 0..frame.len() {
            assert_eq!(decode(&frame[..cut]), Ok(None), "after {cut} bytes");
        }
        assert_eq!(decode(&frame), Ok(Some((GET_TREE, 14, 2))));
        let two = [frame.clone(), frame].concat();
        assert_eq!(decode(&two), Ok(Some((GET_TREE, 14, 2))));
    }

    #[test]
    fn what_is_no_frame_ends_the_connection_early() {
        assert_eq!(decode(b"HTTP"), Err(FrameError::Magic));
        let mut frame = encode(GET_TREE, "");
        frame[6..10].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(decode(&frame), Err(FrameError::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn views_are_found_wherever_they_hide() {
        let root = tree(
            r#"{"id":1,"type":"root","name":"root","nodes":[
                {"id":2,"type":"output","name":"__i3","nodes":[
                  {"id":3,"type":"workspace","name":"__i3_scratch","floating_nodes":[
                    {"id":9,"type":"floating_con","name":"hidden","pid":12,"app_id":"foot","nodes":[]}]}]},
                {"id":4,"type":"output","nodes":[
                  {"id":5,"type":"dockarea","nodes":[{"id":6,"type":"con","window":77,"name":"i3bar"}]},
                  {"id":7,"type":"workspace","name":"1","nodes":[
                    {"id":8,"type":"con","name":null,"nodes":[
                      {"id":10,"type":"con","name":"shell","pid":11,"app_id":"foot","window":null,
                       "shell":"xdg_shell","brand_new_field":{"a":[1]}},
                      {"id":11,"type":"con","name":"x","pid":666,"window":4194314,"shell":"xwayland",
                       "window_properties":{"class":"XTerm","transient_for":null}}]}]}]}]}"#,
        )
        .unwrap();
        let mut views = root.views();
        views.sort_by_key(|view| view.id);
        let found: Vec<_> = views
            .iter()
            .map(|v| (v.id, v.owner(), v.toplevel().app_id))
            .collect();
        assert_eq!(
            found,
            [
                (9, Owner::Known(Some(12)), "foot".to_owned()),
                (10, Owner::Known(Some(11)), "foot".to_owned()),
                // The pid beside an X11 window is a claim: the X server is asked.
                (11, Owner::X11(4_194_314), "XTerm".to_owned()),
            ]
        );
        assert!(views[0].toplevel().dialog);
        assert!(!views[2].toplevel().dialog);
    }

    #[test]
    fn a_pid_that_is_none_is_none() {
        for pid in ["0", "-1", "4294967296", "9223372036854775807"] {
            let json = format!(r#"{{"id":1,"type":"con","pid":{pid}}}"#);
            assert_eq!(tree(&json).unwrap().owner(), Owner::Known(None), "{pid}");
        }
        let json = r#"{"id":1,"type":"con","pid":5,"window":null,"shell":"xwayland"}"#;
        assert_eq!(tree(json).unwrap().owner(), Owner::Known(None));
    }

    #[test]
    fn malformed_trees_are_errors() {
        for json in [
            "",
            "{",
            "[]",
            "7",
            r#"{"id":-1}"#,
            r#"{"id":1,"nodes":{}}"#,
            r#"{"id":"x"}"#,
        ] {
            assert!(tree(json).is_err(), "{json}");
        }
        // Nesting without end must not use the stack up.
        let deep = r#"{"id":1,"nodes":["#.repeat(100_000);
        assert!(tree(&deep).is_err());
    }

    #[test]
    fn a_huge_tree_is_read() {
        let title = "t".repeat(1000);
        let view = format!(r#"{{"id":5,"type":"con","pid":1,"name":"{title}"}}"#);
        let json = format!(
            r#"{{"id":1,"type":"root","nodes":[{}]}}"#,
            vec![view; 4096].join(",")
        );
        let root = tree(&json).unwrap();
        assert_eq!(root.views().len(), 4096);
        assert_eq!(
            root.views()[0].toplevel().title.len(),
            super::super::display::MAX_TEXT
        );
    }
}
