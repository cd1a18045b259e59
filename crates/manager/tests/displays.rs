//! The three display adapters against the real thing: Xvfb with openbox and without, a headless
//! sway, and the applications that people have open.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod support;

use std::{collections::BTreeMap, future::Future, os::unix::net::UnixListener, time::Instant};

use endsession_manager::adapter::{
    display::{Display, DisplayError, DisplayEvent, Toplevel, WindowKey},
    sway::SwayWindows,
    toplevels::WlrToplevels,
    windows::X11Windows,
};
use futures_util::FutureExt;
use rustix::process::Signal;
use support::{LIMIT, Process, Sway, Xvfb, client::Client, eventually};
use x11rb::protocol::xproto::AtomEnum;

/// A display as the manager would know it from the events alone.
struct Screen {
    display: Display,
    windows: BTreeMap<WindowKey, Toplevel>,
    pongs: Vec<WindowKey>,
    lost: bool,
}

impl Screen {
    async fn x11(display: &str) -> Self {
        Self::new(Display::X11(X11Windows::connect(display).await.unwrap()))
    }

    async fn sway(sway: &Sway) -> Self {
        let windows = SwayWindows::connect(&sway.ipc, sway.x11_display.as_deref())
            .await
            .unwrap();
        Self::new(Display::Sway(windows))
    }

    async fn wlr(sway: &Sway) -> Self {
        Self::new(Display::Wlr(
            WlrToplevels::connect(&sway.wayland).await.unwrap(),
        ))
    }

    /// Takes in what is there on connecting.
    fn new(display: Display) -> Self {
        let mut this = Self {
            display,
            windows: BTreeMap::new(),
            pongs: Vec::new(),
            lost: false,
        };
        while let Some(event) = this.display.try_next() {
            this.take(event);
        }
        this
    }

    fn take(&mut self, event: DisplayEvent) {
        assert!(!self.lost, "{event:?} came after Lost");
        match event {
            DisplayEvent::Window(key, window) => {
                let known = self.windows.insert(key, window.clone());
                assert_ne!(known.as_ref(), Some(&window), "told twice");
            }
            DisplayEvent::Closed(key) => {
                assert!(
                    self.windows.remove(&key).is_some(),
                    "an unknown window closed"
                );
            }
            DisplayEvent::Pong(key) => self.pongs.push(key),
            DisplayEvent::Lost(_) => self.lost = true,
        }
    }

    /// Takes events in until this holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                let event = self.display.next().await;
                self.take(event);
            }
        };
        if tokio::time::timeout(LIMIT, waiting).await.is_err() {
            panic!("never: {what}; there is {:?}", self.windows);
        }
    }

    /// The window with this title, once it is there.
    async fn titled(&mut self, title: &str) -> (WindowKey, Toplevel) {
        self.until(title, |screen| screen.find(title).is_some())
            .await;
        self.find(title).unwrap()
    }

    fn find(&self, title: &str) -> Option<(WindowKey, Toplevel)> {
        let found = self
            .windows
            .iter()
            .find(|(_, window)| window.title.contains(title));
        found.map(|(key, window)| (*key, window.clone()))
    }

    /// Waits until the window of this title is tied to this client of XSMP.
    async fn until_tied(&mut self, title: &str, id: Option<&str>) {
        let what = format!("{title} is tied to {id:?}");
        self.until(&what, |screen| {
            let found = screen.find(title);
            found.is_some_and(|(_, window)| window.session_id.as_deref() == id)
        })
        .await;
    }

    /// Asks a window to close, and waits until it and its process have gone.
    async fn close(&mut self, key: WindowKey, process: &mut Process) {
        self.display.close(key);
        self.until("closed", |screen| !screen.windows.contains_key(&key))
            .await;
        process.wait_gone();
    }

    async fn lost(mut self) {
        self.until("lost", |screen| screen.lost).await;
        // A display that is lost is silent, whatever it is asked.
        for key in self.windows.keys() {
            self.display.close(*key);
            self.display.activate(*key);
            assert!(!self.display.ping(*key));
        }
        assert_eq!(self.display.try_next(), None);
        assert_eq!(self.display.next().now_or_never(), None);
    }
}

/// A shell command that sets its terminal's title as fast as it can.
const RESTLESS: &str = r"while :; do printf '\033]2;restless %s\033\\' $((i += 1)); done";

