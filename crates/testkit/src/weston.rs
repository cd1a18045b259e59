//! [`Weston`]: a compositor without layer shell, where a window is all that an application has.
//!
//! Its output is a window of Xvfb: that has a keyboard, a pointer and pictures, and weston has no
//! protocol for any of them.
//!
//! ```no_run
//! use endsession_testkit::{weston::Weston, wait::LIMIT};
//!
//! let weston = Weston::start();
//! let foot = weston.sandbox().spawn(["foot"]);
//! weston.wait_for_windows(LIMIT, |windows| windows.iter().any(|w| w.pid == foot.pid()));
//! weston.type_keys("exit\n");
//! ```

use std::{process::Command, time::Duration};

use rustix::process::Signal;

use crate::{
    picture::{Picture, Region, Screen},
    session::{Manner, Proc, Sandbox},
    wait::{Deadline, LIMIT},
    wayland::wait_for_display,
    x11::Xvfb,
};

/// One window, as weston's scene graph has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The process behind its connection.
    pub pid: u32,
    /// What weston calls it: its title and its `app_id`.
    pub label: String,
    /// Left and top edge.
    pub position: (i32, i32),
    /// Width and height.
    pub size: (i32, i32),
}

/// Its output, in pixels.
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 800;

/// Beside it on the X display, where the pointer is in nobody's way.
const MARGIN: u16 = 20;

/// A running weston. Dropping it ends it and the X server that it is shown on.
#[derive(Debug)]
pub struct Weston {
    /// Before the server: it ends first.
    process: Proc,
    display: String,
    xvfb: Xvfb,
}

