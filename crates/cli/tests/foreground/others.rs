//! Two sessions of one user on one bus: what is asked and ended is one session's, whichever of them
//! has a manager.

use endsession_testkit::apps::{self, Answer, GtkApp};
use endsession_testkit::bus::Bus;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::wait;
use endsession_testkit::x11::Xvfb;

use super::{LIMIT, TEXT, endsession, leaves_no_manager, sandbox};

const NAME: &str = "org.endsession.Manager1";

/// Two displays with a window manager each, in one sandbox on one bus.
struct Two {
    sandbox: Sandbox,
    bus: Bus,
    first: Xvfb,
    second: Xvfb,
}

impl Two {
    fn start() -> Self {
        let (sandbox, bus) = sandbox();
        let first = Xvfb::with_openbox_in(&sandbox);
        let second = Xvfb::with_openbox_in(&sandbox);
        Self {
            sandbox,
            bus,
            first,
            second,
        }
    }

    /// What is started from now on is on this display.
    fn go_to(&self, xvfb: &Xvfb) {
        self.sandbox.set_env("DISPLAY", xvfb.display());
    }

    /// A manager of this display's session.
    #[track_caller]
    fn manage(&self, xvfb: &Xvfb, name: &str) -> Proc {
        self.go_to(xvfb);
        let manager = self.sandbox.spawn(["endsession", "manager"]);
        self.bus.wait_for_name(name, LIMIT);
        if name == NAME {
            // The one that applications know comes after it.
            self.bus.wait_for_name("org.gnome.SessionManager", LIMIT);
        }
        manager
    }
}

fn window_manager(xvfb: &Xvfb) -> u32 {
    xvfb.window_manager().unwrap().pid()
}

#[test]
fn without_managers_each_display_is_its_own_session() {
    let two = Two::start();
    let other = apps::mousepad(&two.sandbox);
    other.write(TEXT);
    two.second.wait_for_window(LIMIT, |w| w.title.contains('*'));
    two.go_to(&two.first);
    let here = apps::xterm(&two.sandbox, &["bash", "--norc", "-i"]);
    two.first.wait_for_windows(LIMIT, |all| !all.is_empty());
    super::wait_for_descendant(here.pid(), "bash");
    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(window_manager(&two.first), LIMIT));
    assert!(wait::until_gone(here.pid(), LIMIT));
    leaves_no_manager(&two.sandbox);
    assert!(other.process().is_alive());
    assert!(wait::is_alive(window_manager(&two.second)));
    assert_eq!(other.text(), TEXT);
}

/// A program that is run as a session of its own on somebody's desktop, and ends by itself.
#[test]
fn a_session_within_another_leaves_that_alone() {
    let (sandbox, _bus) = sandbox();
    let around = Xvfb::with_openbox_in(&sandbox);
    let desktop = sandbox.spawn(["sleep", "infinity"]);
    sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
    let run = sandbox.spawn(["endsession", "run", "--", "sleep", "4243"]);
    let child = super::wait_for_descendant(run.pid(), "sleep");
    let child = rustix::process::Pid::from_raw(child.cast_signed()).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    assert_eq!(run.wait_exit(LIMIT).code(), Some(128 + 9));
    assert!(desktop.is_alive());
    assert!(wait::is_alive(window_manager(&around)));

    let run = sandbox.spawn(["endsession", "run", "--", "xterm", "-title", "inner"]);
    let window = around.wait_for_window(LIMIT, |w| w.title == "inner");
    super::wait_for_descendant(window.pid.unwrap(), "sh");
    run.terminate();
    run.wait_exit(LIMIT);
    assert!(desktop.is_alive());
    assert!(wait::is_alive(window_manager(&around)));
}

#[test]
fn a_client_of_another_display_is_listed_and_never_asked_or_ended() {
    let two = Two::start();
    let manager = two.manage(&two.first, NAME);
    two.go_to(&two.second);
    let foreign = GtkApp::start(&two.sandbox, Answer::Agree);
    foreign.inhibit("on another display");
    two.go_to(&two.first);
    let own = GtkApp::start(&two.sandbox, Answer::Agree);

    let (_, status, errors) = endsession(&two.sandbox, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect(&errors);
    assert_eq!(status["foreign"][0]["pid"], foreign.pid());
    assert_eq!(status["blockers"], serde_json::json!([]), "{status}");
    let (_, text, _) = endsession(&two.sandbox, &["status"]);
    assert!(text.contains("another display"), "{text}");

    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(manager.wait_exit(LIMIT).success());
    own.wait_exit(LIMIT);
    assert!(foreign.is_alive());
    let asked = foreign.lines().iter().any(|l| l.contains("Session"));
    assert!(!asked, "{:?}", foreign.lines());
    assert!(wait::is_alive(window_manager(&two.second)));
}

#[test]
fn a_session_beside_one_that_is_managed_is_ended_alone() {
    let two = Two::start();
    let manager = two.manage(&two.first, NAME);
    two.go_to(&two.second);
    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(window_manager(&two.second), LIMIT));
    assert!(manager.is_alive());
    assert!(wait::is_alive(window_manager(&two.first)));
}