fn foot(sway: &Sway, title: &str) -> Process {
    sway.run(&[
        "foot",
        "--title",
        title,
        "--override=locked-title=yes",
        "cat",
    ])
}

// X11.

#[tokio::test]
async fn x11_windows_are_listed_and_close_through_the_window_manager() {
    let x = Xvfb::start();
    let _openbox = x.run_openbox();
    let mut term = x.run_xterm("a terminal");
    let mut pad = x.run(&["mousepad", "--disable-server"]);
    let mut screen = Screen::x11(&x.display).await;

    let (term_key, window) = screen.titled("a terminal").await;
    assert_eq!(window.app_id, "XTerm");
    assert_eq!(window.pid, Some(term.id()));
    assert!(!window.dialog);
    let (pad_key, window) = screen.titled("Mousepad").await;
    assert_eq!(window.pid, Some(pad.id()));
    assert_eq!(screen.windows.len(), 2, "{:?}", screen.windows);

    // Who comes later finds the same, at once.
    assert_eq!(Screen::x11(&x.display).await.windows, screen.windows);

    screen.close(term_key, &mut term).await;
    screen.close(pad_key, &mut pad).await;
    assert!(screen.windows.is_empty());
}

#[tokio::test]
async fn x11_without_a_window_manager_works_too() {
    let x = Xvfb::start();
    let mut early = x.run_xterm("early");
    let mut screen = Screen::x11(&x.display).await;
    let (early_key, window) = screen.titled("early").await;
    assert_eq!(
        (window.app_id.as_str(), window.pid),
        ("XTerm", Some(early.id()))
    );
    let mut late = x.run_xterm("late");
    let (late_key, window) = screen.titled("late").await;
    assert_eq!(window.pid, Some(late.id()));
    assert_eq!(Screen::x11(&x.display).await.windows, screen.windows);

    screen.display.activate(late_key);
    let id = format!("{}", late_key.0);
    eventually("the input focus is on the terminal", || {
        x.output(&["xdotool", "getwindowfocus"]).trim() == id
    });
    screen.close(early_key, &mut early).await;
    screen.close(late_key, &mut late).await;
    assert!(screen.windows.is_empty());
}

#[tokio::test]
async fn x11_what_a_window_says_of_itself_is_followed_and_its_process_is_not_believed() {
    let x = Xvfb::start();
    let _openbox = x.run_openbox();
    let term = x.run_xterm("before");
    let mut screen = Screen::x11(&x.display).await;
    let (key, _) = screen.titled("before").await;
    let id = key.0.to_string();

    x.output(&[
        "xprop",
        "-id",
        &id,
        "-f",
        "_NET_WM_PID",
        "32c",
        "-set",
        "_NET_WM_PID",
        "1",
    ]);
    x.output(&[
        "xprop",
        "-id",
        &id,
        "-f",
        "_NET_WM_NAME",
        "8u",
        "-set",
        "_NET_WM_NAME",
        "naïve 日本",
    ]);
    let (_, window) = screen.titled("naïve 日本").await;
    assert_eq!(window.pid, Some(term.id()));
    assert_eq!(Screen::x11(&x.display).await.windows, screen.windows);

    // A panel is no application, whoever manages it.
    let dock = [
        "-f",
        "_NET_WM_WINDOW_TYPE",
        "32a",
        "-set",
        "_NET_WM_WINDOW_TYPE",
    ];
    let dock = [
        &["xprop", "-id", &id][..],
        &dock,
        &["_NET_WM_WINDOW_TYPE_DOCK"],
    ]
    .concat();
    x.output(&dock);
    screen
        .until("the dock is no application", |screen| {
            screen.windows.is_empty()
        })
        .await;
}

