//! Under the session managers of other desktops, the real ones: gnome-session 43 (a stand-in for GNOME Shell shows its dialog), mate-session, cinnamon-session,
//! xfce4-session.

use endsession_testkit::managers::{Managed, Shell};
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::x11::{Window, Xvfb};
use endsession_testkit::xsmp::{App, Choice, Xfce};

use crate::actor::Actor;
use crate::support::LIMIT;

/// The command that is under test elsewhere, as whoever asks for the log-off.
#[track_caller]
fn log_off(sandbox: &Sandbox) -> Proc {
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    sandbox.spawn(["endsession", "logoff"])
}

/// A window of the manager's own.
#[track_caller]
fn dialog(xvfb: &Xvfb, manager: &Proc) -> Window {
    xvfb.wait_for_window(LIMIT, |w| w.pid == Some(manager.pid()))
}

/// An application that speaks to xfce4-session over D-Bus, as where there is no X11.
#[track_caller]
fn on_xfces_bus(xfce: &Xfce) -> Actor {
    let environment = [("ENDSESSION_BACKEND", "xfce")];
    let actor = Actor::launch(xfce.sandbox(), "org.example.Editor", &environment);
    actor.says("connected to xfce ");
    actor
}

#[track_caller]
fn agrees_and_ends(managed: &Managed, backend: &str) {
    let actor = Actor::start(managed.sandbox(), "org.example.Editor");
    actor.says(&format!("connected to {backend} "));
    let _command = log_off(managed.sandbox());
    actor.says("got query 1. critical=false");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    managed.wait_until_over(LIMIT);
    assert_eq!(actor.told()[..2], ["query", "end"]);
}

#[test]
fn under_gnome_it_is_asked_and_told_to_end() {
    agrees_and_ends(&Managed::gnome(), "gnome");
}

#[test]
fn under_mate_it_is_asked_and_told_to_end() {
    agrees_and_ends(&Managed::mate(), "mate");
}

#[test]
fn under_cinnamon_it_is_asked_and_told_to_end() {
    agrees_and_ends(&Managed::cinnamon(), "cinnamon");
}

