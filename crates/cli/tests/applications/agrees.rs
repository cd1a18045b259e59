//! Applications that agree without a question, and go whole.

use endsession_testkit::xsmp::Qt6Manner;

use super::*;

/// LibreOffice never answers on plain X11; nobody else here takes long.
const DEADLINES: &str = "slow = \"1s\"\nnot-responding = \"3s\"";

fn everybody_is_there_until_all_agree_and_goes_whole(desk: &Desk) {
    let asker = Qt6Session::start(&desk.sandbox, Qt6Manner::Dialog);
    let firefox = App::firefox(&desk.sandbox);
    open_another_window(desk, &firefox);
    let apps = [
        App::xterm(&desk.sandbox),
        App::gvim(&desk.sandbox),
        App::libreoffice_gen(&desk.sandbox),
        firefox,
    ];
    let [xterm, gvim, libreoffice, firefox] = &apps;
    let mut all = apps.each_ref().map(App::pid).to_vec();
    all.push(asker.pid());
    for app in [xterm, libreoffice, firefox] {
        app.wait_for_registration(LIMIT);
    }

    // Cancelled by another one's user: those who had agreed live on.
    let first = LogOff::begin(desk);
    first.wait_for_answer("accept", xterm.pid());
    first.wait_for_answer("accept", firefox.pid());
    first.wait_for("asked", gvim.pid());
    first.wait_for("asked", libreoffice.pid());
    asker.choose(Choice::Cancel);
    assert_eq!(first.is_cancelled_at_no_cost(desk)["by"], "application");
    are_alive(&all);

    // Hanging: each is shown, and lives on when the log-off is cancelled.
    let hanging = [xterm, libreoffice, firefox];
    for app in hanging {
        app.signal(Signal::STOP);
    }
    let second = LogOff::begin(desk);
    for app in hanging {
        second.wait_for_blocker("not-responding", app.pid());
    }
    second.wait_for_answer("asking-user", asker.pid());
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    second.is_cancelled_at_no_cost(desk);
    for app in hanging {
        app.signal(Signal::CONT);
    }
    asker.choose(Choice::Cancel);
    are_alive(&all);

    // All agree. featherpad, which goes as soon as it is asked, has come since.
    let featherpad = App::featherpad(&desk.sandbox);
    featherpad.wait_for_registration(LIMIT);
    all.push(featherpad.pid());
    let third = LogOff::begin(desk);
    for pid in &all {
        desk.exits.watch(pid.to_string(), *pid);
    }
    third.wait_for_answer("accept", firefox.pid());
    third.wait_for("abstained", libreoffice.pid());
    are_alive(&[xterm.pid(), gvim.pid(), libreoffice.pid(), firefox.pid()]);
    asker.choose(Choice::Discard);
    third.is_over(desk, all.len());
    let kept = kept_by_firefox(desk);
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(
        kept.iter().any(|w| w.iter().any(|t| t == "second")),
        "{kept:?}"
    );
    assert!(kept.iter().any(|w| w.len() == 2), "{kept:?}");
}

fn a_clean_qt5_application_leaves_when_it_is_asked_and_a_cancel_says_so(desk: &Desk) {
    let asker = Qt6Session::start(&desk.sandbox, Qt6Manner::Dialog);
    let featherpad = App::featherpad(&desk.sandbox);
    featherpad.wait_for_registration(LIMIT);
    signal(asker.pid(), Signal::STOP);
    let log_off = LogOff::begin(desk);
    log_off.wait_for("gone", featherpad.pid());
    featherpad.wait_until_gone(LIMIT);
    signal(asker.pid(), Signal::CONT);
    asker.choose(Choice::Cancel);
    let cancelled = log_off.is_cancelled();
    assert_eq!(cancelled["gone"], serde_json::json!(["FeatherPad"]));
    assert_eq!(log_off.pids("closing"), [0; 0]);
}

/// Another window of Firefox, with two tabs.
#[track_caller]
fn open_another_window(desk: &Desk, firefox: &App) {
    let display = desk.display();
    let main = firefox.window();
    display.press(&main, &["Control", "n"]);
    let is_other = |w: &endsession_testkit::x11::Window| {
        w.id != main.id && w.pid == main.pid && w.title.contains("Firefox")
    };
    let other = display.wait_for_window(LIMIT, is_other);
    for name in ["second", "third"] {
        let page = format!("<!doctype html><title>{name}</title>{name}");
        let page = desk.sandbox.write(format!("{name}.html"), page);
        if name == "third" {
            display.press(&other, &["Control", "t"]);
        }
        display.press(&other, &["Control", "l"]);
        display.type_text(&other, &format!("file://{}\n", page.display()));
        display.wait_for_window(LIMIT, |w| w.id == other.id && w.title.contains(name));
    }
}

/// The titles of the tabs of the windows that Firefox would open again.
fn kept_by_firefox(desk: &Desk) -> Vec<Vec<String>> {
    let file = desk.sandbox.home().join("firefox/sessionstore.jsonlz4");
    let bytes = std::fs::read(file).unwrap();
    let state: serde_json::Value = serde_json::from_slice(&unpacked(&bytes)).unwrap();
    let titles = |window: &serde_json::Value| {
        let tabs = window["tabs"].as_array().unwrap();
        let title = |tab: &serde_json::Value| {
            let entries = tab["entries"].as_array()?;
            Some(entries.last()?["title"].as_str()?.to_owned())
        };
        tabs.iter()
            .map(|tab| title(tab).unwrap_or_default())
            .collect()
    };
    state["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(titles)
        .collect()
}

/// Mozilla's packing: eight bytes of a name, four of the length, one block of LZ4 (its
/// lz4_Block_format.md).
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut from = bytes.strip_prefix(b"mozLz40\0").unwrap()[4..]
        .iter()
        .copied();
    let mut out = Vec::new();
    let length = |from: &mut dyn Iterator<Item = u8>, short: u8| {
        let mut length = usize::from(short);
        let mut last = if short == 15 { 255 } else { 0 };
        while last == 255 {
            last = from.next().unwrap();
            length += usize::from(last);
        }
        length
    };
    while let Some(token) = from.next() {
        let literals = length(&mut from, token >> 4);
        out.extend(from.by_ref().take(literals));
        let Some(low) = from.next() else { break };
        let back = usize::from(u16::from_le_bytes([low, from.next().unwrap()]));
        for _ in 0..length(&mut from, token & 15) + 4 {
            out.push(out[out.len() - back]);
        }
    }
    out
}

on_both! {
    everybody_is_there_until_all_agree_and_goes_whole;
    a_clean_qt5_application_leaves_when_it_is_asked_and_a_cancel_says_so;
}