#[tokio::test]
async fn x11_a_save_dialog_appears_as_a_dialog_of_the_same_process() {
    let x = Xvfb::start();
    let _openbox = x.run_openbox();
    let pad = x.run(&["mousepad", "--disable-server"]);
    let mut screen = Screen::x11(&x.display).await;
    let (key, _) = screen.titled("Mousepad").await;
    screen.display.activate(key);
    let id = key.0.to_string();
    x.output(&["xdotool", "windowfocus", "--sync", &id, "type", "unsaved"]);
    screen.titled("*").await;

    screen.display.close(key);
    screen
        .until("a dialog", |screen| screen.windows.len() == 2)
        .await;
    let (dialog, window) = screen
        .windows
        .iter()
        .find(|(other, _)| **other != key)
        .unwrap();
    assert!(window.dialog);
    assert_eq!(window.pid, Some(pad.id()));
    assert!(!screen.windows[&key].dialog);

    // Closing the dialog is Cancel: the editor stays.
    let dialog = *dialog;
    screen.display.close(dialog);
    screen
        .until("the dialog has gone", |screen| screen.windows.len() == 1)
        .await;
    assert!(screen.windows.contains_key(&key));
}

#[tokio::test]
async fn x11_a_stopped_application_does_not_answer_a_ping() {
    let x = Xvfb::start();
    let _openbox = x.run_openbox();
    let stopped = x.run(&["mousepad", "--disable-server"]);
    let mut screen = Screen::x11(&x.display).await;
    let (stopped_key, _) = screen.titled("Mousepad").await;
    let alive = x.run(&["mousepad", "--disable-server"]);
    screen
        .until("two editors", |screen| screen.windows.len() == 2)
        .await;
    let alive_key = *screen
        .windows
        .keys()
        .find(|key| **key != stopped_key)
        .unwrap();
    assert_eq!(screen.windows[&alive_key].pid, Some(alive.id()));

    stopped.signal(Signal::STOP);
    assert!(screen.display.ping(stopped_key));
    assert!(screen.display.ping(stopped_key));
    assert!(screen.display.ping(alive_key));
    screen
        .until("the other's answer", |screen| !screen.pongs.is_empty())
        .await;
    assert_eq!(screen.pongs, [alive_key]);

    stopped.signal(Signal::CONT);
    screen
        .until("the late answer", |screen| screen.pongs.len() == 2)
        .await;
    assert_eq!(screen.pongs, [alive_key, stopped_key]);

    // Twice asked is once alive.
    assert!(screen.display.ping(alive_key));
    screen
        .until("one more answer", |screen| screen.pongs.len() > 2)
        .await;
    assert_eq!(screen.pongs, [alive_key, stopped_key, alive_key]);

    // xterm does not take part: nobody may wait for its answer.
    let _term = x.run_xterm("mute");
    let (mute, _) = screen.titled("mute").await;
    assert!(!screen.display.ping(mute));
}

#[tokio::test]
async fn x11_a_window_manager_that_comes_and_goes_closes_nothing() {
    let x = Xvfb::start();
    let mut one = x.run_xterm("one");
    let _two = x.run_xterm("two");
    let mut screen = Screen::x11(&x.display).await;
    let (one_key, _) = screen.titled("one").await;
    screen.titled("two").await;
    let before = screen.windows.clone();
    let watch = |screen: &Screen, when: &str| {
        for key in before.keys() {
            assert!(
                screen.windows.contains_key(key),
                "{when}, {key:?} was taken for closed"
            );
        }
    };

    let mut openbox = x.run_openbox();
    // A window that opens afterwards shows that everything before it was taken in.
    let _three = x.run_xterm("three");
    screen
        .until("three", |s| {
            watch(s, "starting");
            s.find("three").is_some()
        })
        .await;
    openbox.signal(Signal::TERM);
    openbox.wait_gone();
    let _four = x.run_xterm("four");
    screen
        .until("four", |s| {
            watch(s, "ending");
            s.find("four").is_some()
        })
        .await;
    assert_eq!(screen.windows.len(), 4);
    screen.close(one_key, &mut one).await;
}

