//! What speaks XSMP: applications register with a real session manager, are asked by it, and end or
//! stay as they do for their users.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::{
    bus::Bus,
    session::Sandbox,
    sway::{Config, Sway},
    xsmp::{App, Choice, Kind, LibSmClient, Property, Qt6Manner, Qt6Session, Xfce},
};

const LIMIT: Duration = Duration::from_secs(30);
const CANCELLED: &str = "INTERACT DONE [Cancel shutdown = True]";
const WENT_ON: &str = "INTERACT DONE [Cancel shutdown = False]";

/// The applications that agree with nothing unsaved all go when they are told to.
#[test]
fn clean_applications_register_and_end_with_their_session() {
    let xfce = Xfce::start();
    let kinds = [Kind::Featherpad, Kind::Xterm, Kind::Qt6Editor, Kind::Gvim];
    let apps = kinds.map(|kind| {
        let app = App::start(xfce.sandbox(), kind);
        let id = xfce.wait_for_client(LIMIT);
        if kind != Kind::Gvim {
            assert_eq!(app.wait_for_registration(LIMIT), id, "{kind:?}");
        }
        app
    });
    xfce.log_off();
    for app in &apps {
        app.process().wait_exit(LIMIT);
    }
    xfce.wait_until_over(LIMIT);
}

#[test]
fn firefox_registers_and_ends_with_its_session() {
    let xfce = Xfce::start();
    let firefox = App::firefox(xfce.sandbox());
    assert_eq!(
        firefox.wait_for_registration(LIMIT),
        xfce.wait_for_client(LIMIT)
    );
    firefox.modify("not saved yet");
    xfce.log_off();
    assert!(firefox.process().wait_exit(LIMIT).success());
    xfce.wait_until_over(LIMIT);
}

#[test]
fn featherpad_asks_during_the_query() {
    let xfce = Xfce::start();
    let featherpad = App::featherpad(xfce.sandbox());
    assert_eq!(
        featherpad.wait_for_registration(LIMIT),
        xfce.wait_for_client(LIMIT)
    );
    featherpad.modify("not saved yet");
    xfce.log_off();
    featherpad.answer(Choice::Cancel);
    xfce.wait_for_trace(CANCELLED, LIMIT);
    xfce.wait_for_trace("XFSM_MANAGER_IDLE", LIMIT);
    assert!(featherpad.window().title.starts_with('*'));
    xfce.log_off();
    featherpad.answer(Choice::Discard);
    xfce.wait_for_trace(WENT_ON, LIMIT);
    featherpad.process().wait_exit(LIMIT);
    xfce.wait_until_over(LIMIT);
}

#[test]
fn gvim_asks_during_the_query() {
    let xfce = Xfce::start();
    let gvim = App::gvim(xfce.sandbox());
    xfce.wait_for_client(LIMIT);
    gvim.modify("not saved yet");
    xfce.log_off();
    gvim.answer(Choice::Discard);
    xfce.wait_for_trace(WENT_ON, LIMIT);
    gvim.process().wait_exit(LIMIT);
    xfce.wait_until_over(LIMIT);
}

#[test]
fn a_qt6_editor_agrees_and_asks_when_it_is_told_to_end() {
    let xfce = Xfce::start();
    let editor = App::qt6_editor(xfce.sandbox());
    assert_eq!(
        editor.wait_for_registration(LIMIT),
        xfce.wait_for_client(LIMIT)
    );
    editor.modify("not saved yet");
    xfce.log_off();
    editor.answer(Choice::Cancel);
    // The manager takes its leave of it, and ends.
    xfce.wait_for_trace("XFSM_MANAGER_SHUTDOWNPHASE2", LIMIT);
    assert!(!xfce.trace().contains("INTERACT REQUEST"));
    assert!(editor.process().is_alive());
    assert_eq!(
        editor.events().wait_for("answer", LIMIT)["button"],
        "cancel"
    );
}

#[test]
fn libreoffice_registers_only_on_plain_x11() {
    let xfce = Xfce::start();
    let plain = App::libreoffice_gen(xfce.sandbox());
    assert_eq!(
        plain.wait_for_registration(LIMIT),
        xfce.wait_for_client(LIMIT)
    );
    plain.modify("not saved yet");
    plain.close();
    plain.answer(Choice::Cancel);
    plain.close();
    plain.answer(Choice::Discard);
    plain.process().wait_exit(LIMIT);

    let gtk = App::libreoffice_gtk3(xfce.sandbox());
    gtk.modify("not saved yet");
    assert_eq!(gtk.session_id(), None);
    gtk.close();
    gtk.answer(Choice::Cancel);
    gtk.close();
    gtk.answer(Choice::Discard);
    gtk.process().wait_exit(LIMIT);
}

#[test]
fn a_qt6_program_answers_in_every_manner() {
    let xfce = Xfce::start();
    let cancels = Qt6Session::start(xfce.sandbox(), Qt6Manner::Cancel);
    assert_eq!(cancels.session_id(), Some(xfce.wait_for_client(LIMIT)));
    xfce.log_off();
    cancels.wait_for("cancelled", LIMIT);
    xfce.wait_for_trace(CANCELLED, LIMIT);
    xfce.wait_for_trace("XFSM_MANAGER_IDLE", LIMIT);
    drop(cancels);

    let asks = Qt6Session::start(xfce.sandbox(), Qt6Manner::Dialog);
    xfce.wait_for_client(LIMIT);
    xfce.log_off();
    asks.press("cancel");
    xfce.wait_for_trace(CANCELLED, LIMIT);
    xfce.wait_for_trace("XFSM_MANAGER_IDLE", LIMIT);

    let agrees = Qt6Session::start(xfce.sandbox(), Qt6Manner::Phase2);
    assert_eq!(agrees.wait_for("save", LIMIT)["phase2"], false);
    assert_eq!(agrees.wait_for("save", LIMIT)["phase2"], true);
    let crashes = Qt6Session::start(xfce.sandbox(), Qt6Manner::Crash);
    xfce.wait_for_client(LIMIT);
    xfce.wait_for_client(LIMIT);
    xfce.log_off();
    agrees.wait_for("committed", LIMIT);
    assert!(!crashes.process().wait_exit(LIMIT).success());
    asks.press("discard");
    assert!(asks.process().wait_exit(LIMIT).success());
    assert!(agrees.process().wait_exit(LIMIT).success());
    xfce.wait_until_over(LIMIT);
}

