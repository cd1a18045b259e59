//! A user at an X display who aims at no window: pointer and keys by XTEST, and what is where.

use std::time::Duration;

use x11rb::protocol::{
    xproto::{
        BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, EventMask, GrabMode,
        GrabStatus, MOTION_NOTIFY_EVENT, MapState, Window as Id,
    },
    xtest::ConnectionExt as _,
};

use super::{
    Display, Window,
    display::{Session, numbers},
    keys,
};

const LEFT: u8 = 1;
const WHEEL_UP: u8 = 4;
const WHEEL_DOWN: u8 = 5;

impl Display {
    /// Moves the pointer to `x`, `y`, in pixels.
    #[track_caller]
    pub fn point(&self, x: i16, y: i16) {
        let session = self.open();
        session.fake(MOTION_NOTIFY_EVENT, 0, x, y);
        session.settle();
    }

    /// Moves the pointer there, presses the left button and releases it.
    #[track_caller]
    pub fn click(&self, x: i16, y: i16) {
        let session = self.open();
        session.fake(MOTION_NOTIFY_EVENT, 0, x, y);
        session.fake(BUTTON_PRESS_EVENT, LEFT, 0, 0);
        session.fake(BUTTON_RELEASE_EVENT, LEFT, 0, 0);
        session.settle();
    }

    /// Presses the left button where the pointer is, and holds it.
    #[track_caller]
    pub fn hold_button(&self) {
        let session = self.open();
        session.fake(BUTTON_PRESS_EVENT, LEFT, 0, 0);
        session.settle();
    }

    /// Lets the left button go where the pointer is.
    #[track_caller]
    pub fn release_button(&self) {
        let session = self.open();
        session.fake(BUTTON_RELEASE_EVENT, LEFT, 0, 0);
        session.settle();
    }

    /// Turns the wheel by `steps` where the pointer is; positive is towards the end of a list.
    #[track_caller]
    pub fn scroll(&self, steps: i32) {
        let session = self.open();
        let button = if steps < 0 { WHEEL_UP } else { WHEEL_DOWN };
        for _ in 0..steps.unsigned_abs() {
            session.fake(BUTTON_PRESS_EVENT, button, 0, 0);
            session.fake(BUTTON_RELEASE_EVENT, button, 0, 0);
        }
        session.settle();
    }

    /// Presses a key with modifiers, for whatever has the keyboard: `["Shift", "Tab"]`.
    #[track_caller]
    pub fn press_key(&self, chord: &[&str]) {
        let session = self.open();
        keys::press(&session.connection, session.root, chord);
    }

    /// Presses the key called `name` and holds it: after a moment it repeats.
    #[track_caller]
    pub fn hold_key(&self, name: &str) {
        let session = self.open();
        keys::hold(&session.connection, session.root, name, true);
    }

    /// Lets the key called `name` go.
    #[track_caller]
    pub fn release_key(&self, name: &str) {
        let session = self.open();
        keys::hold(&session.connection, session.root, name, false);
    }

    /// Types `text` into whatever has the keyboard.
    #[track_caller]
    pub fn type_keys(&self, text: &str) {
        let session = self.open();
        keys::type_text(&session.connection, session.root, text);
    }

    /// The client's window that has the keyboard, or one inside it; None where no client's has.
    #[track_caller]
    pub fn focused(&self) -> Option<Window> {
        let session = self.open();
        let windows = session.windows();
        windows.into_iter().find(|w| session.has_focus(w.id))
    }

    /// Waits until `window` has the keyboard.
    ///
    /// # Panics
    /// When `limit` runs out; the message says who has it.
    #[track_caller]
    pub fn wait_for_focus(&self, window: &Window, limit: Duration) {
        let session = self.open();
        session.watch(
            window.id,
            EventMask::FOCUS_CHANGE | EventMask::PROPERTY_CHANGE,
        );
        let found = session.wait_until(limit, || session.has_focus(window.id).then_some(()));
        found.unwrap_or_else(|| {
            let other = self.focused().map(|window| window.to_string());
            panic!("within {limit:?} the keyboard is not {window}'s but {other:?}'s")
        });
    }

    /// The clients' windows from the lowest to the topmost. A window manager tells the order
    /// (`_NET_CLIENT_LIST_STACKING`); without one it is the root's.
    #[track_caller]
    pub fn stacking(&self) -> Vec<Window> {
        let session = self.open();
        let name = session.atom("_NET_CLIENT_LIST_STACKING");
        let told = session.property(session.root, name);
        let ids = told.map_or_else(|| session.mapped_children(), |list| numbers(&list));
        let windows = ids.into_iter().filter_map(|id| session.window(id));
        windows.collect()
    }

