//! Real applications, and what a test does with them.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{apps, bus::Bus, session::Sandbox, x11::Xvfb};
//!
//! let sandbox = Sandbox::new();
//! let _bus = Bus::daemon_in(&sandbox);
//! let xvfb = Xvfb::with_openbox_in(&sandbox);
//! let mousepad = apps::mousepad(&sandbox);
//! mousepad.write("not saved yet");
//! let window = xvfb.wait_for_window(Duration::from_secs(5), |w| w.title.starts_with('*'));
//! xvfb.close(&window);
//! mousepad.press("Cancel");
//! assert_eq!(mousepad.text(), "not saved yet");
//! ```
//!
//! They are started in the sandbox and find the bus and the display in its environment. One that
//! another program started, sway's `exec` for one, is reached through [`Editor::of`].

use std::{ops::Deref, path::PathBuf, time::Duration};

use crate::{
    a11y::{AGAIN, Application, Widget, role},
    programs,
    session::{Proc, Sandbox, ToCommand, environ_of, user_of},
    wait::{Deadline, LIMIT},
};

/// The document of a running editor.
#[derive(Clone, Debug)]
pub struct Editor {
    widgets: Application,
    document: Widget,
}

/// An editor that the testkit started; its [`Editor`] is reached through deref.
#[derive(Debug)]
pub struct App {
    editor: Editor,
    process: Proc,
}

/// mousepad (GTK 3), alone on its bus: it answers nobody's query, and its save dialog comes when it
/// is closed. A modified document has a `*` before its title.
#[track_caller]
pub fn mousepad(sandbox: &Sandbox) -> App {
    App::start(sandbox, ["mousepad", "--disable-server"])
}

/// gedit (GTK 3): takes an inhibitor "There are unsaved documents" once its document is modified.
#[track_caller]
pub fn gedit(sandbox: &Sandbox) -> App {
    App::start(sandbox, ["gedit", "--standalone"])
}

/// gnome-text-editor (GTK 4): inhibits as gedit does, and keeps unsaved text as a draft besides.
#[track_caller]
pub fn gnome_text_editor(sandbox: &Sandbox) -> App {
    App::start(sandbox, ["gnome-text-editor", "--standalone"])
}

/// xterm that runs `command`. It takes keys and can be closed once the command has said something.
#[track_caller]
pub fn xterm(sandbox: &Sandbox, command: &[&str]) -> Proc {
    sandbox.spawn([&["xterm", "-e"], command].concat())
}

/// foot that runs `command`.
#[track_caller]
pub fn foot(sandbox: &Sandbox, command: &[&str]) -> Proc {
    sandbox.spawn([&["foot"], command].concat())
}

impl App {
    #[track_caller]
    fn start(sandbox: &Sandbox, command: impl ToCommand) -> Self {
        let bus = sandbox.env("DBUS_SESSION_BUS_ADDRESS");
        let bus = bus.expect("an editor is started after its bus: its tree is reached through it");
        let process = sandbox.spawn(command);
        // Not read from the process, which is about to change its user and its program.
        let editor = Editor::on(&bus.to_string_lossy(), sandbox.uid(), process.pid());
        Self { editor, process }
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }
}

impl Deref for App {
    type Target = Editor;

    fn deref(&self) -> &Editor {
        &self.editor
    }
}

impl Editor {
    /// The document of the editor that is process `pid`, whoever started it; waits until it is there.
    /// The bus is taken from the process's environment.
    ///
    /// # Panics
    /// When the process has no session bus, or shows no document in time.
    #[track_caller]
    pub fn of(pid: u32) -> Self {
        let environ = environ_of(pid);
        let address = environ.get("DBUS_SESSION_BUS_ADDRESS");
        let address = address.unwrap_or_else(|| panic!("process {pid} has no session bus"));
        Self::on(address, user_of(pid), pid)
    }

    #[track_caller]
    fn on(address: &str, uid: u32, pid: u32) -> Self {
        let widgets = Application::of(address, uid, pid);
        // Not a field to search in, which may come first.
        let is_document = |w: &Widget| w.role == role::TEXT && w.multi_line;
        let document = widgets.wait_for(LIMIT, is_document);
        Self { widgets, document }
    }

    /// Its widgets.
    pub fn widgets(&self) -> &Application {
        &self.widgets
    }

    /// What the document holds.
    #[track_caller]
    pub fn text(&self) -> String {
        self.widgets.text(&self.document)
    }