#[test]
fn a_qt6_program_hangs_when_it_is_asked() {
    let xfce = Xfce::start();
    let hangs = Qt6Session::start(xfce.sandbox(), Qt6Manner::Hang);
    xfce.wait_for_client(LIMIT);
    xfce.log_off();
    hangs.wait_for("commit", LIMIT);
    assert!(!hangs.events().names().contains(&"committed".to_owned()));
    assert!(hangs.process().is_alive() && xfce.process().is_alive());
}

#[test]
fn a_client_on_libsm_does_what_it_is_told() {
    let xfce = Xfce::start();
    let client = LibSmClient::start(xfce.sandbox());
    let id = client.open(None);
    client.settle();
    client.wait_for("save-complete", LIMIT);
    let properties = [
        Property::new("Program", "ARRAY8", &["probe"]),
        Property::new("RestartCommand", "LISTofARRAY8", &["probe", "--again"]),
        Property::new("RestartStyleHint", "CARD8", &["3"]),
    ];
    client.set(&properties);
    client.delete(&["RestartStyleHint"]);
    client.ping();
    // Every client gets an empty list from this manager; its trace tells what it has.
    assert_eq!(client.properties(), []);
    for value in [
        "(Program, probe)",
        "(RestartCommand)",
        "(RestartStyleHint, 3)",
    ] {
        assert!(xfce.trace().contains(value), "{value}");
    }
    assert!(xfce.trace().contains("-> Removing (RestartStyleHint)"));

    // A second phase, and a dialog, of a log-off that another client asks for.
    let other = LibSmClient::start(xfce.sandbox());
    other.open(None);
    other.settle();
    other.request_log_off();
    let asked = client.wait_for("save-yourself", LIMIT);
    assert_eq!(
        (&asked["shutdown"], &asked["interact"]),
        (&true.into(), &"any".into())
    );
    other.wait_for("save-yourself", LIMIT);
    other.interact(false);
    other.wait_for("interact", LIMIT);
    other.interact_done(true);
    other.done(false);
    client.done(true);
    // It makes a checkpoint of a log-off that is cancelled, and tells nobody otherwise.
    client.wait_for("save-complete", LIMIT);
    xfce.wait_for_trace("XFSM_MANAGER_IDLE", LIMIT);

    // One that was there before comes back by its id.
    client.close(&["because"]);
    xfce.wait_for_trace("CLOSE CONNECTION [Num reasons = 1]", LIMIT);
    other.exit();
    let again = LibSmClient::start(xfce.sandbox());
    assert!(!again.open(Some(&id)).is_empty());
}

#[test]
fn a_client_on_libsm_takes_a_second_phase_and_dies() {
    let xfce = Xfce::start();
    let client = LibSmClient::start(xfce.sandbox());
    client.open(None);
    client.settle();
    client.wait_for("save-complete", LIMIT);
    xfce.log_off();
    client.wait_for("save-yourself", LIMIT);
    client.request_phase2();
    client.wait_for("phase2", LIMIT);
    client.done(true);
    client.wait_for("die", LIMIT);
    client.close(&[]);
    xfce.wait_until_over(LIMIT);
}

#[test]
fn a_client_on_libsm_says_why_it_is_refused_and_when_its_manager_is_gone() {
    let xfce = Xfce::start();
    let nobody = [(
        "SESSION_MANAGER",
        "local/nobody:@/tmp/.ICE-unix/no-such-socket",
    )];
    let lonely = LibSmClient::start_with(xfce.sandbox(), &nobody);
    assert!(lonely.try_open(None).unwrap_err().contains("open"));
    let stranger = LibSmClient::start_with(xfce.sandbox(), &[("ICEAUTHORITY", "/dev/null")]);
    let why = stranger.try_open(None).unwrap_err();
    assert!(why.contains("uthentication"), "{why}");
    let client = LibSmClient::start(xfce.sandbox());
    client.open(None);
    client.go_silent();
    xfce.process().kill();
    xfce.process().wait_exit(LIMIT);
    client.listen();
    client.wait_for("gone", LIMIT);
    assert!(client.process().is_alive());
}

#[test]
fn applications_work_through_xwayland() {
    let sandbox = Sandbox::new();
    let _bus = Bus::daemon_in(&sandbox);
    let sway = Sway::start_in(&sandbox, &Config::new().with_xwayland());
    sway.x11();
    for kind in [
        Kind::Featherpad,
        Kind::Gvim,
        Kind::Qt6Editor,
        Kind::LibreOfficeGen,
        Kind::LibreOfficeGtk3,
        Kind::Firefox,
        Kind::Xterm,
    ] {
        let app = App::start(&sandbox, kind);
        assert!(sway.windows().iter().all(|window| window.x11), "{kind:?}");
        app.modify("not saved yet");
        app.close();
        if !matches!(kind, Kind::Firefox | Kind::Xterm) {
            app.answer(Choice::Cancel);
            app.close();
            app.answer(Choice::Discard);
        }
        app.process().wait_exit(LIMIT);
    }
}
