//! A session with the dialog: what is on its screen, and its user's hands.

use std::path::{Path, PathBuf};

use endsession_testkit::a11y::{Application, ScreenReader};
use endsession_testkit::apps::{Answer, GtkApp};
use endsession_testkit::picture::{Picture, Region, Screen as _};
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::Config;
use endsession_testkit::wait::until_gone;

use crate::desk::{Desk, LIMIT, Shown};

/// Colours of the light scheme that nothing else on these screens has.
pub(crate) const CARD: [u8; 3] = [0xfa, 0xfa, 0xfb];
pub(crate) const DANGER: [u8; 3] = [0xb0, 0x18, 0x24];

/// The dark scheme's.
pub(crate) const DARK_CARD: [u8; 3] = [0x26, 0x26, 0x2a];

/// Where a session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sway,
    X11,
}

pub(crate) struct Room {
    pub(crate) desk: Desk,
}

/// What every sandbox of these tests has, so that its pictures are the same on every machine.
pub(crate) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let fonts = sandbox.home().join("dialog-fonts");
    std::fs::create_dir(&fonts).unwrap();
    for name in ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"] {
        let font = Path::new("/usr/share/fonts/truetype/dejavu").join(name);
        assert!(
            font.exists(),
            "fonts-dejavu-core is not installed: cargo xtask test"
        );
        std::os::unix::fs::symlink(font, fonts.join(name)).unwrap();
    }
    sandbox.set_env("ENDSESSION_FONTS", &fonts);
    sandbox.set_env("ENDSESSION_COLOR_SCHEME", "light");
    sandbox
}

impl Room {
    #[track_caller]
    pub(crate) fn new(on: On) -> Self {
        Self::of(on, &sandbox())
    }

    /// In a sandbox that may already be prepared.
    #[track_caller]
    pub(crate) fn of(on: On, sandbox: &Sandbox) -> Self {
        match on {
            On::Sway => Self::on_sway(sandbox, &[]),
            On::X11 => Self {
                desk: Desk::x11_with_dialog(sandbox, None),
            },
        }
    }

    /// Headless sway with these lines in its configuration.
    #[track_caller]
    pub(crate) fn on_sway(sandbox: &Sandbox, lines: &[&str]) -> Self {
        let config = Config::new().line("output * bg #336699 solid_color");
        let config = lines.iter().fold(config, |c, line| c.line(*line));
        Self {
            desk: Desk::sway_with_dialog(sandbox, config, None),
        }
    }

    /// An application that holds the session open with "There are unsaved documents".
    #[track_caller]
    pub(crate) fn holder(&self) -> GtkApp {
        GtkApp::start(&self.desk.sandbox, Answer::Inhibit)
    }

    /// A log-off that a key binding would start.
    #[track_caller]
    pub(crate) fn log_off(&self, options: &[&str]) -> Proc {
        self.desk.command(&[&["logoff"], options].concat())
    }

    /// The process of the dialog that is started next, as the manager tells of it.
    #[track_caller]
    pub(crate) fn dialog_from(&self, mark: usize) -> u32 {
        let log = self.desk.run.stderr();
        let line = log.wait_for_from(mark, "started the dialog (", LIMIT);
        let pid = line
            .rsplit_once("pid ")
            .map(|(_, pid)| pid.trim_end_matches(')'));
        pid.and_then(|pid| pid.parse().ok()).expect(&line)
    }

    /// The process of the first dialog.
    #[track_caller]
    pub(crate) fn dialog(&self) -> u32 {
        self.dialog_from(0)
    }

    /// What the screen shows once `wanted` is true of it.
    #[track_caller]
    pub(crate) fn sees(&self, wanted: impl Fn(&Picture) -> bool) -> Picture {
        match &self.desk.shown {
            Shown::Sway(sway) => sway.wait_for_picture(LIMIT, wanted),
            Shown::X11(xvfb) => xvfb.wait_for_picture(LIMIT, wanted),
        }
    }

    /// Waits for the dialog: where its card is.
    #[track_caller]
    pub(crate) fn card(&self) -> Region {
        self.sees(|p| p.count(CARD) > 2_000)
            .bounds_of(CARD)
            .unwrap()
    }

    /// Waits until the dialog's default button has the keyboard's focus.
    #[track_caller]
    pub(crate) fn focused(&self) {
        let shown = || self.desk.status()["request"]["shown"] == true;
        wait_until(shown, "it is never shown");
        self.card();
    }

    /// Presses a key, whoever has the keyboard.
    #[track_caller]
    pub(crate) fn key(&self, chord: &[&str]) {
        match &self.desk.shown {
            Shown::Sway(sway) => sway.press_key(chord),
            Shown::X11(xvfb) => xvfb.press_key(chord),
        }
    }

    /// Presses these one after the other.
    #[track_caller]
    pub(crate) fn keys(&self, keys: &[&str]) {
        keys.iter().for_each(|key| self.key(&[key]));
    }

    /// Clicks in the middle of a place on the screen.
    #[track_caller]
    pub(crate) fn click(&self, place: Region) {
        let (x, y) = (place.x + place.width / 2, place.y + place.height / 2);
        match &self.desk.shown {
            Shown::Sway(sway) => sway.click(x.try_into().unwrap(), y.try_into().unwrap()),
            Shown::X11(xvfb) => xvfb.click(x.try_into().unwrap(), y.try_into().unwrap()),
        }
    }

    /// A screen reader, which has to run before the dialog starts to hear all of it.
    #[track_caller]
    pub(crate) fn reader(&self) -> ScreenReader {
        let bus = self.desk.sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
        ScreenReader::on_address(&bus.to_string_lossy(), self.desk.sandbox.uid())
    }

    /// Presses the button of that name as a screen reader would.
    #[track_caller]
    pub(crate) fn press(&self, dialog: &Application, name: &str) {
        let button =
            dialog.wait_for_named(endsession_testkit::a11y::role::PUSH_BUTTON, name, LIMIT);
        dialog.press(&button);
    }

    /// Waits for the end of a command with this status; what it said.
    #[track_caller]
    pub(crate) fn ends(&self, command: &Proc, status: i32) -> String {
        let log = || self.desk.run.stderr_so_far();
        if !until_gone(command.pid(), LIMIT) {
            panic!("{}\n{:#}", log(), self.desk.status());
        }
        let ended = command.wait_exit(LIMIT);
        assert_eq!(
            ended.code(),
            Some(status),
            "{}\n{}",
            command.stderr_so_far(),
            log()
        );
        command.stderr_so_far()
    }

    /// Waits until the session has ended in order.
    #[track_caller]
    pub(crate) fn is_over(&self) {
        let ended = self.desk.run.wait_exit(LIMIT);
        assert_eq!(ended.code(), Some(0), "{}", self.desk.run.stderr_so_far());
    }
}

/// Waits for what nobody tells of by itself.
#[track_caller]
pub(crate) fn wait_until(holds: impl Fn() -> bool, otherwise: &str) {
    let deadline = std::time::Instant::now() + LIMIT;
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{otherwise}");
    }
}

/// A kept picture.
pub(crate) fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "goldens", name]
        .iter()
        .collect()
}

/// Runs each function as a test on sway and as one on X11.
macro_rules! on_both {
    ($($behaviour:ident;)*) => {
        mod sway {
            $(#[test] fn $behaviour() { super::$behaviour($crate::room::On::Sway) })*
        }
        mod x11 {
            $(#[test] fn $behaviour() { super::$behaviour($crate::room::On::X11) })*
        }
    };
}
pub(crate) use on_both;
