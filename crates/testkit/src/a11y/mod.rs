//! The accessibility tree of an application (AT-SPI 2): reading and writing its text, pressing its
//! buttons. It works alike on X11 and Wayland, with or without the keyboard's focus, and reads what
//! the application really holds, not what was typed.
//!
//! Toolkits show their tree to whoever asks; an application with AccessKit shows one only while a
//! [`ScreenReader`] runs, which also hears what is announced.
//!
//! ```no_run
//! use endsession_testkit::{a11y::{ScreenReader, role}, bus::Bus, session::Sandbox, wait::LIMIT};
//!
//! # let sandbox = Sandbox::new();
//! let bus = Bus::daemon_in(&sandbox);
//! let reader = ScreenReader::on(&bus);
//! let dialog = sandbox.spawn(["endsession", "ask", "End the session?"]);
//! let widgets = reader.application(dialog.pid());
//! println!("{}", widgets.tree());
//! widgets.press(&widgets.wait_for_named(role::PUSH_BUTTON, "Yes", LIMIT));
//! ```
//!
//! Needs dbus-daemon as the session bus: it starts org.a11y.Bus when that is asked for. The
//! interfaces are org.a11y.atspi.Accessible, .Text, .EditableText, .Action and .Component of
//! at-spi2-core.

mod reader;
mod tree;
mod words;

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use zbus::{Connection, DynamicType, OwnedObjectPath};

use crate::{
    bus, rt,
    wait::{Deadline, LIMIT},
};

pub use reader::{Event, ScreenReader};

const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const TEXT: &str = "org.a11y.atspi.Text";
const EDITABLE: &str = "org.a11y.atspi.EditableText";
const ACTION: &str = "org.a11y.atspi.Action";
const COMPONENT: &str = "org.a11y.atspi.Component";

/// How often a tree is read again while something is awaited in it.
pub(crate) const AGAIN: Duration = Duration::from_millis(10);

/// Widgets read of one application: its menus alone are hundreds.
const MAX_WIDGETS: usize = 20_000;

/// Kinds of widgets, by their numbers in AtspiRole.
pub mod role {
    /// An alert, as GTK's message dialogs are.
    pub const ALERT: u32 = 2;
    /// A check box.
    pub const CHECK_BOX: u32 = 7;
    /// A dialog, as a toplevel.
    pub const DIALOG: u32 = 16;
    /// A main window.
    pub const FRAME: u32 = 23;
    /// A picture.
    pub const IMAGE: u32 = 27;
    /// A label.
    pub const LABEL: u32 = 29;
    /// A list.
    pub const LIST: u32 = 31;
    /// A row of a list.
    pub const LIST_ITEM: u32 = 32;
    /// A bar that says how much is done.
    pub const PROGRESS_BAR: u32 = 42;
    /// A button.
    pub const PUSH_BUTTON: u32 = 43;
    /// A text area.
    pub const TEXT: u32 = 61;
    /// A toplevel that is neither a main window nor a dialog.
    pub const WINDOW: u32 = 69;
}

/// What widgets can be besides, by its bit in AtspiStateType.
pub mod state {
    /// Its window has the keyboard.
    pub const ACTIVE: u32 = 1;
    /// It is checked.
    pub const CHECKED: u32 = 4;
    /// It can be used.
    pub const ENABLED: u32 = 8;
    /// It can have the keyboard.
    pub const FOCUSABLE: u32 = 11;
    /// It has the keyboard, if its window has.
    pub const FOCUSED: u32 = 12;
    /// It wants to be answered before anything else.
    pub const MODAL: u32 = 16;
    /// It holds text of many lines.
    pub const MULTI_LINE: u32 = 17;
    /// It is selected.
    pub const SELECTED: u32 = 23;
    /// It takes input.
    pub const SENSITIVE: u32 = 24;
    /// It is on the screen.
    pub const SHOWING: u32 = 25;
    /// It is what Return presses.
    pub const IS_DEFAULT: u32 = 39;
}

