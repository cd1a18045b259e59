//! Sessions beside each other, and applications that do not go by themselves.

use crate::support::{Desk, FINALIZE, HEADLESS, LIMIT, NIRI};

const LOGIN: &str = "systemctl --user --wait start niri.service; \
                     systemctl --user start --job-mode=replace-irreversibly niri-shutdown.target";

/// Hides its window when that is closed, as programs with an icon in a tray do, and has a helper.
const TRAY: &str = "
import subprocess, gi
gi.require_version('Gtk', '3.0')
from gi.repository import Gtk
subprocess.Popen(['sleep', '1000'])
window = Gtk.Window(title='A tray program')
window.connect('delete-event', lambda window, event: window.hide() or True)
window.show()
Gtk.main()
";

#[test]
fn a_program_that_stays_without_a_window_is_stopped_with_all_it_started() {
    let Some(desk) = Desk::boot_with(NIRI, FINALIZE, |setup| setup.file("/etc/tray.py", TRAY))
    else {
        return;
    };
    let login = desk.login(LOGIN);
    desk.application("app-tray-1.scope", "app.slice", "python3 /etc/tray.py");
    desk.wait_for_window("A tray program");
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    // Before Ending: it has been asked, and is waited for no longer.
    desk.journal().is_in_order(&[
        "request 1: closing",
        "stopping app-tray-1.scope (tray.py (pid",
        "tray.py has gone",
        "request 1: ending",
    ]);
    let left = desk.machine.look(["pgrep", "-u", "alice", "-x", "sleep"]);
    assert_eq!(left.stdout, "");
}

/// A browser ends whole on SIGTERM to itself. StopUnit would send that to all of its helpers too.
/// (With `SESSION_MANAGER` it would be asked over XSMP.)
#[test]
fn a_browser_in_a_unit_is_told_itself() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let login = desk.login(LOGIN);
    let firefox = "env -u SESSION_MANAGER MOZ_ENABLE_WAYLAND=1 firefox-esr --no-remote about:blank";
    desk.application("app-firefox-1.scope", "app.slice", firefox);
    desk.wait_for_window("firefox");
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    let journal = desk.journal();
    journal.is_in_order(&[
        "SIGTERM to firefox",
        "firefox-esr has gone",
        "request 1: ending",
    ]);
    assert!(!journal.has("stopping app-firefox-1.scope (firefox"));
    assert_eq!(desk.state("app-firefox-1.scope"), "inactive");
}

/// What systemd will not stop is told itself.
#[test]
fn a_unit_that_may_not_be_stopped_ends_by_signals() {
    let unit = "[Unit]\nRefuseManualStop=yes\n[Service]\nType=exec\nExecStart=sleep 1234\n";
    let Some(desk) = Desk::boot_with(NIRI, FINALIZE, |setup| {
        setup.file("/etc/systemd/user/app-refuses.service", unit)
    }) else {
        return;
    };
    let login = desk.login(LOGIN);
    desk.systemctl(&["start", "app-refuses.service"]);
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    desk.journal().is_in_order(&[
        "app-refuses.service cannot be stopped as a unit",
        "SIGTERM to sleep",
        "the session is over",
    ]);
    assert_eq!(desk.state("app-refuses.service"), "inactive");
}

/// The compositor's service is not to be stopped: its author has reasons, and the session goes on.
#[test]
fn a_compositor_that_systemd_may_not_stop_fails_the_log_off() {
    let unit = "[Unit]\nRefuseManualStop=yes\n[Service]\nType=notify\nNotifyAccess=all\n\
                ExecStart=sway -c /share/sway.conf\n\
                Environment=WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman\n";
    let Some(desk) = Desk::boot_with(NIRI, FINALIZE, |setup| {
        setup.file("/etc/systemd/user/desk.service", unit)
    }) else {
        return;
    };
    let start =
        "systemctl --user start endsession.service; systemctl --user --wait start desk.service";
    let login = desk.login(start);
    let failed = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_ne!(failed.code, Some(0), "{failed:?}");
    let why = "systemd did not stop desk.service";
    assert!(failed.stderr.contains(why), "{failed:?}");
    assert_eq!(desk.state("desk.service"), "active");
    assert!(login.is_open());
    // And the manager is there for another try.
    assert_eq!(desk.status()["session"], "sway");
}

/// A session that is one service, `run` and all.
#[test]
fn a_kiosk_ends_in_order_when_its_service_is_stopped() {
    let kiosk = "[Service]\nExecStart=endsession run -- sway -c /share/sway.conf\nKillMode=mixed\n\
                 Environment=WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman\n";
    let Some(desk) = Desk::boot_with(NIRI, "true", |setup| {
        setup.file("/etc/systemd/user/kiosk.service", kiosk)
    }) else {
        return;
    };
    let login = desk.login("systemctl --user start --wait kiosk.service");
    desk.systemctl(&["stop", "kiosk.service"]);
    login.wait_for_status(LIMIT);
    assert_eq!(desk.property("kiosk.service", "Result"), "success");
    let journal = desk.journal();
    journal.is_in_order(&[
        "told to end: the session ends within",
        "ending sway (pid ",
        "the session is over",
    ]);
}

/// A session within another one of the same user, with the same systemd.
#[test]
fn a_session_leaves_the_units_of_another_alone() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let inner = "xwayland disable\n\
                 exec systemd-run --user --quiet --scope --unit=app-inner-1.scope sleep 1000\n\
                 exec sh -c 'echo up > /share/inner.up; read -r _ < /share/go; \
                 endsession logoff --no-dialog'\n";
    std::fs::write(desk.machine.share().join("inner.conf"), inner).unwrap();
    desk.machine
        .exec(["mkfifo", "-m", "666", "/share/go"])
        .success();
    let login = desk.login(LOGIN);
    desk.application("app-outer-1.scope", "app.slice", "sleep 1000");
    let script = format!(
        "{HEADLESS}; endsession run -- sway -c /share/inner.conf; echo over > /share/inner.over"
    );
    std::fs::write(desk.machine.share().join("inner.sh"), script).unwrap();
    desk.application("app-inner-0.scope", "app.slice", "bash /share/inner.sh");
    desk.wait_for_file("inner.up");
    desk.machine
        .exec(["sh", "-c", "echo go > /share/go"])
        .success();
    desk.wait_for_file("inner.over");
    assert_eq!(desk.state("app-inner-1.scope"), "inactive");
    assert_eq!(desk.state("app-outer-1.scope"), "active");
    assert_eq!(desk.state("graphical-session.target"), "active");
    assert!(desk.journal().has("stopping app-inner-1.scope"));
    assert!(login.is_open());

    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    assert_eq!(desk.state("app-outer-1.scope"), "inactive");
}