impl Weston {
    /// weston in a sandbox of its own; 1280 by 800.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_in(&Sandbox::new())
    }

    /// weston in `sandbox`, whose `WAYLAND_DISPLAY` becomes its own. `DISPLAY` is unset there: clients
    /// are to come to weston.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox) -> Self {
        Self::with_scale_in(sandbox, 1)
    }

    /// As [`start_in`](Self::start_in), with `scale` real pixels for a logical one, each way.
    #[track_caller]
    pub fn with_scale_in(sandbox: &Sandbox, scale: u32) -> Self {
        let xvfb = Xvfb::sized(sandbox, WIDTH as u16 + MARGIN, HEIGHT as u16);
        sandbox.unset_env("DISPLAY");
        sandbox.set_env("XDG_SESSION_TYPE", "wayland");
        crate::wayland::hide_pointer(sandbox);
        // No panel, whose clock would be in every picture, and one colour behind everything.
        let config = "[shell]\npanel-position=none\nbackground-color=0xff202020\n\
                      background-type=tile\nstartup-animation=none\nanimation=none\n\
                      close-animation=none\nfocus-animation=none\n";
        let config = sandbox.write(".config/weston-testkit.ini", config);
        let (width, height) = (WIDTH / scale, HEIGHT / scale);
        let mut command = Command::new("weston");
        command
            .args(["--backend=x11-backend.so", "--use-pixman", "--idle-time=0"])
            // For weston-debug, which tells what windows there are.
            .args(["--debug", "--socket=wayland-weston"])
            .arg(format!("--config={}", config.display()))
            .arg(format!("--width={width}"))
            .arg(format!("--height={height}"))
            .arg(format!("--scale={scale}"))
            .env("DISPLAY", xvfb.display());
        // Asked to end, it removes its socket.
        let manner = Manner {
            farewell: Signal::TERM,
            ..Manner::default()
        };
        let process = sandbox.spawn_in_manner(command, manner);
        let display = wait_for_display(sandbox);
        sandbox.set_env("WAYLAND_DISPLAY", &display);
        // Without the focus it takes no keys, and no window manager gives it any.
        xvfb.focus(&xvfb.wait_for_window(LIMIT, |_| true));
        let weston = Self {
            process,
            display,
            xvfb,
        };
        // Its background is what its shell draws last.
        let background = [0x20; 3];
        weston.wait_for_picture(LIMIT, |picture| picture.count(background) > 900_000);
        weston
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// The name of its display, as in `WAYLAND_DISPLAY`.
    pub fn wayland_display(&self) -> &str {
        &self.display
    }

    /// The sandbox it runs in.
    pub fn sandbox(&self) -> &Sandbox {
        self.xvfb.sandbox()
    }

    /// Presses a key with modifiers, for whatever has the keyboard: `["Shift", "Tab"]`.
    #[track_caller]
    pub fn press_key(&self, chord: &[&str]) {
        self.xvfb.press_key(chord);
    }

    /// Types `text` into whatever has the keyboard.
    #[track_caller]
    pub fn type_keys(&self, text: &str) {
        self.xvfb.type_keys(text);
    }

    /// Moves the pointer to `x`, `y`, in pixels of a picture.
    ///
    /// weston follows X's pointer by how far that has moved, and is not always where it is. It learns
    /// that when the pointer enters its window; so that enters anew each time, and then moves once
    /// more, because weston looks what lies under it only then.
    #[track_caller]
    pub fn point(&self, x: i16, y: i16) {
        self.xvfb.point((WIDTH as u16 + MARGIN / 2) as i16, 0);
        self.xvfb.point(if x > 0 { x - 1 } else { x + 1 }, y);
        self.xvfb.point(x, y);
    }

    /// Moves the pointer there, presses the left button and releases it.
    #[track_caller]
    pub fn click(&self, x: i16, y: i16) {
        self.point(x, y);
        self.hold_button();
        self.release_button();
    }

    /// Presses the left button where the pointer is, and holds it.
    #[track_caller]
    pub fn hold_button(&self) {
        self.xvfb.hold_button();
    }

    /// Lets the left button go where the pointer is.
    #[track_caller]
    pub fn release_button(&self) {
        self.xvfb.release_button();
    }

    /// Moves the pointer to `x`, `y` while the button is held.
    ///
    /// weston follows it by how far it moves, and it moves from where it was pressed.
    #[track_caller]
    pub fn drag(&self, x: i16, y: i16) {
        self.xvfb.point(x, y);
    }

    /// Turns the wheel by `steps` where the pointer is; positive is towards the end of a list.
    #[track_caller]
    pub fn scroll(&self, steps: i32) {
        self.xvfb.scroll(steps);
    }

    /// The windows of clients, topmost first. Those of its own shell are left out.
    #[track_caller]
    pub fn windows(&self) -> Vec<Window> {
        let debug = self.sandbox().spawn(["weston-debug", "scene-graph"]);
        let status = debug.wait_exit(LIMIT);
        assert!(status.success(), "weston-debug: {}", debug.stderr_so_far());
        parse(&debug.stdout_so_far())
    }

    /// Waits until its windows are as `wanted` says.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists the windows.
    #[track_caller]
    pub fn wait_for_windows(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Window]) -> bool,
    ) -> Vec<Window> {
        let deadline = Deadline::after(limit);
        loop {
            let windows = self.windows();
            if wanted(&windows) {
                return windows;
            }
            assert!(
                !deadline.passed(),
                "within {limit:?} windows stayed {windows:#?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Screen for Weston {
    #[track_caller]
    fn picture(&self) -> Picture {
        self.picture_of((0, 0, WIDTH, HEIGHT))
    }

    #[track_caller]
    fn picture_of(&self, region: impl Into<Region>) -> Picture {
        self.xvfb.picture_of(region)
    }
}

/// The toplevels of a scene graph: a line of what each is, and a line of where.
fn parse(graph: &str) -> Vec<Window> {
    let views = graph.split("View ").skip(1);
    let window = |view: &str| {
        let (what, rest) = view.split_once('\n')?;
        let what = what.split_once("role xdg_toplevel, PID ")?.1;
        let (pid, what) = what.split_once(", surface ID ")?;
        let (_, what) = what.split_once(", ")?;
        let (label, _) = what.rsplit_once(", 0x")?;
        let place = rest.lines().next()?.trim().strip_prefix("position: ")?;
        let numbers: Vec<i32> = place
            .split(|character: char| !character.is_ascii_digit() && character != '-')
            .filter_map(|number| number.parse().ok())
            .collect();
        let [left, top, right, bottom] = numbers[..] else {
            return None;
        };
        Some(Window {
            pid: pid.parse().ok()?,
            label: label.to_owned(),
            position: (left, top),
            size: (right - left, bottom - top),
        })
    };
    views.filter_map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toplevels_are_read_from_a_scene_graph() {
        let graph = "Layer 5 (pos 0x50000000):\n\
            \tView 0 (role xdg_toplevel, PID 7, surface ID 3, top-level window 'a, b' of foot, 0x5):\n\
            \t\tposition: (-4, 120) -> (1143, 594)\n\t\t[fully opaque]\n\
            \tView 1 (role wl_subsurface, PID 7, surface ID 29, sub-surface, 0x6):\n\
            \t\tposition: (438, 594) -> (1148, 599)\n";
        let expected = Window {
            pid: 7,
            label: "top-level window 'a, b' of foot".into(),
            position: (-4, 120),
            size: (1147, 474),
        };
        assert_eq!(parse(graph), [expected]);
    }
}