#[tokio::test]
async fn x11_windows_are_tied_to_the_session_id_of_their_leader() {
    let x = Xvfb::start();
    let _openbox = x.run_openbox();
    let client = Client::connect(&x.display);
    let (leader, other) = (client.window(), client.window());
    client.text(leader, "SM_CLIENT_ID", b"the first");
    client.text(other, "SM_CLIENT_ID", b"the other");
    let (one, two, alone) = (client.window(), client.window(), client.window());
    for window in [one, two] {
        client.windows(window, "WM_CLIENT_LEADER", &[leader]);
        // It counts on the leader alone.
        client.text(window, "SM_CLIENT_ID", b"none");
    }
    client.text(alone, "SM_CLIENT_ID", b"by itself");
    client.windows(alone, "WM_CLIENT_LEADER", &[alone]);
    client.show(one, "one");
    let mut screen = Screen::x11(&x.display).await;
    client.show(two, "two");
    client.show(alone, "alone");

    // Each is told of with its id, not before it.
    for (title, id) in [
        ("one", "the first"),
        ("two", "the first"),
        ("alone", "by itself"),
    ] {
        let (_, window) = screen.titled(title).await;
        assert_eq!(window.session_id.as_deref(), Some(id), "{title}");
        assert_eq!(window.pid, Some(std::process::id()));
    }
    assert_eq!(Screen::x11(&x.display).await.windows, screen.windows);

    // The id changes for all, the leader for one, and each may go and come back.
    client.text(leader, "SM_CLIENT_ID", b"the second");
    screen.until_tied("one", Some("the second")).await;
    screen.until_tied("two", Some("the second")).await;
    client.windows(two, "WM_CLIENT_LEADER", &[other]);
    screen.until_tied("two", Some("the other")).await;
    client.delete(other, "SM_CLIENT_ID");
    screen.until_tied("two", None).await;
    client.text(other, "SM_CLIENT_ID", b"again");
    screen.until_tied("two", Some("again")).await;
    client.destroy(other);
    screen.until_tied("two", None).await;
    client.delete(two, "WM_CLIENT_LEADER");
    screen.until_tied("two", Some("none")).await;
    client.windows(two, "WM_CLIENT_LEADER", &[leader]);
    screen.until_tied("two", Some("the second")).await;
    assert_eq!(Screen::x11(&x.display).await.windows, screen.windows);
}

#[tokio::test]
async fn x11_a_leader_that_is_none_or_another_programs_ties_nothing_and_harms_nothing() {
    let x = Xvfb::start();
    let mut openbox = x.run_openbox();
    let client = Client::connect(&x.display);
    let term = x.run_xterm("foreign");
    let mut screen = Screen::x11(&x.display).await;
    let (foreign, _) = screen.titled("foreign").await;
    let check = client.window_in(client.root, "_NET_SUPPORTING_WM_CHECK");
    let check = check.unwrap();
    let (foreign, gone) = (foreign.0 as u32, client.window());
    for window in [foreign, check, client.root] {
        client.text(window, "SM_CLIENT_ID", b"not yours");
    }
    client.text(gone, "SM_CLIENT_ID", b"destroyed");
    client.destroy(gone);

    let window = client.window();
    client.text(window, "SM_CLIENT_ID", b"mine");
    for (nth, leader) in [foreign, check, client.root, gone, u32::MAX, 0]
        .into_iter()
        .enumerate()
    {
        client.windows(window, "WM_CLIENT_LEADER", &[leader]);
        client.show(window, &format!("number {nth}"));
        // A root window and none leave the window to itself.
        let id = [client.root, 0].contains(&leader).then_some("mine");
        screen.until_tied(&format!("number {nth}"), id).await;
    }
    let shapes: [(&str, AtomEnum, u8, &[u8]); 5] = [
        ("WM_CLIENT_LEADER", AtomEnum::STRING, 8, b"window"),
        ("WM_CLIENT_LEADER", AtomEnum::CARDINAL, 16, &[0; 4]),
        ("WM_CLIENT_LEADER", AtomEnum::WINDOW, 32, &[]),
        ("SM_CLIENT_ID", AtomEnum::STRING, 8, &[b'x'; 100_000]),
        ("SM_CLIENT_ID", AtomEnum::ATOM, 32, &[1; 400]),
    ];
    for (nth, (name, kind, format, value)) in shapes.into_iter().enumerate() {
        client.set(window, name, kind, format, value);
        client.show(window, &format!("shape {nth}"));
        let id = (name != "SM_CLIENT_ID").then_some("mine");
        screen.until_tied(&format!("shape {nth}"), id).await;
    }
    // xterm is its own leader, and its id is its own.
    let (_, foreign) = screen.titled("foreign").await;
    assert_eq!(foreign.session_id.as_deref(), Some("not yours"));
    assert_eq!(foreign.pid, Some(term.id()));
    assert_eq!(Screen::x11(&x.display).await.windows, screen.windows);

    // Nothing that was named as a leader is heard of less than before.
    let _late = x.run_xterm("late");
    screen.titled("late").await;
    // Killed, it takes nothing back: only the end of its own window tells.
    openbox.signal(Signal::KILL);
    openbox.wait_gone();
    let _bare = x.run_xterm("bare");
    screen.titled("bare").await;
    assert_eq!(screen.display.window_manager(), None);
}