    /// Waits until the document holds exactly `text`: keys arrive one by one.
    ///
    /// # Panics
    /// When `limit` runs out; the message has what it holds.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str, limit: Duration) {
        let deadline = Deadline::after(limit);
        loop {
            let now = self.text();
            if now == text {
                return;
            }
            assert!(
                !deadline.passed(),
                "within {limit:?} the document holds {now:?}, not {text:?}"
            );
            std::thread::sleep(AGAIN);
        }
    }

    /// Writes `text` at the document's beginning, as its user's edit: it is unsaved then.
    #[track_caller]
    pub fn write(&self, text: &str) {
        self.widgets.insert(&self.document, text);
    }

    /// Waits for a button and presses it: of a save dialog, for one. Labels are as shown, without
    /// the underline of a mnemonic. A dialog that is just going keeps its buttons in the tree for a
    /// moment: before a second dialog's button, wait for the first one's window to be gone.
    #[track_caller]
    pub fn press(&self, button: &str) {
        // GTK 4 says the label twice, once with its mnemonic.
        let twice = format!("{button} {button}");
        let is_it = |w: &Widget| {
            let name = w.name.replace('_', "");
            w.role == role::PUSH_BUTTON && w.showing && (name == button || name == twice)
        };
        self.widgets.press(&self.widgets.wait_for(LIMIT, is_it));
    }
}

/// How a [`GtkApp`] takes a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Lets GTK agree.
    Agree,
    /// Takes an inhibitor on log-off first; GTK then agrees.
    Inhibit,
    /// Is alive and does not answer, until [`GtkApp::answer`], a cancel or the end.
    Ignore,
    /// Does not answer, or do anything else, ever again.
    Hang,
}

/// A GtkApplication (GTK 3) with `register-session`: assets/gtk_app.py. Its [`Proc`] is reached
/// through deref; it prints a line for everything that happens to it.
#[derive(Debug)]
pub struct GtkApp(Proc);

impl GtkApp {
    /// Starts it, and waits until its window is shown; it is registered by then, where a manager was.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, answer: Answer) -> Self {
        let command = Self::command(sandbox, answer, "A GTK application");
        let process = sandbox.spawn_with_input(command);
        process.wait_for_line("ready", LIMIT);
        Self(process)
    }

    /// The words that start it, for another program to do so.
    #[track_caller]
    pub fn command(sandbox: &Sandbox, answer: Answer, title: &str) -> Vec<String> {
        let script: PathBuf = sandbox.write("gtk_app.py", include_str!("../assets/gtk_app.py"));
        programs::need("/usr/lib/python3/dist-packages/gi");
        let answer = match answer {
            Answer::Agree => "agree",
            Answer::Inhibit => "inhibit",
            Answer::Ignore => "ignore",
            Answer::Hang => "hang",
        };
        // Debian's own interpreter: another one in the path does not see Debian's modules.
        let python = programs::need("/usr/bin/python3").display().to_string();
        let script = script.display().to_string();
        [&python, &script, "--answer", answer, "--title", title]
            .map(str::to_owned)
            .into()
    }

    /// Waits for a signal of the session manager, and returns the line.
    #[track_caller]
    pub fn wait_for_signal(&self, name: &str, limit: Duration) -> String {
        self.0.wait_for_line(&format!("signal {name} "), limit)
    }

    /// The lines that it has printed.
    pub fn lines(&self) -> Vec<String> {
        self.0.stdout_so_far().lines().map(str::to_owned).collect()
    }

    /// Takes an inhibitor on log-off.
    #[track_caller]
    pub fn inhibit(&self, reason: &str) {
        self.say(&format!("inhibit {reason}"), "inhibited");
    }

    /// Gives its inhibitor back.
    #[track_caller]
    pub fn uninhibit(&self) {
        self.say("uninhibit", "uninhibited");
    }

    /// Ends the silence of [`Answer::Ignore`].
    #[track_caller]
    pub fn answer(&self) {
        self.0.write("answer\n");
    }

    #[track_caller]
    fn say(&self, order: &str, done: &str) {
        let mark = self.0.stdout().mark();
        self.0.write(&format!("{order}\n"));
        self.0.stdout().wait_for_from(mark, done, LIMIT);
    }
}

impl Deref for GtkApp {
    type Target = Proc;

    fn deref(&self) -> &Proc {
        &self.0
    }
}
