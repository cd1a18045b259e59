//! [`App`]: real applications on X11 that may speak XSMP, driven by keys and seen by their windows.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process::Command,
    time::Duration,
};

use rustix::process::{Signal, pidfd_send_signal};

use super::{
    Events,
    qt6::{command as qt6, display},
};
use crate::{
    session::{Proc, Sandbox},
    wait::{self, Deadline, LIMIT},
    x11::{Display, Window},
};

/// Which application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// featherpad (Qt 5): asks during the query, and closes its windows then.
    Featherpad,
    /// Firefox: agrees, and ends when it is told to.
    Firefox,
    /// LibreOffice Writer on plain X11: registers, and gives a log-off no answer for a minute and more.
    LibreOfficeGen,
    /// LibreOffice Writer on GTK 3: does not register.
    LibreOfficeGtk3,
    /// gVim (GTK 3): asks during the query; its windows do not tell that it has registered. After Cancel
    /// it is done only once it has got ShutdownCancelled.
    Gvim,
    /// xterm with an idle shell: agrees, and ends when it is told to.
    Xterm,
    /// A Qt 6 editor: agrees, and asks only when it is told to end. assets/qt6_editor.py.
    Qt6Editor,
}

/// A button of a save dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Goes back to the document.
    Cancel,
    /// Lets the changes go.
    Discard,
}

/// A running application. Dropping it kills it.
#[derive(Debug)]
pub struct App {
    kind: Kind,
    display: Display,
    process: Proc,
    /// What its windows belong to.
    pid: u32,
    pidfd: Option<OwnedFd>,
}

/// How long keys may be on their way to an application before they count as lost.
const AGAIN: Duration = Duration::from_secs(1);

/// A page that says in its title when something was typed.
const PAGE: &str = "<!doctype html><title>form</title>\
    <textarea autofocus oninput=\"document.title='*form'\"></textarea>";

/// No pages of its own, no questions, no network.
const FIREFOX: &str = r#"
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("browser.tabs.warnOnClose", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.policy.firstRunURL", "");
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"#;

/// No tip, no welcome, no request for donations.
const LIBREOFFICE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="ShowTipOfTheDay" oor:op="fuse"><value>false</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="FirstRun" oor:op="fuse"><value>false</value></prop></item>
<item oor:path="/org.openoffice.Setup/Office"><prop oor:name="ooSetupInstCompleted" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="LastTimeGetInvolvedShown" oor:op="fuse"><value>9999999999</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="LastTimeDonateShown" oor:op="fuse"><value>9999999999</value></prop></item>
</oor:items>
"#;

impl Kind {
    /// The class of its windows.
    fn class(self) -> &'static str {
        match self {
            Self::Featherpad => "FeatherPad",
            Self::Firefox => "firefox-esr",
            Self::LibreOfficeGen | Self::LibreOfficeGtk3 => "libreoffice-writer",
            Self::Gvim => "Gvim",
            Self::Xterm => "XTerm",
            Self::Qt6Editor => "qt6_editor.py",
        }
    }

    /// Whether its main window takes keys now.
    fn is_ready(self, title: &str) -> bool {
        match self {
            Self::Firefox => title.contains("form"),
            Self::Gvim => title.contains("GVIM"),
            Self::LibreOfficeGen | Self::LibreOfficeGtk3 => title.contains("Untitled"),
            Self::Xterm => title == "an xterm",
            Self::Featherpad | Self::Qt6Editor => true,
        }
    }

    /// Whether its title says that something is unsaved; None where a title never does.
    fn is_modified(self, title: &str) -> Option<bool> {
        match self {
            Self::Featherpad | Self::Firefox | Self::Qt6Editor => Some(title.starts_with('*')),
            Self::Gvim => Some(title.contains(" + ")),
            Self::LibreOfficeGen | Self::LibreOfficeGtk3 | Self::Xterm => None,
        }
    }

    fn is_libreoffice(self) -> bool {
        matches!(self, Self::LibreOfficeGen | Self::LibreOfficeGtk3)
    }

    /// The keys of `choice` in its save dialog, one after the other.
    fn chords(self, choice: Choice) -> &'static [&'static [&'static str]] {
        match (choice, self) {
            (Choice::Cancel, _) => &[&["Escape"]],
            (Choice::Discard, Self::Featherpad | Self::Qt6Editor) => &[&["Alt", "d"]],
            (Choice::Discard, Self::LibreOfficeGen | Self::LibreOfficeGtk3) => &[&["Alt", "n"]],
            // Its buttons have no letters: from Yes to No, and that.
            (Choice::Discard, Self::Gvim) => &[&["Right"], &["Return"]],
            (Choice::Discard, Self::Firefox | Self::Xterm) => {
                unreachable!("{self:?} has no save dialog")
            }
        }
    }

    #[track_caller]
    fn command(self, sandbox: &Sandbox) -> Command {
        let words = |list: &[&str]| {
            let mut command = Command::new(list[0]);
            command.args(&list[1..]);
            command
        };
        match self {
            Self::Featherpad => {
                let mut command = words(&["featherpad", "--standalone"]);
                command.env("QT_QPA_PLATFORM", "xcb");
                command
            }
            Self::Firefox => {
                let page = sandbox.write("form.html", PAGE);
                firefox(sandbox, "", &page)
            }
            Self::LibreOfficeGen | Self::LibreOfficeGtk3 => {
                sandbox.write("libreoffice/user/registrymodifications.xcu", LIBREOFFICE);
                let profile = sandbox.home().join("libreoffice");
                // With --norestore it would not register.
                let mut command = words(&["soffice", "--nologo", "--nofirststartwizard"]);
                command.arg("--writer");
                command.arg(format!(
                    "-env:UserInstallation=file://{}",
                    profile.display()
                ));
                let plain = self == Self::LibreOfficeGen;
                command.env("SAL_USE_VCLPLUGIN", if plain { "gen" } else { "gtk3" });
                command.env("GDK_BACKEND", "x11");
                // One that is killed leaves its socket there, which is /tmp else.
                command.env("OSL_SOCKET_PATH", sandbox.runtime_dir());
                command
            }
            Self::Gvim => {
                let mut command = words(&["gvim", "-f", "-N", "-u", "NONE", "-i", "NONE"]);
                command.args(["-U", "NONE"]).env("GDK_BACKEND", "x11");
                command
            }
            Self::Xterm => {
                // xterm takes no keys before its shell runs, and forgets it when it is closed then.
                let shell = "printf '\\033]0;an xterm\\007'; exec sh -i";
                words(&["xterm", "-e", "sh", "-c", shell])
            }
            Self::Qt6Editor => {
                let script = include_str!("../../assets/qt6_editor.py");
                qt6(sandbox, "qt6_editor.py", script, &[])
            }
        }
    }
}