#[tokio::test]
async fn x11_whoever_changes_its_leader_all_the_time_holds_nobody_up() {
    let x = Xvfb::start();
    let client = Client::connect(&x.display);
    let leaders = [client.window(), client.window()];
    let window = client.window();
    client.show(window, "fickle");
    let calm = client.window();
    client.show(calm, "calm");
    let display = x.display.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let fickle = std::thread::spawn(move || {
        let leaders = leaders.iter().cycle();
        for leader in leaders {
            client.windows(window, "WM_CLIENT_LEADER", &[*leader]);
            if stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Empty) {
                break;
            }
        }
    });
    for _ in 0..20 {
        let mut screen = Screen::x11(&display).await;
        assert_eq!(screen.windows.len(), 2);
        let _term = x.run_xterm("late");
        screen.titled("late").await;
    }
    drop(stop);
    fickle.join().unwrap();
}

#[tokio::test]
async fn x11_the_window_managers_process_is_known_and_followed() {
    let x = Xvfb::start();
    let mut screen = Screen::x11(&x.display).await;
    assert_eq!(screen.display.window_manager(), None);

    // What opens afterwards is told of after whatever was found out before.
    let mut openbox = x.run_openbox();
    let _one = x.run_xterm("one");
    screen.titled("one").await;
    assert_eq!(screen.display.window_manager(), Some(openbox.id()));
    let again = Screen::x11(&x.display).await;
    assert_eq!(again.display.window_manager(), Some(openbox.id()));

    openbox.signal(Signal::TERM);
    openbox.wait_gone();
    let _two = x.run_xterm("two");
    screen.titled("two").await;
    assert_eq!(screen.display.window_manager(), None);

    // One that does not speak EWMH owns the selection.
    let client = Client::connect(&x.display);
    client.own(client.window(), "WM_S0");
    let again = Screen::x11(&x.display).await;
    assert_eq!(again.display.window_manager(), Some(std::process::id()));
}

#[tokio::test]
async fn x11_a_title_that_never_rests_holds_nobody_up() {
    // Without openbox, which reads every one of those titles and falls minutes behind.
    let x = Xvfb::start();
    let _restless = x.run(&["xterm", "-e", "sh", "-c", RESTLESS]);
    let mut screen = Screen::x11(&x.display).await;
    screen.titled("restless").await;
    assert!(Screen::x11(&x.display).await.find("restless").is_some());
    let mut calm = x.run_xterm("calm");
    let (key, _) = screen.titled("calm").await;
    // The restless one is not asked: on a busy machine xterm reads its terminal and nothing else.
    screen.close(key, &mut calm).await;
}

#[tokio::test]
async fn x11_a_frozen_server_freezes_nobody_else() {
    let x = Xvfb::start();
    let mut term = x.run_xterm("patient");
    let mut screen = Screen::x11(&x.display).await;
    let (key, _) = screen.titled("patient").await;

    x.server.signal(Signal::STOP);
    let start = Instant::now();
    for _ in 0..1000 {
        screen.display.activate(key);
    }
    screen.display.close(key);
    assert_eq!(screen.display.try_next(), None);
    assert!(start.elapsed().as_secs() < 2, "it was waited for");
    let error = X11Windows::connect(&x.display).await.unwrap_err();
    assert!(matches!(error, DisplayError::Io { .. }), "{error}");

    x.server.signal(Signal::CONT);
    screen
        .until("closed", |screen| screen.windows.is_empty())
        .await;
    term.wait_gone();
}

#[tokio::test]
async fn x11_a_killed_server_is_lost() {
    let x = Xvfb::start();
    let _term = x.run_xterm("doomed");
    let mut screen = Screen::x11(&x.display).await;
    screen.titled("doomed").await;
    x.server.signal(Signal::KILL);
    screen.lost().await;
    assert!(X11Windows::connect(&x.display).await.is_err());
}

// sway.