/// One widget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widget {
    /// Its kind; see [`role`].
    pub role: u32,
    /// Its label or title.
    pub name: String,
    /// What more is to be said of it.
    pub description: String,
    /// Whether it is on the screen, or would be if nothing lay over it.
    pub showing: bool,
    /// Whether it holds text of many lines: a document rather than a field.
    pub multi_line: bool,
    /// All its states, one bit each.
    states: u64,
    /// How deep in the tree it is; the application itself is at 0.
    depth: usize,
    path: OwnedObjectPath,
}

impl Widget {
    /// Whether it is in a state; see [`state`](mod@state).
    pub fn is(&self, state: u32) -> bool {
        self.states & (1 << state) != 0
    }

    /// Its object on the accessibility bus, as in an [`Event`].
    pub fn path(&self) -> &str {
        self.path.as_str()
    }
}

/// An application on the accessibility bus.
#[derive(Clone, Debug)]
pub struct Application {
    connection: Connection,
    name: String,
    pid: u32,
}

impl Application {
    /// The application with process `pid` on the session bus at `address`, as user `uid`; waits until
    /// it has registered.
    ///
    /// # Panics
    /// When there is no accessibility bus, or the application does not register in time.
    #[track_caller]
    pub fn of(address: &str, uid: u32, pid: u32) -> Self {
        let address = address.to_owned();
        Self::find(pid, async move { connect(&address, uid).await })
    }