/// Firefox on X11 with a profile of its own, with these `settings` besides, that shows `page`.
pub(crate) fn firefox(sandbox: &Sandbox, settings: &str, page: &Path) -> Command {
    let settings = sandbox.write("firefox/user.js", format!("{FIREFOX}{settings}"));
    let mut command = Command::new("firefox-esr");
    command.args(["--no-remote", "--profile"]);
    command
        .arg(settings.parent().unwrap_or(&settings))
        .arg(page);
    command
        .env("MOZ_ENABLE_WAYLAND", "0")
        .env("GDK_BACKEND", "x11");
    command
}

impl App {
    /// Starts it on the sandbox's `DISPLAY`, and waits until its window takes keys.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, kind: Kind) -> Self {
        let process = sandbox.spawn(kind.command(sandbox));
        let mut app = Self {
            kind,
            display: display(sandbox),
            pid: process.pid(),
            pidfd: None,
            process,
        };
        let window = app
            .display
            .wait_for_window(LIMIT, |w| app.is_main(w) && kind.is_ready(&w.title));
        app.pid = window.pid.expect("a window of a local client");
        app.pidfd = wait::pidfd(app.pid);
        if kind.is_libreoffice() {
            app.visit_dialog(&window);
        }
        app
    }

    /// [`Kind::Featherpad`].
    #[track_caller]
    pub fn featherpad(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::Featherpad)
    }

    /// [`Kind::Firefox`].
    #[track_caller]
    pub fn firefox(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::Firefox)
    }

    /// [`Kind::LibreOfficeGen`].
    #[track_caller]
    pub fn libreoffice_gen(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::LibreOfficeGen)
    }

    /// [`Kind::LibreOfficeGtk3`].
    #[track_caller]
    pub fn libreoffice_gtk3(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::LibreOfficeGtk3)
    }

    /// [`Kind::Gvim`].
    #[track_caller]
    pub fn gvim(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::Gvim)
    }

    /// [`Kind::Xterm`].
    #[track_caller]
    pub fn xterm(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::Xterm)
    }

    /// [`Kind::Qt6Editor`].
    #[track_caller]
    pub fn qt6_editor(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, Kind::Qt6Editor)
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The process that was started. LibreOffice's windows belong to a child of it, which it outlives.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// The process that its windows belong to.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether that process has not ended.
    pub fn is_alive(&self) -> bool {
        self.pidfd
            .as_ref()
            .is_some_and(|fd| !Deadline::after(Duration::ZERO).readable(fd.as_fd()))
    }

    /// Waits for the end of that process.
    ///
    /// # Panics
    /// When it is still there after `limit`.
    #[track_caller]
    pub fn wait_until_gone(&self, limit: Duration) {
        if let Some(fd) = &self.pidfd {
            let gone = Deadline::after(limit).readable(fd.as_fd());
            assert!(gone, "{:?} lives after {limit:?}", self.kind);
        }
    }

    /// Sends `signal` to that process. One that has ended takes no harm.
    pub fn signal(&self, signal: Signal) {
        let _ = self.pidfd.as_ref().map(|fd| pidfd_send_signal(fd, signal));
    }

    /// What the Qt 6 editor says; the others say nothing there.
    pub fn events(&self) -> Events {
        Events::of(self.process.stdout())
    }

    /// Its main window.
    ///
    /// # Panics
    /// When it has none any more.
    #[track_caller]
    pub fn window(&self) -> Window {
        self.display.wait_for_window(LIMIT, |w| self.is_main(w))
    }

    /// Its windows now: none once it has closed them, more than one while it asks something.
    #[track_caller]
    pub fn windows(&self) -> Vec<Window> {
        let mut windows = self.display.windows();
        let main = windows.iter().find(|window| self.is_main(window));
        let Some(pid) = main.map(|main| main.pid) else {
            return Vec::new();
        };
        windows.retain(|window| window.pid == pid && !self.is_popup(window));
        windows
    }

    /// Its id at the session manager, as its windows tell it; None while it has none. gVim's tell
    /// nothing though it registers.
    #[track_caller]
    pub fn session_id(&self) -> Option<String> {
        self.display.session_id(&self.window())
    }

    /// Waits until it has registered, and returns its id.
    ///
    /// # Panics
    /// When its windows tell none within `limit`.
    #[track_caller]
    pub fn wait_for_registration(&self, limit: Duration) -> String {
        self.display.wait_for_session_id(&self.window(), limit)
    }

    /// Types `text` into its document, and waits until it holds it: it is unsaved then.
    #[track_caller]
    pub fn modify(&self, text: &str) {
        let window = self.window();
        if self.kind == Kind::Gvim {
            self.display.type_text(&window, "i");
        }
        self.display.type_text(&window, text);
        let title = |w: &Window| self.kind.is_modified(&w.title).unwrap_or(true);
        let is_modified = |w: &Window| w.id == window.id && title(w);
        if self.kind.is_libreoffice() {
            // Its title never tells. It takes keys in their order: when the dialog is there, the text is.
            self.visit_dialog(&window);
        } else if self.kind == Kind::Firefox {
            // Its window has the keyboard before the page in it has.
            let deadline = Deadline::after(LIMIT);
            while self.display.try_window(AGAIN, is_modified).is_none() {
                assert!(!deadline.passed(), "Firefox's page takes no keys");
                self.display.type_text(&window, text);
            }
        } else {
            self.display.wait_for_window(LIMIT, is_modified);
        }
    }

    /// Waits for a dialog of it.
    #[track_caller]
    pub fn wait_for_dialog(&self, limit: Duration) -> Window {
        let main = self.window();
        self.display
            .wait_for_window(limit, |w| self.is_dialog(&main, w))
    }

    /// Waits for its save dialog, chooses, and waits until the dialog has gone.
    #[track_caller]
    pub fn answer(&self, choice: Choice) {
        let dialog = self.wait_for_dialog(LIMIT);
        for chord in self.kind.chords(choice) {
            self.display.press(&dialog, chord);
        }
        self.until_gone(&dialog);
    }

    /// Asks for its main window to be closed, as its user would.
    #[track_caller]
    pub fn close(&self) {
        self.display.close(&self.window());
    }

    /// Opens LibreOffice's dialog to go to a page, and closes it. Keys that come while its window is
    /// new are lost.
    #[track_caller]
    fn visit_dialog(&self, main: &Window) {
        let deadline = Deadline::after(LIMIT);
        let dialog = loop {
            self.display.press(main, &["Control", "g"]);
            let is_it = |w: &Window| self.is_dialog(main, w);
            if let Some(dialog) = self.display.try_window(AGAIN, is_it) {
                break dialog;
            }
            assert!(!deadline.passed(), "LibreOffice takes no keys");
        };
        self.display.press(&dialog, &["Escape"]);
        self.until_gone(&dialog);
    }

    #[track_caller]
    fn until_gone(&self, window: &Window) {
        self.display
            .wait_for_windows(LIMIT, |all| all.iter().all(|other| other.id != window.id));
    }

    fn is_dialog(&self, main: &Window, window: &Window) -> bool {
        window.id != main.id && window.pid == main.pid && !self.is_popup(window)
    }

    /// What LibreOffice shows under a pointer that rests on its document or its toolbars: a window
    /// that nobody can give the keyboard to, with the program's name for a title.
    fn is_popup(&self, window: &Window) -> bool {
        self.kind.is_libreoffice()
            && window.transient_for.is_some()
            && window.title.starts_with("LibreOffice ")
    }

    fn is_main(&self, window: &Window) -> bool {
        let own = self.kind.is_libreoffice() || window.pid == Some(self.process.pid());
        own && window.class == self.kind.class() && window.transient_for.is_none()
    }
}