#[tokio::test]
async fn sway_windows_are_listed_with_their_process_and_close() {
    let sway = Sway::start();
    let mut early = foot(&sway, "early");
    let mut screen = Screen::sway(&sway).await;
    let (early_key, window) = screen.titled("early").await;
    assert_eq!(
        (window.app_id.as_str(), window.pid),
        ("foot", Some(early.id()))
    );
    let mut late = foot(&sway, "late");
    let (late_key, window) = screen.titled("late").await;
    assert_eq!(window.pid, Some(late.id()));
    assert_eq!(Screen::sway(&sway).await.windows, screen.windows);

    assert!(!screen.display.ping(early_key));
    screen.display.activate(early_key);
    eventually("the early window has the focus", || {
        focused(&sway.tree()) == Some(early_key.0)
    });
    screen.close(early_key, &mut early).await;
    screen.close(late_key, &mut late).await;
    assert!(screen.windows.is_empty());
}

#[tokio::test]
async fn sway_follows_titles_and_finds_the_scratchpad() {
    let sway = Sway::start();
    let mut term = sway.run(&[
        "foot",
        "--title",
        "first",
        "sh",
        "-c",
        "printf '\\033]2;second\\033\\\\'; cat",
    ]);
    let mut screen = Screen::sway(&sway).await;
    let (key, _) = screen.titled("second").await;
    support::output(
        &["swaymsg", "move", "scratchpad"],
        &[("SWAYSOCK", sway.ipc.as_os_str())],
    );
    let mut later = Screen::sway(&sway).await;
    assert_eq!(later.titled("second").await.0, key);
    later.display.activate(key);
    eventually("it is back from the scratchpad", || {
        focused(&sway.tree()) == Some(key.0)
    });
    screen.close(key, &mut term).await;
}

#[tokio::test]
async fn sway_a_title_that_never_rests_holds_nobody_up() {
    let sway = Sway::start();
    let mut restless = sway.run(&["foot", "sh", "-c", RESTLESS]);
    let (mut ipc, mut wlr) = (Screen::sway(&sway).await, Screen::wlr(&sway).await);
    let (key, _) = ipc.titled("restless").await;
    wlr.titled("restless").await;
    let _calm = foot(&sway, "calm");
    ipc.titled("calm").await;
    wlr.titled("calm").await;
    ipc.close(key, &mut restless).await;
    wlr.until("closed", |screen| screen.find("restless").is_none())
        .await;
}

#[tokio::test]
async fn sway_asks_xwayland_whose_its_windows_are() {
    let sway = Sway::start_with_xwayland();
    let wayland = foot(&sway, "native");
    let mut screen = Screen::sway(&sway).await;
    screen.titled("native").await;
    sway.open_xwayland();
    let mut term = sway.run_xterm("foreign");
    let (key, window) = screen.titled("foreign").await;
    assert_eq!(
        (window.app_id.as_str(), window.pid),
        ("XTerm", Some(term.id()))
    );
    assert_eq!(screen.find("native").unwrap().1.pid, Some(wayland.id()));
    assert_eq!(Screen::sway(&sway).await.windows, screen.windows);

    // Without the display's name there is no process rather than a claimed one.
    let blind = SwayWindows::connect(&sway.ipc, None).await.unwrap();
    let blind = Screen::new(Display::Sway(blind));
    assert_eq!(blind.find("foreign").unwrap().1.pid, None);
    screen.close(key, &mut term).await;
}

#[tokio::test]
async fn sway_killed_is_lost_to_both_adapters() {
    let sway = Sway::start();
    let _term = foot(&sway, "doomed");
    let (mut ipc, mut wlr) = (Screen::sway(&sway).await, Screen::wlr(&sway).await);
    ipc.titled("doomed").await;
    wlr.titled("doomed").await;
    sway.compositor.signal(Signal::KILL);
    ipc.lost().await;
    wlr.lost().await;
}

#[tokio::test]
async fn sway_that_exits_is_lost_to_both_adapters() {
    let sway = Sway::start();
    let (ipc, wlr) = (Screen::sway(&sway).await, Screen::wlr(&sway).await);
    sway.compositor.signal(Signal::TERM);
    ipc.lost().await;
    wlr.lost().await;
}

