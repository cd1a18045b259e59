//! A client of an X server that says of its windows what a test wants it to say.

use x11rb::{
    COPY_DEPTH_FROM_PARENT, CURRENT_TIME,
    connection::Connection,
    protocol::xproto::{
        Atom, AtomEnum, ConnectionExt, CreateWindowAux, PropMode, Window, WindowClass,
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// One connection; its process is the test's own.
pub(crate) struct Client {
    connection: RustConnection,
    pub(crate) root: Window,
}

impl Client {
    pub(crate) fn connect(display: &str) -> Self {
        let (connection, screen) = x11rb::connect(Some(display)).unwrap();
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    /// Makes a window that is never shown.
    pub(crate) fn window(&self) -> Window {
        let window = self.connection.generate_id().unwrap();
        let (depth, class) = (COPY_DEPTH_FROM_PARENT, WindowClass::INPUT_OUTPUT);
        let values = CreateWindowAux::new();
        self.connection
            .create_window(depth, window, self.root, 0, 0, 50, 50, 0, class, 0, &values)
            .unwrap();
        window
    }

    /// Shows a window of this title. What is to be told with it is set before.
    pub(crate) fn show(&self, window: Window, title: &str) {
        self.text(window, "WM_CLASS", b"raw\0Raw\0");
        self.text(window, "WM_NAME", title.as_bytes());
        self.connection.map_window(window).unwrap();
        self.sync();
    }

    pub(crate) fn text(&self, window: Window, name: &str, value: &[u8]) {
        self.set(window, name, AtomEnum::STRING, 8, value);
    }

    pub(crate) fn windows(&self, window: Window, name: &str, value: &[Window]) {
        let bytes: Vec<u8> = value.iter().flat_map(|xid| xid.to_ne_bytes()).collect();
        self.set(window, name, AtomEnum::WINDOW, 32, &bytes);
    }

    /// Sets a property, whether or not this makes sense.
    pub(crate) fn set(&self, window: Window, name: &str, kind: AtomEnum, format: u8, value: &[u8]) {
        let (name, length) = (self.atom(name), value.len() / usize::from(format / 8));
        self.connection
            .change_property(
                PropMode::REPLACE,
                window,
                name,
                kind,
                format,
                length as u32,
                value,
            )
            .unwrap();
        self.sync();
    }

    pub(crate) fn delete(&self, window: Window, name: &str) {
        let name = self.atom(name);
        self.connection.delete_property(window, name).unwrap();
        self.sync();
    }

    pub(crate) fn destroy(&self, window: Window) {
        self.connection.destroy_window(window).unwrap();
        self.sync();
    }

    pub(crate) fn own(&self, window: Window, selection: &str) {
        let selection = self.atom(selection);
        self.connection
            .set_selection_owner(window, selection, CURRENT_TIME)
            .unwrap();
        self.sync();
    }

    /// The first window in a property.
    pub(crate) fn window_in(&self, window: Window, name: &str) -> Option<Window> {
        let name = self.atom(name);
        let reply = self
            .connection
            .get_property(false, window, name, AtomEnum::ANY, 0, 1)
            .unwrap()
            .reply()
            .unwrap();
        reply.value32()?.next()
    }

    fn atom(&self, name: &str) -> Atom {
        let reply = self.connection.intern_atom(false, name.as_bytes()).unwrap();
        reply.reply().unwrap().atom
    }

    /// Waits until the server has done everything so far.
    fn sync(&self) {
        self.connection.sync().unwrap();
    }
}
