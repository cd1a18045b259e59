//! What is different on Wayland: compositors that tell no process, and X11 windows among others.

use endsession_testkit::apps;
use endsession_testkit::session::Sandbox;
use endsession_testkit::sway::Config;

use crate::desk::{Desk, LIMIT, Shown};

#[test]
fn windows_without_a_process_are_closed_and_named_by_app_id() {
    let sandbox = Sandbox::new();
    sandbox.set_env("ENDSESSION_DISPLAY", "wlr-foreign-toplevel");
    let desk = Desk::sway_with(&sandbox, Config::new());
    let mousepad = apps::mousepad(&desk.sandbox);
    let terminal = desk.terminal();
    mousepad.write("unsaved");
    desk.wait_for_window("*");
    desk.exits.watch("mousepad", mousepad.process().pid());
    desk.exits.watch("terminal", terminal.pid());
    let (_, status, errors) = desk.endsession(&["status"]);
    assert!(
        status.contains("windows: wlr-foreign-toplevel"),
        "{status}{errors}"
    );
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    let line = watch.wait_for_line("blocks: its window is still open", LIMIT);
    assert!(
        line.to_lowercase().starts_with("mousepad blocks"),
        "by name, without a pid: {line}"
    );
    mousepad.press("Don't Save");
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    // Without a process only windows are waited for; which process then ends first is open.
    desk.ends_last_of(2);
}

#[test]
fn an_x11_window_under_sway_is_of_the_process_that_xwayland_vouches_for() {
    let line = "exec xterm -title terminal -e bash --norc -i";
    let desk = Desk::sway_with(&Sandbox::new(), Config::new().with_xwayland().line(line));
    let Shown::Sway(sway) = &desk.shown else {
        unreachable!("this desk is sway's")
    };
    let window = sway.wait_for_window(LIMIT, |w| w.title == "terminal");
    desk.exits.watch("terminal", window.pid);
    let (code, status, errors) = desk.endsession(&["status"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        status.contains(&format!("(pid {}): xsmp, window", window.pid)),
        "{status}"
    );
    let (code, _, errors) = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(desk.ends_last_of(1), ["terminal", "compositor"]);
}

#[test]
fn a_display_whose_windows_cannot_be_seen_is_not_ended_over_them() {
    let sandbox = Sandbox::new();
    // A compositor that listens and never answers, as one that hangs does.
    let script = "import os, socket, time\ns = socket.socket(socket.AF_UNIX)\n\
                  s.bind(os.environ['XDG_RUNTIME_DIR'] + '/wayland-9')\ns.listen()\n\
                  print('listening', flush=True)\ntime.sleep(1000)\n";
    let script = sandbox.write("compositor.py", script).display().to_string();
    let run = crate::desk::start(&sandbox, &["/usr/bin/python3", &script]);
    run.wait_for_line("listening", LIMIT);
    let refused = sandbox.spawn(["endsession", "logoff"]);
    assert_eq!(refused.wait_exit(LIMIT).code(), Some(1));
    assert!(
        refused.stderr_so_far().contains("cannot be seen"),
        "{}",
        refused.stderr_so_far()
    );
    assert!(run.is_alive());
    let forced = sandbox.spawn(["endsession", "logoff", "--force"]);
    assert_eq!(
        forced.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        forced.stderr_so_far()
    );
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
}