    #[track_caller]
    fn find(
        pid: u32,
        connect: impl Future<Output = zbus::Result<Connection>> + Send + 'static,
    ) -> Self {
        let find = async move {
            let connection = connect.await?;
            let deadline = Deadline::after(LIMIT);
            loop {
                if let Some(name) = application(&connection, pid).await? {
                    return Ok(Some(Self {
                        connection,
                        name,
                        pid,
                    }));
                }
                if deadline.passed() {
                    return zbus::Result::Ok(None);
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        match rt::block_on("finding an application's widgets", LIMIT * 2, find) {
            Ok(Some(application)) => application,
            Ok(None) => panic!("process {pid} has no accessibility tree after {LIMIT:?}"),
            Err(error) => panic!("the accessibility bus: {error}"),
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All its widgets, from its windows downwards; what goes while it is read is left out.
    #[track_caller]
    pub fn widgets(&self) -> Vec<Widget> {
        let this = self.clone();
        rt::block_on("reading widgets", LIMIT, async move { this.read().await })
    }

    /// Waits for a widget that `wanted` accepts.
    ///
    /// # Panics
    /// When `limit` runs out; the message has the tree.
    #[track_caller]
    pub fn wait_for(&self, limit: Duration, wanted: impl Fn(&Widget) -> bool) -> Widget {
        let found = self.wait_until(limit, |widgets| widgets.iter().find(|w| wanted(w)).cloned());
        found.unwrap_or_else(|why| panic!("no such widget {why}"))
    }

    /// Waits for a widget of a kind (see [`role`]) that is called `name` and is on the screen.
    ///
    /// # Panics
    /// When `limit` runs out; the message has the tree.
    #[track_caller]
    pub fn wait_for_named(&self, role: u32, name: &str, limit: Duration) -> Widget {
        let found = self.wait_until(limit, |widgets| {
            let is_it = |w: &&Widget| w.role == role && w.name == name && w.showing;
            widgets.iter().find(is_it).cloned()
        });
        let kind = words::role(role);
        found.unwrap_or_else(|why| panic!("no {kind} {name:?} {why}"))
    }

    /// Waits until no widget is left that `unwanted` accepts.
    ///
    /// # Panics
    /// When `limit` runs out; the message has the tree.
    #[track_caller]
    pub fn wait_until_gone(&self, limit: Duration, unwanted: impl Fn(&Widget) -> bool) {
        let gone = self.wait_until(limit, |widgets| {
            (!widgets.iter().any(&unwanted)).then_some(())
        });
        gone.unwrap_or_else(|why| panic!("the widget stayed {why}"));
    }

    fn wait_until<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Widget]) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Deadline::after(limit);
        loop {
            if let Some(found) = wanted(&self.widgets()) {
                return Ok(found);
            }
            if deadline.passed() {
                return Err(format!("within {limit:?}:\n{}", self.tree()));
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// The text that `widget` holds.
    #[track_caller]
    pub fn text(&self, widget: &Widget) -> String {
        self.call(widget, TEXT, "GetText", (0_i32, -1_i32))
    }

    /// Inserts `text` before all else in `widget`, as a user's edit: the document is modified then.
    #[track_caller]
    pub fn insert(&self, widget: &Widget, text: &str) {
        let length = i32::try_from(text.len()).expect("a text of a test");
        let done: bool = self.call(
            widget,
            EDITABLE,
            "InsertText",
            (0_i32, text.to_owned(), length),
        );
        assert!(done, "{:?} takes no text", widget.name);
    }

    /// The names of the actions of `widget`; none where it has none.
    #[track_caller]
    pub fn actions(&self, widget: &Widget) -> Vec<String> {
        let actions: Result<Vec<(String, String, String)>, _> =
            self.try_call(widget, ACTION, "GetActions", ());
        let names = actions.unwrap_or_default().into_iter();
        names.map(|(name, ..)| name).collect()
    }

    /// Does the action of `widget` that is called `name`.
    ///
    /// # Panics
    /// When it has none, or will not.
    #[track_caller]
    pub fn act(&self, widget: &Widget, name: &str) {
        let actions = self.actions(widget);
        let at = actions.iter().position(|action| action == name);
        let at = at.unwrap_or_else(|| panic!("{:?} can {actions:?}, not {name}", widget.name));
        let done: bool = self.call(widget, ACTION, "DoAction", (at as i32,));
        assert!(done, "{:?} did not {name}", widget.name);
    }

    /// Gives `widget` the keyboard, if its window has it.
    #[track_caller]
    pub fn focus(&self, widget: &Widget) {
        let done: bool = self.call(widget, COMPONENT, "GrabFocus", ());
        assert!(done, "{:?} takes no keyboard", widget.name);
    }

    /// Where `widget` is in its window: left, top, width and height.
    #[track_caller]
    pub fn place(&self, widget: &Widget) -> (i32, i32, i32, i32) {
        // 1: relative to the window. On Wayland nothing else is known.
        let (place,) = self.call(widget, COMPONENT, "GetExtents", (1_u32,));
        place
    }

    /// What else `widget` says of itself: `posinset` and `setsize`, for two, of a row in a list.
    #[track_caller]
    pub fn attributes(&self, widget: &Widget) -> BTreeMap<String, String> {
        self.call(widget, ACCESSIBLE, "GetAttributes", ())
    }

    /// Does the first action of `widget`: presses a button.
    #[track_caller]
    pub fn press(&self, widget: &Widget) {
        let done: bool = self.call(widget, ACTION, "DoAction", (0_i32,));
        assert!(done, "{:?} cannot be pressed", widget.name);
    }

    #[track_caller]
    fn call<B, R>(
        &self,
        widget: &Widget,
        interface: &'static str,
        method: &'static str,
        body: B,
    ) -> R
    where
        B: Serialize + DynamicType + Send + Sync + 'static,
        R: DeserializeOwned + zbus::Type + Send + 'static,
    {
        self.try_call(widget, interface, method, body)
            .unwrap_or_else(|error| panic!("{method} of {:?}: {error}", widget.name))
    }

    #[track_caller]
    fn try_call<B, R>(
        &self,
        widget: &Widget,
        interface: &'static str,
        method: &'static str,
        body: B,
    ) -> zbus::Result<R>
    where
        B: Serialize + DynamicType + Send + Sync + 'static,
        R: DeserializeOwned + zbus::Type + Send + 'static,
    {
        let (this, path) = (self.clone(), widget.path.clone());
        let call = async move {
            call(
                &this.connection,
                &this.name,
                &path,
                interface,
                method,
                &body,
            )
            .await
        };
        rt::block_on(method, LIMIT, call)
    }

    async fn read(&self) -> Vec<Widget> {
        let mut widgets = Vec::new();
        let Ok(root) = OwnedObjectPath::try_from(ROOT) else {
            return widgets;
        };
        let mut next = vec![(root, 0)];
        // A widget before what is in it, and that in its order: as it is read out.
        while let Some((path, depth)) = next.pop() {
            let Ok((widget, children)) = self.widget(path, depth).await else {
                continue;
            };
            // An application may embed another's widgets; those are not its own.
            let own = children
                .into_iter()
                .filter(|(owner, _)| *owner == self.name);
            next.extend(own.rev().map(|(_, path)| (path, depth + 1)));
            widgets.push(widget);
            if widgets.len() >= MAX_WIDGETS {
                break;
            }
        }
        // GTK 4.8 says so of its toplevels alone.
        if widgets
            .iter()
            .all(|widget| !widget.showing || widget.role == role::FRAME)
        {
            widgets.iter_mut().for_each(|widget| widget.showing = true);
        }
        widgets
    }

    async fn widget(
        &self,
        path: OwnedObjectPath,
        depth: usize,
    ) -> zbus::Result<(Widget, Vec<(String, OwnedObjectPath)>)> {
        let (bus, owner) = (&self.connection, &self.name);
        let role = call(bus, owner, &path, ACCESSIBLE, "GetRole", &()).await?;
        let name = property(bus, owner, &path, "Name").await;
        let description = property(bus, owner, &path, "Description").await;
        let state: Vec<u32> = call(bus, owner, &path, ACCESSIBLE, "GetState", &()).await?;
        let word = |at: usize| u64::from(state.get(at).copied().unwrap_or_default());
        let children = call(bus, owner, &path, ACCESSIBLE, "GetChildren", &()).await?;
        let mut widget = Widget {
            role,
            name: name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            showing: false,
            multi_line: false,
            states: word(0) | word(1) << 32,
            depth,
            path,
        };
        widget.showing = widget.is(state::SHOWING);
        widget.multi_line = widget.is(state::MULTI_LINE);
        Ok((widget, children))
    }
}

/// Connects to the accessibility bus that belongs to the session bus at `address`.
async fn connect(address: &str, uid: u32) -> zbus::Result<Connection> {
    let session = bus::connect(address, uid).await?;
    let path = OwnedObjectPath::try_from("/org/a11y/bus")?;
    let address: String = call(
        &session,
        "org.a11y.Bus",
        &path,
        "org.a11y.Bus",
        "GetAddress",
        &(),
    )
    .await?;
    bus::connect(&address, uid).await
}

/// The name on the accessibility bus of the application with process `pid`.
async fn application(connection: &Connection, pid: u32) -> zbus::Result<Option<String>> {
    let root = OwnedObjectPath::try_from(ROOT)?;
    let applications: Vec<(String, OwnedObjectPath)> =
        call(connection, REGISTRY, &root, ACCESSIBLE, "GetChildren", &()).await?;
    let bus = zbus::fdo::DBusProxy::new(connection).await?;
    for (name, _) in applications {
        let owner = zbus::names::BusName::try_from(name.as_str())?;
        // One that has just gone has no process, and is not the one.
        if bus
            .get_connection_unix_process_id(owner)
            .await
            .is_ok_and(|owner| owner == pid)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// A property of a widget that is a text.
async fn property(
    connection: &Connection,
    owner: &str,
    path: &OwnedObjectPath,
    name: &str,
) -> zbus::Result<String> {
    let properties = "org.freedesktop.DBus.Properties";
    let value: zbus::OwnedVariant = call(
        connection,
        owner,
        path,
        properties,
        "Get",
        &(ACCESSIBLE, name),
    )
    .await?;
    String::try_from(value)
}

async fn call<B, R>(
    connection: &Connection,
    owner: &str,
    path: &OwnedObjectPath,
    interface: &str,
    method: &str,
    body: &B,
) -> zbus::Result<R>
where
    B: Serialize + DynamicType + Sync,
    R: DeserializeOwned + zbus::Type,
{
    let reply = connection
        .call_method(Some(owner), path, Some(interface), method, body)
        .await?;
    reply.body().deserialize()
}
