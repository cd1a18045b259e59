//! LibreOffice: on plain X11 it registers and never answers, on GTK 3 it does not register. Either
//! way its windows are closed in their turn, and its own dialog asks.

use endsession_testkit::xsmp::Qt6Manner;

use super::*;

const DEADLINES: &str = "slow = \"1s\"\nnot-responding = \"2s\"\nwindow-stays = \"1s\"";

fn on_plain_x11_its_own_dialog_asks_when_it_does_not_answer(desk: &Desk) {
    let libreoffice = App::libreoffice_gen(&desk.sandbox);
    libreoffice.wait_for_registration(LIMIT);
    libreoffice.modify("not saved yet");
    let xterm = App::xterm(&desk.sandbox);
    xterm.wait_for_registration(LIMIT);
    let all = [libreoffice.pid(), xterm.pid()];

    let first = LogOff::begin(desk);
    first.wait_for("abstained", libreoffice.pid());
    blocks_with_its_dialog(&first, &libreoffice);
    cancels_and_stays(desk, &first, &libreoffice);
    are_alive(&all);

    let second = LogOff::begin(desk);
    second.wait_for("abstained", libreoffice.pid());
    blocks_with_its_dialog(&second, &libreoffice);
    are_alive(&all);
    desk.exits.watch("libreoffice", libreoffice.pid());
    desk.exits.watch("xterm", xterm.pid());
    libreoffice.answer(Choice::Discard);
    let order = second.is_over(desk, 2);
    assert_eq!(order, ["libreoffice", "xterm", "compositor"]);
}

fn on_gtk3_its_window_is_closed_when_all_voters_agree(desk: &Desk) {
    let asker = Qt6Session::start(&desk.sandbox, Qt6Manner::Dialog);
    let libreoffice = App::libreoffice_gtk3(&desk.sandbox);
    libreoffice.modify("not saved yet");
    let all = [libreoffice.pid(), asker.pid()];
    assert_eq!(libreoffice.session_id(), None);

    // Another one's Cancel: it was never touched.
    let first = LogOff::begin(desk);
    asker.choose(Choice::Cancel);
    assert_eq!(first.is_cancelled_at_no_cost(desk)["by"], "application");
    assert_eq!(libreoffice.windows().len(), 1);

    // Its own.
    let second = LogOff::begin(desk);
    asker.choose(Choice::Discard);
    blocks_with_its_dialog(&second, &libreoffice);
    cancels_and_stays(desk, &second, &libreoffice);
    are_alive(&all);

    // It hangs, which is shown, and is asked when it comes back.
    libreoffice.signal(Signal::STOP);
    let third = LogOff::begin(desk);
    asker.choose(Choice::Discard);
    third.wait_for("closing", libreoffice.pid());
    let hung = third.wait_for_news(|e| {
        e["event"] == "blocked" && e["pid"] == libreoffice.pid() && e["responding"] == false
    });
    assert_eq!(hung["kind"], "window");
    are_alive(&all);
    libreoffice.signal(Signal::CONT);
    blocks_with_its_dialog(&third, &libreoffice);
    desk.exits.watch("libreoffice", libreoffice.pid());
    desk.exits.watch("asker", asker.pid());
    libreoffice.answer(Choice::Discard);
    let order = third.is_over(desk, 2);
    assert_eq!(order, ["libreoffice", "asker", "compositor"]);
}

#[test]
fn on_gtk3_a_crash_counts_as_gone() {
    // Its process is watched, whatever the display.
    let desk = &Desk::xsmp_sway(DEADLINES);
    let libreoffice = App::libreoffice_gtk3(&desk.sandbox);
    libreoffice.modify("not saved yet");
    let log_off = LogOff::begin(desk);
    blocks_with_its_dialog(&log_off, &libreoffice);
    libreoffice.signal(Signal::KILL);
    log_off.is_over(desk, 0);
}

/// It was closed alone, and its dialog is what is named.
#[track_caller]
fn blocks_with_its_dialog(log_off: &LogOff, libreoffice: &App) {
    log_off.wait_for_news(|e| {
        let title = e["reason"].as_str().unwrap_or_default();
        e["event"] == "blocked"
            && e["kind"] == "window"
            && e["pid"] == libreoffice.pid()
            && title.starts_with("Save Document?")
    });
    assert_eq!(log_off.pids("closing"), [u64::from(libreoffice.pid())]);
}

/// Its user's Cancel keeps the document, the log-off's cancel everybody.
#[track_caller]
fn cancels_and_stays(desk: &Desk, log_off: &LogOff, libreoffice: &App) {
    libreoffice.answer(Choice::Cancel);
    log_off.wait_for_news(|e| {
        let title = e["reason"].as_str().unwrap_or_default();
        e["event"] == "blocked" && e["pid"] == libreoffice.pid() && title.starts_with("Untitled")
    });
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    let cancelled = log_off.is_cancelled();
    assert_eq!(cancelled["gone"], serde_json::json!([]));
    assert_eq!(
        cancelled["told"].as_array().unwrap().len(),
        1,
        "{cancelled}"
    );
    assert_eq!(libreoffice.windows().len(), 1);
}

on_both! {
    on_plain_x11_its_own_dialog_asks_when_it_does_not_answer;
    on_gtk3_its_window_is_closed_when_all_voters_agree;
}
