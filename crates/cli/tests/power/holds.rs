//! What applications of the session hold, as the real logind shows it and goes by it.

use endsession_testkit::machine::{End, Machine};
use endsession_testkit::session::Proc;

use crate::desk::{Desk, LIMIT, boot};

/// What `systemd-inhibit --list` tells of locks in mode block: who, what and why.
fn listed(machine: &Machine) -> Vec<(String, String, String)> {
    // The table is cut to a width; the bus is not.
    let call = "busctl --json=short call org.freedesktop.login1 /org/freedesktop/login1 \
                org.freedesktop.login1.Manager ListInhibitors";
    let json = machine.exec(["sh", "-c", call]).success();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let locks = json["data"][0].as_array().unwrap().iter();
    let blocks = locks.filter(|lock| lock[3] == "block");
    let mut all: Vec<_> = blocks
        .map(|lock| (word(&lock[1]), word(&lock[0]), word(&lock[2])))
        .collect();
    all.sort();
    all
}

/// Waits until they are these; logind answers each time that it is asked.
#[track_caller]
fn wait_until_listed(machine: &Machine, wanted: &[(&str, &str, &str)]) {
    let begun = std::time::Instant::now();
    loop {
        let all = listed(machine);
        let seen: Vec<_> = all
            .iter()
            .map(|(who, what, why)| (who.as_str(), what.as_str(), why.as_str()))
            .collect();
        if seen == wanted {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{seen:?} and not {wanted:?}");
    }
}

/// GNOME's own tool, which holds this while it runs.
#[must_use]
fn hold(desk: &Desk<'_>, what: &str, who: &str, why: &str) -> Proc {
    let words = [
        "gnome-session-inhibit",
        "--inhibit",
        what,
        "--app-id",
        who,
        "--reason",
        why,
        "sleep",
        "1000",
    ];
    desk.login.start("foot", words)
}

#[test]
fn what_is_held_is_listed_by_logind_under_its_holders_name() {
    endsession_testkit::programs::need("gnome-session-inhibit");
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let all = "logout:suspend:idle";
    let burner = hold(&desk, all, "burner", "Burning a disc");
    let by_burner = |what: &'static str| ("burner", what, "Burning a disc");
    let three = [by_burner("idle"), by_burner("shutdown"), by_burner("sleep")];
    wait_until_listed(&machine, &three);

    // systemctl says so to whoever wants the machine to go down or to sleep.
    for verb in ["poweroff", "suspend"] {
        let check = "--check-inhibitors=yes";
        let warned = desk.login.exec("foot", ["systemctl", verb, check]);
        assert_ne!(warned.code, Some(0), "{verb}: {warned:?}");
        let said = warned.stderr;
        assert!(said.contains("inhibited by \"burner\""), "{verb}: {said}");
        assert!(said.contains("Burning a disc"), "{verb}: {said}");
    }

    // Another name is another lock, and only of what it holds.
    let player = hold(&desk, "idle", "player", "A film");
    let both = "burner: Burning a disc; player: A film";
    let [_, shutdown, sleep] = three;
    let idle = ("burner, player", "idle", both);
    wait_until_listed(&machine, &[shutdown, sleep, idle]);
    machine.exec(["pkill", "-x", "sleep"]).success();
    burner.wait_exit(LIMIT);
    player.wait_exit(LIMIT);
    wait_until_listed(&machine, &[]);
    desk.goes_on();
}

#[test]
fn a_lock_on_behalf_of_an_application_is_gone_when_we_power_off() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let _editor = hold(&desk, "logout", "editor", "There are unsaved documents");
    let unsaved = ("editor", "shutdown", "There are unsaved documents");
    wait_until_listed(&machine, &[unsaved]);
    let asks = desk.begin(&["poweroff"]);
    desk.wait_for_journal("There are unsaved documents");
    // It is the application that is in the way, once.
    let status = desk.endsession(&["status", "--json"]).success();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        status["blockers"].as_array().unwrap().len(),
        1,
        "{status:#}"
    );
    assert!(asks.is_alive());
    desk.endsession(&["choose", "end-all"]).success();
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
    let journal = machine.journal();
    assert!(!journal.contains("logind has our lock after"), "{journal}");
}

#[test]
fn swayidle_does_not_time_out_while_a_film_is_announced_to_the_screen_saver() {
    endsession_testkit::programs::need("swayidle");
    let config = "[holds]\nscreen-saver = \"0s\"\n";
    let setup = Machine::setup().file("/etc/xdg/endsession/config.toml", config);
    let Some(machine) = boot(setup) else { return };
    let desk = Desk::start(&machine, "");
    desk.wait_for_journal("serving org.freedesktop.ScreenSaver");
    let film = "import time\n\
                from gi.repository import Gio\n\
                bus = Gio.bus_get_sync(Gio.BusType.SESSION)\n\
                name = 'org.freedesktop.ScreenSaver'\n\
                saver = Gio.DBusProxy.new_sync(bus, 0, None, name, '/ScreenSaver', name, None)\n\
                cookie = saver.Inhibit('(ss)', 'player', 'A film')\n\
                open('/share/film.up', 'w').close()\n\
                time.sleep(1000)\n";
    std::fs::write(machine.share().join("film.py"), film).unwrap();
    let player = desk.login.start("foot", ["python3", "/share/film.py"]);
    desk.wait_for_file("film.up");
    wait_until_listed(&machine, &[("player", "idle", "A film")]);
    let idles = ["swayidle", "-d", "timeout", "1", "touch /share/idle"];
    let swayidle = desk.login.start("foot", idles);
    let said = swayidle.stderr();
    said.wait_for("Not enabling timeouts: idle inhibitor found", LIMIT);
    assert!(!machine.share().join("idle").exists());
    machine.exec(["pkill", "-x", "python3"]).success();
    player.wait_exit(LIMIT);
    said.wait_for("Enable idle timeouts", LIMIT);
    desk.wait_for_file("idle");
}

#[test]
fn lock_reaches_whatever_locks_the_screen_through_logind() {
    endsession_testkit::programs::need("swayidle");
    let config = "[holds]\nscreen-saver = \"0s\"\n";
    let setup = Machine::setup().file("/etc/xdg/endsession/config.toml", config);
    let Some(machine) = boot(setup) else { return };
    let desk = Desk::start(&machine, "");
    desk.wait_for_journal("serving org.freedesktop.ScreenSaver");
    let locks = ["swayidle", "-d", "lock", "touch /share/locked"];
    let swayidle = desk.login.start("foot", locks);
    let call = [
        "gdbus",
        "call",
        "--session",
        "--dest=org.freedesktop.ScreenSaver",
        "--object-path=/org/freedesktop/ScreenSaver",
        "--method=org.freedesktop.ScreenSaver.Lock",
    ];
    let begun = std::time::Instant::now();
    // It does not say when it has begun to listen.
    while !machine.share().join("locked").exists() {
        assert!(begun.elapsed() < LIMIT, "{}", swayidle.stderr_so_far());
        desk.login.exec("foot", call).success();
    }
}
