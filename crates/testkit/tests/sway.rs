//! A headless sway: windows are seen as they come and go, text arrives, and nothing is left.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{path::Path, time::Duration};

use endsession_testkit::{
    session::{Sandbox, environ_of},
    sway::{Config, Sway, prepare},
    wait::is_alive,
};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn what_is_typed_arrives_from_the_first_key_on() {
    let sway = Sway::start();
    let sandbox = sway.sandbox();
    let foot = sandbox.spawn([
        "foot",
        "sh",
        "-c",
        "read line; echo \"$line\" > $HOME/typed.part; mv $HOME/typed.part $HOME/typed",
    ]);
    let window = sway.wait_for_window(LIMIT, |window| window.pid == foot.pid());
    assert_eq!(window.app_id, "foot");
    sway.type_text(&window, "first KEY, and all others!\n");
    assert!(foot.wait_exit(LIMIT).success(), "{}", foot.stderr_so_far());
    let typed = std::fs::read_to_string(sandbox.home().join("typed")).unwrap();
    assert_eq!(typed, "first KEY, and all others!\n");
    sway.wait_until_empty(LIMIT);
}

#[test]
fn a_closed_window_goes_and_its_program_with_it() {
    let sway = Sway::start();
    let order = sway.sandbox().exit_order();
    let foot = sway.sandbox().spawn(["foot", "sleep", "1000"]);
    order.watch("foot", foot.pid());
    order.watch("sway", sway.pid());
    let window = sway.wait_for_window(LIMIT, |window| window.title == "foot");
    sway.close(&window);
    sway.wait_until_empty(LIMIT);
    foot.wait_exit(LIMIT);
    let _ = sway.command("exit");
    assert_eq!(order.wait_for(2, LIMIT), ["foot", "sway"]);
}

#[test]
fn sway_can_be_started_by_another_program() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let config = Config::new().line("exec foot sleep 1000").write(&sandbox);
    let shell = format!("sway -c {} & wait", config.display());
    let _parent = sandbox.spawn(["sh", "-c", &shell]);
    let sway = Sway::attach(&sandbox);
    let window = sway.wait_for_window(LIMIT, |window| window.app_id == "foot");
    let (compositor, application) = (sway.pid(), window.pid);
    drop(sway);
    assert!(is_alive(compositor));
    sandbox.kill_all();
    assert!(!is_alive(compositor) && !is_alive(application));
}

#[test]
fn an_x11_window_comes_through_xwayland_and_leaves_no_lock() {
    let config = Config::new()
        .with_xwayland()
        .line("exec xterm -e sleep 1000");
    for killed in [false, true] {
        let sandbox = Sandbox::new();
        let sway = Sway::start_in(&sandbox, &config);
        let window = sway.wait_for_window(LIMIT, |window| window.app_id == "XTerm");
        assert!(window.x11 && window.pid != 0);
        let display = &environ_of(window.pid)["DISPLAY"];
        let lock = format!("/tmp/.X{}-lock", display.trim_start_matches(':'));
        assert!(Path::new(&lock).exists(), "{lock}");
        let holder = std::fs::read_to_string(&lock).unwrap();
        if killed {
            sway.process().unwrap().kill();
        }
        drop((sway, sandbox));
        // Another sway may have taken the number over.
        assert_ne!(
            std::fs::read_to_string(&lock).unwrap_or_default(),
            holder,
            "{lock}"
        );
    }
}

#[test]
fn the_screen_can_be_kept_as_a_picture() {
    let sway = Sway::start();
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("screen.png");
    sway.screenshot(&picture);
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_command_that_sway_refuses_is_an_error() {
    let sway = Sway::start();
    assert!(sway.command("no such command").unwrap_err().contains("no"));
}