/// i3 keeps the title that a window had when it began to manage it, should the window change it
/// in that moment: the titles here never change.
#[tokio::test]
async fn i3_windows_are_listed_with_their_process_and_close() {
    let x = Xvfb::start();
    let (_i3, socket) = x.run_i3();
    let mut early = x.run_xterm("early");
    let windows = SwayWindows::connect(&socket, Some(&x.display))
        .await
        .unwrap();
    let mut screen = Screen::new(Display::Sway(windows));
    let (early_key, window) = screen.titled("early").await;
    assert_eq!(
        (window.app_id.as_str(), window.pid),
        ("XTerm", Some(early.id()))
    );
    let mut late = x.run_xterm("late");
    let (late_key, window) = screen.titled("late").await;
    assert_eq!(window.pid, Some(late.id()));
    screen.close(early_key, &mut early).await;
    screen.close(late_key, &mut late).await;
}

// Foreign toplevels.

#[tokio::test]
async fn wlr_windows_are_listed_without_a_process_and_close() {
    let sway = Sway::start();
    let mut early = foot(&sway, "early");
    let mut screen = Screen::wlr(&sway).await;
    let (early_key, window) = screen.titled("early").await;
    assert_eq!((window.app_id.as_str(), window.pid), ("foot", None));
    let mut late = foot(&sway, "late");
    let (late_key, _) = screen.titled("late").await;

    let again = Screen::wlr(&sway).await;
    assert_eq!(again.windows.len(), 2);
    assert!(again.find("early").is_some());

    assert!(!screen.display.ping(early_key));
    screen.display.activate(early_key);
    let mut ipc = Screen::sway(&sway).await;
    let (early_con, _) = ipc.titled("early").await;
    eventually("the early window has the focus", || {
        focused(&sway.tree()) == Some(early_con.0)
    });
    screen.close(early_key, &mut early).await;
    screen.close(late_key, &mut late).await;
    assert!(screen.windows.is_empty());
}

#[tokio::test]
async fn wlr_follows_titles() {
    let sway = Sway::start();
    let _term = sway.run(&[
        "foot",
        "--title",
        "first",
        "sh",
        "-c",
        "printf '\\033]2;second\\033\\\\'; cat",
    ]);
    let mut screen = Screen::wlr(&sway).await;
    screen.titled("second").await;
    assert_eq!(screen.windows.len(), 1);
}

#[tokio::test]
async fn a_frozen_compositor_freezes_nobody_else() {
    let sway = Sway::start();
    let mut one = foot(&sway, "one");
    let mut two = foot(&sway, "two");
    let (mut ipc, mut wlr) = (Screen::sway(&sway).await, Screen::wlr(&sway).await);
    let (one_con, _) = ipc.titled("one").await;
    let (two_handle, _) = wlr.titled("two").await;
    ipc.titled("two").await;
    wlr.titled("one").await;

    sway.compositor.signal(Signal::STOP);
    let start = Instant::now();
    for _ in 0..1000 {
        ipc.display.activate(one_con);
        wlr.display.activate(two_handle);
    }
    ipc.display.close(one_con);
    wlr.display.close(two_handle);
    assert_eq!(ipc.display.try_next(), None);
    assert_eq!(wlr.display.try_next(), None);
    assert!(start.elapsed().as_secs() < 2, "it was waited for");

    sway.compositor.signal(Signal::CONT);
    // Both are driven: each one's requests wait for its own loop.
    let closed = |screen: &Screen| screen.windows.is_empty();
    tokio::join!(ipc.until("closed", closed), wlr.until("closed", closed));
    one.wait_gone();
    two.wait_gone();
}

// Every kind.

#[tokio::test]
async fn what_takes_the_connection_and_says_nothing_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("silent");
    let _listener = UnixListener::bind(&path).unwrap();
    let display = format!("unix:{}", path.display());
    async fn timed_out<T>(connect: impl Future<Output = Result<T, DisplayError>>) -> bool {
        matches!(connect.await, Err(DisplayError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::TimedOut)
    }
    let all = tokio::join!(
        timed_out(SwayWindows::connect(&path, None)),
        timed_out(WlrToplevels::connect(&path)),
        timed_out(X11Windows::connect(&display)),
    );
    assert_eq!(all, (true, true, true));
}

/// The container that has the focus.
fn focused(node: &serde_json::Value) -> Option<u64> {
    if node["focused"] == true {
        return node["id"].as_u64();
    }
    let children = [&node["nodes"], &node["floating_nodes"]];
    children
        .into_iter()
        .filter_map(|list| list.as_array())
        .flatten()
        .find_map(focused)
}
