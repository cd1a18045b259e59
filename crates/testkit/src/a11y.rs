//! The accessibility tree of an application (AT-SPI 2): reading and writing its text, pressing its
//! buttons. It works alike on X11 and Wayland, with or without the keyboard's focus, and reads what
//! the application really holds, not what was typed.
//!
//! Needs dbus-daemon as the session bus: it starts org.a11y.Bus when that is asked for. The
//! interfaces are org.a11y.atspi.Accessible, .Text, .EditableText and .Action of at-spi2-core.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use zbus::{Connection, DynamicType, OwnedObjectPath};

use crate::{
    bus, rt,
    wait::{Deadline, LIMIT},
};

const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const TEXT: &str = "org.a11y.atspi.Text";
const EDITABLE: &str = "org.a11y.atspi.EditableText";
const ACTION: &str = "org.a11y.atspi.Action";

/// How often a tree is read again while something is awaited in it.
pub(crate) const AGAIN: Duration = Duration::from_millis(10);

/// Widgets read of one application: its menus alone are hundreds.
const MAX_WIDGETS: usize = 20_000;

/// AtspiStateType: bits of what GetState returns.
const MULTI_LINE: u32 = 17;
const SHOWING: u32 = 25;

/// Kinds of widgets, by their numbers in AtspiRole.
pub mod role {
    /// A check box.
    pub const CHECK_BOX: u32 = 7;
    /// A dialog, as a toplevel.
    pub const DIALOG: u32 = 16;
    /// A main window.
    pub const FRAME: u32 = 23;
    /// A label.
    pub const LABEL: u32 = 29;
    /// An alert, as GTK's message dialogs are.
    pub const ALERT: u32 = 2;
    /// A button.
    pub const PUSH_BUTTON: u32 = 43;
    /// A text area.
    pub const TEXT: u32 = 61;
}

/// One widget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widget {
    /// Its kind; see [`role`].
    pub role: u32,
    /// Its label or title.
    pub name: String,
    /// Whether it is on the screen, or would be if nothing lay over it.
    pub showing: bool,
    /// Whether it holds text of many lines: a document rather than a field.
    pub multi_line: bool,
    path: OwnedObjectPath,
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
        let find = async move {
            let connection = connect(&address, uid).await?;
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
    /// When `limit` runs out; the message lists what is on the screen.
    #[track_caller]
    pub fn wait_for(&self, limit: Duration, wanted: impl Fn(&Widget) -> bool) -> Widget {
        let deadline = Deadline::after(limit);
        loop {
            let widgets = self.widgets();
            if let Some(widget) = widgets.iter().find(|widget| wanted(widget)) {
                return widget.clone();
            }
            if deadline.passed() {
                let shown = widgets.iter().filter(|widget| widget.showing);
                let shown: Vec<_> = shown.map(|widget| (widget.role, &widget.name)).collect();
                panic!("within {limit:?} no such widget (role, name): {shown:?}");
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
            .unwrap_or_else(|error| panic!("{method} of {:?}: {error}", widget.name))
    }

    async fn read(&self) -> Vec<Widget> {
        let mut widgets = Vec::new();
        let Ok(root) = OwnedObjectPath::try_from(ROOT) else {
            return widgets;
        };
        let mut paths = vec![root];
        let mut next = 0;
        while let Some(path) = paths.get(next).cloned() {
            next += 1;
            let Ok((widget, children)) = self.widget(path).await else {
                continue;
            };
            // An application may embed another's widgets; those are not its own.
            let own = children
                .into_iter()
                .filter(|(owner, _)| *owner == self.name);
            paths.extend(own.map(|(_, path)| path));
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
    ) -> zbus::Result<(Widget, Vec<(String, OwnedObjectPath)>)> {
        let (bus, owner) = (&self.connection, &self.name);
        let role = call(bus, owner, &path, ACCESSIBLE, "GetRole", &()).await?;
        let name = title(bus, owner, &path).await.unwrap_or_default();
        let state: Vec<u32> = call(bus, owner, &path, ACCESSIBLE, "GetState", &()).await?;
        let has = |bit: u32| state.first().is_some_and(|low| low & (1 << bit) != 0);
        let (showing, multi_line) = (has(SHOWING), has(MULTI_LINE));
        let children = call(bus, owner, &path, ACCESSIBLE, "GetChildren", &()).await?;
        Ok((
            Widget {
                role,
                name,
                showing,
                multi_line,
                path,
            },
            children,
        ))
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

/// The property `Name` of a widget.
async fn title(
    connection: &Connection,
    owner: &str,
    path: &OwnedObjectPath,
) -> zbus::Result<String> {
    let properties = "org.freedesktop.DBus.Properties";
    let value: zbus::OwnedVariant = call(
        connection,
        owner,
        path,
        properties,
        "Get",
        &(ACCESSIBLE, "Name"),
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