    /// The bytes of property `name` of `window`, whatever its type; None where it has none.
    #[track_caller]
    pub fn property(&self, window: &Window, name: &str) -> Option<Vec<u8>> {
        let session = self.open();
        session.property(window.id, session.atom(name))
    }

    /// The atoms in property `name` of `window`, by their names: `_NET_WM_STATE`,
    /// `_NET_WM_WINDOW_TYPE`.
    #[track_caller]
    pub fn atoms(&self, window: &Window, name: &str) -> Vec<String> {
        let session = self.open();
        let bytes = session.property(window.id, session.atom(name));
        let names = numbers(&bytes.unwrap_or_default()).into_iter();
        names.filter_map(|atom| session.name_of(atom)).collect()
    }

    /// Where `window` is on the display: left, top, width and height, without its frame.
    #[track_caller]
    pub fn place(&self, window: &Window) -> (i32, i32, u32, u32) {
        let session = self.open();
        let place = session.place(window.id);
        place.unwrap_or_else(|| panic!("{window} has gone"))
    }

    /// Whether some client has grabbed the keyboard: nobody else's key bindings work then.
    #[track_caller]
    pub fn keyboard_is_grabbed(&self) -> bool {
        self.open().keyboard_is_grabbed()
    }

    /// Waits until a screen locker has the keyboard to itself and covers all of the display.
    ///
    /// # Panics
    /// When `limit` runs out.
    #[track_caller]
    pub fn wait_until_locked(&self, limit: Duration) {
        let (width, height) = self.size();
        let session = self.open();
        let locked = || {
            let covers = |id: &Id| {
                let attributes = session.connection.get_window_attributes(*id).ok();
                let attributes = attributes.and_then(|cookie| cookie.reply().ok());
                attributes.is_some_and(|a| a.override_redirect && a.map_state == MapState::VIEWABLE)
                    && session.place(*id) == Some((0, 0, width, height))
            };
            let children = session.children();
            (children.last().is_some_and(covers) && session.keyboard_is_grabbed()).then_some(())
        };
        // A grab is no event: it is looked for again with each change, and after a moment without.
        let deadline = crate::wait::Deadline::after(limit);
        while session
            .wait_until(Duration::from_millis(20), locked)
            .is_none()
        {
            assert!(
                !deadline.passed(),
                "within {limit:?} nobody locks {}",
                self.name()
            );
        }
    }
}

impl Session {
    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) {
        let now = x11rb::CURRENT_TIME;
        self.connection
            .xtest_fake_input(kind, detail, now, self.root, x, y, 0)
            .expect("the X server lives")
            .ignore_error();
    }

    /// Returns when the server has handled everything so far.
    fn settle(&self) {
        let sync = self.connection.get_input_focus();
        sync.expect("the X server lives")
            .reply()
            .expect("the X server answers");
    }

    #[track_caller]
    fn atom(&self, name: &str) -> u32 {
        let cookie = self.connection.intern_atom(false, name.as_bytes());
        let reply = cookie.expect("the X server lives").reply();
        reply.expect("an atom").atom
    }

    fn name_of(&self, atom: u32) -> Option<String> {
        let reply = self.connection.get_atom_name(atom).ok()?.reply().ok()?;
        String::from_utf8(reply.name).ok()
    }

    fn place(&self, window: Id) -> Option<(i32, i32, u32, u32)> {
        let geometry = self.connection.get_geometry(window).ok()?.reply().ok()?;
        let origin = self
            .connection
            .translate_coordinates(window, self.root, 0, 0)
            .ok()?
            .reply()
            .ok()?;
        Some((
            origin.dst_x.into(),
            origin.dst_y.into(),
            geometry.width.into(),
            geometry.height.into(),
        ))
    }

    /// Asks for the keyboard, and gives it back.
    fn keyboard_is_grabbed(&self) -> bool {
        let cookie = self.connection.grab_keyboard(
            false,
            self.root,
            x11rb::CURRENT_TIME,
            GrabMode::ASYNC,
            GrabMode::ASYNC,
        );
        let reply = cookie.expect("the X server lives").reply();
        let status = reply.expect("the X server answers").status;
        if status == GrabStatus::SUCCESS {
            let freed = self.connection.ungrab_keyboard(x11rb::CURRENT_TIME);
            freed.expect("the X server lives").ignore_error();
            self.settle();
        }
        status == GrabStatus::ALREADY_GRABBED
    }
}