#[test]
fn under_xfces_dbus_it_is_asked_and_told_to_end() {
    let xfce = Xfce::start();
    let actor = on_xfces_bus(&xfce);
    let _command = log_off(xfce.sandbox());
    actor.says("got query 1.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    xfce.wait_until_over(LIMIT);
}

/// Whoever starts a program tells it the id in its environment, where what that starts finds it as well.
#[test]
fn a_startup_id_that_is_taken_keeps_nobody_out() {
    let gnome = Managed::gnome();
    let id = [("DESKTOP_AUTOSTART_ID", "10a1b2c3d4e5f60718293a4b5c6d7e8f")];
    let first = Actor::launch(gnome.sandbox(), "org.example.First", &id);
    first.says("connected to gnome ");
    let second = Actor::launch(gnome.sandbox(), "org.example.Second", &id);
    second.says("connected to gnome ");
    assert!(first.process().is_alive());
}

#[test]
fn a_refusal_is_shown_by_gnome_and_its_cancel_is_told() {
    let gnome = Managed::gnome();
    let shell = Shell::on(gnome.bus());
    let actor = Actor::start(gnome.sandbox(), "org.example.Editor");
    let command = log_off(gnome.sandbox());
    actor.says("got query 1.");
    actor.order("refuse Two documents are not saved");
    assert_eq!(shell.wait_for_dialog(), 0);
    command
        .stderr()
        .wait_for("Two documents are not saved", LIMIT);
    shell.cancel();
    actor.says("got cancelled 1.");
    assert!(gnome.process().is_alive());
}

#[test]
fn a_user_who_is_asked_longer_than_gnome_waits_can_still_say_yes() {
    let gnome = Managed::gnome();
    let shell = Shell::on(gnome.bus());
    let actor = Actor::start(gnome.sandbox(), "org.example.Editor");
    let command = log_off(gnome.sandbox());
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    assert_eq!(shell.wait_for_dialog(), 0);
    command
        .stderr()
        .wait_for("org.example.Editor blocks: Save the letter?", LIMIT);
    actor.order("yes");
    command
        .stderr()
        .wait_for("org.example.Editor no longer blocks", LIMIT);
    // GNOME's dialog is open, and stays until its user answers it or a minute has passed.
    shell.log_off();
    actor.says("got end 1.");
    actor.order("done");
    gnome.wait_until_over(LIMIT);
}

#[test]
fn a_user_who_is_asked_longer_than_mate_waits_can_still_say_yes() {
    let mate = Managed::mate();
    let actor = Actor::start(mate.sandbox(), "org.example.Editor");
    let command = log_off(mate.sandbox());
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    dialog(mate.xvfb(), mate.process());
    command
        .stderr()
        .wait_for("org.example.Editor blocks: Save the letter?", LIMIT);
    actor.order("yes");
    actor.says("got end 1.");
    actor.order("done");
    mate.wait_until_over(LIMIT);
}

#[test]
fn the_users_no_stays_a_blocker_under_mate_until_its_dialog_is_answered() {
    let mate = Managed::mate();
    let actor = Actor::start(mate.sandbox(), "org.example.Editor");
    let command = log_off(mate.sandbox());
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    let window = dialog(mate.xvfb(), mate.process());
    actor.order("no I go on writing");
    command.stderr().wait_for("I go on writing", LIMIT);
    mate.xvfb().close(&window);
    actor.says("got cancelled 1.");
    // What held it up is given back: the next is only asked.
    let _command = log_off(mate.sandbox());
    actor.says("got query 2.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    mate.wait_until_over(LIMIT);
}

#[test]
fn a_hold_blocks_under_mate_until_it_is_released() {
    let mate = Managed::mate();
    let actor = Actor::start(mate.sandbox(), "org.example.Render");
    actor.order("hold film lsi Rendering");
    actor.order("reason film Rendering, 2 minutes left");
    actor.asks("held film", "film holds LOG_OFF | SLEEP | IDLE");
    let command = log_off(mate.sandbox());
    actor.says("got query 1.");
    actor.order("accept");
    dialog(mate.xvfb(), mate.process());
    command.stderr().wait_for(
        "org.example.Render blocks: Rendering, 2 minutes left",
        LIMIT,
    );
    actor.order("release film");
    actor.says("got end 1.");
    actor.order("done");
    mate.wait_until_over(LIMIT);
}

/// xfce4-session takes no refusal over D-Bus, only in XSMP. It waits for an answer.
#[test]
fn under_xfces_dbus_it_is_waited_for_and_a_hold_says_that_it_holds_nothing() {
    let xfce = Xfce::start();
    let actor = on_xfces_bus(&xfce);
    actor.order("hold film l Rendering");
    actor.asks("held film", "film holds NOTHING");
    let _command = log_off(xfce.sandbox());
    actor.says("got query 1. critical=true");
    actor.order("ask Save the letter?");
    actor.asks("backend", "its backend is xfce");
    assert_eq!(actor.told(), ["query"]);
    actor.order("yes");
    actor.says("got end 1.");
    actor.order("done");
    xfce.wait_until_over(LIMIT);
}

#[test]
fn what_an_xsmp_client_cancels_under_xfce_is_told_over_dbus() {
    let xfce = Xfce::start();
    let featherpad = App::featherpad(xfce.sandbox());
    xfce.wait_for_client(LIMIT);
    featherpad.modify("unsaved");
    let actor = on_xfces_bus(&xfce);
    let _command = log_off(xfce.sandbox());
    actor.says("got query 1.");
    actor.order("accept");
    featherpad.wait_for_dialog(LIMIT);
    featherpad.answer(Choice::Cancel);
    actor.says("got cancelled 1.");
    assert!(xfce.process().is_alive());
}
