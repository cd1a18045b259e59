//! sway's IPC, as of sway-ipc(7): requests and the events of windows.

use std::{
    fmt,
    io::{self, Read, Write},
    os::fd::AsFd,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::wait::{Deadline, LIMIT};

const MAGIC: &[u8; 6] = b"i3-ipc";
const RUN_COMMAND: u32 = 0;
const SUBSCRIBE: u32 = 2;
pub(super) const GET_OUTPUTS: u32 = 3;
const GET_TREE: u32 = 4;

/// One window of sway's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The container's id, for `[con_id=…]`.
    pub con_id: i64,
    /// The process behind the window's connection; 0 where sway knows none.
    pub pid: u32,
    /// The Wayland `app_id`, or the class of an X11 window.
    pub app_id: String,
    /// The title.
    pub title: String,
    /// Whether it has the keyboard.
    pub focused: bool,
    /// Whether it came through Xwayland.
    pub x11: bool,
}

/// A running sway, by its socket. Each request uses a connection of its own.
#[derive(Clone, Debug)]
pub struct Ipc {
    path: PathBuf,
}

impl Ipc {
    /// The sway behind `path`; waits until it listens there.
    ///
    /// # Panics
    /// When nothing listens there in time.
    #[track_caller]
    pub fn new(path: &Path) -> Self {
        let ipc = Self {
            path: path.to_owned(),
        };
        let deadline = Deadline::after(LIMIT);
        // The file is there a moment before anything listens on it.
        while let Err(error) = ipc.try_request(GET_TREE, "") {
            assert!(
                !deadline.passed(),
                "sway's socket {}: {error}",
                path.display()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        ipc
    }

    /// The socket, as in `SWAYSOCK`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole tree.
    #[track_caller]
    pub fn tree(&self) -> Value {
        self.request(GET_TREE, "")
    }

    /// All windows, in the order of the tree; floating ones after the tiled ones of their workspace.
    #[track_caller]
    pub fn windows(&self) -> Vec<Window> {
        windows(&self.tree())
    }

    /// Runs one command line of sway(5).
    ///
    /// # Errors
    /// What sway says against it.
    pub fn command(&self, line: &str) -> Result<(), String> {
        let reply = self
            .try_request(RUN_COMMAND, line)
            .map_err(|error| error.to_string())?;
        for outcome in reply.as_array().into_iter().flatten() {
            if outcome["success"] != true {
                return Err(outcome["error"]
                    .as_str()
                    .unwrap_or("no reason given")
                    .to_owned());
            }
        }
        Ok(())
    }

    /// Waits for a window that `wanted` accepts.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists the windows.
    #[track_caller]
    pub fn wait_for_window(&self, limit: Duration, wanted: impl Fn(&Window) -> bool) -> Window {
        let found = self.wait_until(limit, |windows| windows.iter().find(|w| wanted(w)).cloned());
        found.unwrap_or_else(|why| panic!("the awaited window never came: {why}"))
    }

    /// Waits until the windows are as `wanted` says: until one has gone, or all have.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists the windows.
    #[track_caller]
    pub fn wait_for_windows(&self, limit: Duration, wanted: impl Fn(&[Window]) -> bool) {
        let found = self.wait_until(limit, |windows| wanted(windows).then_some(()));
        found.unwrap_or_else(|why| panic!("the windows never were as awaited: {why}"));
    }

    fn wait_until<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Window]) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Deadline::after(limit);
        let text = |error: io::Error| error.to_string();
        let mut events = self.connect().map_err(text)?;
        send(&mut events, SUBSCRIBE, r#"["window"]"#).map_err(text)?;
        receive(&mut events).map_err(text)?;
        loop {
            // Read once the subscription is there, so that nothing can change unseen in between.
            let windows = windows(&self.try_request(GET_TREE, "").map_err(text)?);
            if let Some(found) = wanted(&windows) {
                return Ok(found);
            }
            if !deadline.readable(events.as_fd()) {
                return Err(format!("within {limit:?}; there were {windows:#?}"));
            }
            receive(&mut events).map_err(text)?;
        }
    }

    #[track_caller]
    pub(super) fn request(&self, kind: u32, payload: &str) -> Value {
        self.try_request(kind, payload)
            .unwrap_or_else(|error| panic!("sway's socket {}: {error}", self.path.display()))
    }

    fn try_request(&self, kind: u32, payload: &str) -> io::Result<Value> {
        let mut stream = self.connect()?;
        send(&mut stream, kind, payload)?;
        receive(&mut stream)
    }

    fn connect(&self) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(stream)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} (pid {})", self.app_id, self.title, self.pid)
    }
}

fn send(stream: &mut UnixStream, kind: u32, payload: &str) -> io::Result<()> {
    let mut message = MAGIC.to_vec();
    message.extend((payload.len() as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(payload.as_bytes());
    stream.write_all(&message)
}

fn receive(stream: &mut UnixStream) -> io::Result<Value> {
    let mut header = [0; 14];
    stream.read_exact(&mut header)?;
    let length = u32::from_ne_bytes([header[6], header[7], header[8], header[9]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    Ok(serde_json::from_slice(&payload)?)
}

/// The windows below `node`: what has a process and no children of its own.
fn windows(node: &Value) -> Vec<Window> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let children = ["nodes", "floating_nodes"]
        .iter()
        .flat_map(|key| node[*key].as_array())
        .flatten();
    let mut found: Vec<Window> = children.flat_map(windows).collect();
    if node["pid"].is_u64() && matches!(node["type"].as_str(), Some("con" | "floating_con")) {
        let class = &node["window_properties"]["class"];
        found.push(Window {
            con_id: node["id"].as_i64().unwrap_or_default(),
            pid: node["pid"].as_u64().unwrap_or_default() as u32,
            app_id: node["app_id"]
                .as_str()
                .map_or_else(|| text(class), str::to_owned),
            title: text(&node["name"]),
            focused: node["focused"] == true,
            x11: node["shell"] == "xwayland",
        });
    }
    found
}