#[test]
fn a_manager_ends_with_the_session_that_it_manages() {
    let two = Two::start();
    let first = two.manage(&two.first, NAME);
    let application = GtkApp::start(&two.sandbox, Answer::Agree);
    let xvfb = two.first.process();
    // Another window manager may take the place of the first.
    let replacing = two.sandbox.spawn(["openbox", "--replace"]);
    two.first.window_manager().unwrap().wait_exit(LIMIT);
    let (status, _, errors) = endsession(&two.sandbox, &["status"]);
    assert_eq!(status, 0, "{errors}");
    assert!(replacing.is_alive());
    assert!(application.is_alive());
    xvfb.terminate();
    assert!(first.wait_exit(LIMIT).success());
    application.wait_exit(LIMIT);
    assert!(wait::is_alive(window_manager(&two.second)));
}

#[test]
fn two_managers_on_one_bus_have_a_name_each() {
    let two = Two::start();
    let first = two.manage(&two.first, NAME);
    let number = two.second.display().trim_start_matches(':').to_owned();
    let second = two.manage(&two.second, &format!("{NAME}.s__{number}"));
    let (_, status, errors) = endsession(&two.sandbox, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect(&errors);
    assert_eq!(status["manager_pid"], second.pid());

    two.go_to(&two.first);
    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(first.wait_exit(LIMIT).success());
    assert!(second.is_alive());
    assert!(wait::is_alive(window_manager(&two.second)));

    // The first one's names are free again, and the second has none of them.
    two.go_to(&two.second);
    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(second.wait_exit(LIMIT).success());
    assert!(wait::until_gone(window_manager(&two.second), LIMIT));
}

/// Somebody of another desktop on the bus that both displays share, who may listen like a compositor.
const OWNS: &str = "import socket, sys\n\
    display = socket.socket(socket.AF_UNIX)\n\
    for path in sys.argv[2:]: display.bind(path); display.listen()\n\
    from gi.repository import Gio, GLib\n\
    owned = lambda *_: print('owns it', flush=True)\n\
    Gio.bus_own_name(Gio.BusType.SESSION, sys.argv[1], 0, None, owned, None)\n\
    GLib.MainLoop().run()";

impl Two {
    /// GNOME's session manager with the words in front of it, and its shell, on the first display.
    #[track_caller]
    fn gnome(&self, around: &[&str]) -> [Proc; 2] {
        self.go_to(&self.first);
        let owns = |around: &[&str], name| {
            let words = [around, &["python3", "-c", OWNS, name]].concat();
            let owner = self.sandbox.spawn(words);
            owner.wait_for_line("owns it", LIMIT);
            owner
        };
        [
            owns(around, "org.gnome.SessionManager"),
            owns(&[], "org.gnome.Shell"),
        ]
    }
}

fn another_displays_desktop_is_not_asked(around: &[&str]) {
    let two = Two::start();
    let gnome = two.gnome(around);
    let (status, _, errors) = endsession(&two.sandbox, &["watch"]);
    assert_eq!(status, 3, "{errors}");
    assert!(errors.contains("GNOME's session manager"), "{errors}");

    two.go_to(&two.second);
    let (status, out, errors) = endsession(&two.sandbox, &["status"]);
    assert_eq!(status, 0, "{errors}");
    assert!(!out.contains("GNOME"), "{out}");
    // It has the names that a manager would need.
    let (status, _, errors) = endsession(&two.sandbox, &["manager", "--check"]);
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("another session"), "{errors}");
    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(window_manager(&two.second), LIMIT));
    leaves_no_manager(&two.sandbox);
    assert!(gnome.iter().all(Proc::is_alive));
    assert!(wait::is_alive(window_manager(&two.first)));
}

#[test]
fn another_displays_desktop_is_not_asked_to_end_this_one() {
    another_displays_desktop_is_not_asked(&[]);
}

/// As on Wayland, where the session manager is there before the compositor.
#[test]
fn a_desktop_that_names_no_display_is_where_its_shell_is() {
    another_displays_desktop_is_not_asked(&["env", "-u", "DISPLAY"]);
}

#[test]
fn a_shell_that_is_the_compositor_is_where_its_socket_is() {
    let two = Two::start();
    two.sandbox.unset_env("DISPLAY");
    let display = two.sandbox.runtime_dir().join("wayland-7");
    let display = display.display().to_string();
    let owns = |words: &[&str]| {
        let owner = two
            .sandbox
            .spawn([&["python3", "-c", OWNS], words].concat());
        owner.wait_for_line("owns it", LIMIT);
        owner
    };
    let manager = owns(&["org.gnome.SessionManager"]);
    let _shell = owns(&["org.gnome.Shell", &display]);
    two.sandbox.set_env("WAYLAND_DISPLAY", "wayland-7");
    let (_, _, errors) = endsession(&two.sandbox, &["watch"]);
    assert!(errors.contains("GNOME's session manager"), "{errors}");

    two.sandbox.unset_env("WAYLAND_DISPLAY");
    two.go_to(&two.second);
    let (status, _, errors) = endsession(&two.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(window_manager(&two.second), LIMIT));
    assert!(manager.is_alive());
}
