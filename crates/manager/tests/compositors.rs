//! The windows of compositors that Debian does not ship, over faithful fakes of their IPC.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use endsession_manager::adapter::display::{Display, DisplayEvent, Toplevel, WindowKey};
use endsession_manager::display_of::Way;
use endsession_testkit::fake_compositor::{FakeCompositor, Fault, Kind};
use endsession_testkit::session::Sandbox;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

const HYPRLANDS: [Kind; 3] = [
    Kind::HyprlandClassic,
    Kind::HyprlandHyprlang,
    Kind::HyprlandLua,
];
const ALL: [Kind; 4] = [
    Kind::HyprlandClassic,
    Kind::HyprlandHyprlang,
    Kind::HyprlandLua,
    Kind::Niri,
];

struct Desk {
    fake: FakeCompositor,
    kind: Kind,
    sandbox: Sandbox,
}

impl Desk {
    fn of(kind: Kind) -> Self {
        // Who looks at windows has to be their user.
        let sandbox = Sandbox::as_caller();
        let fake = FakeCompositor::start_in(&sandbox, kind, Fault::None);
        Self {
            fake,
            kind,
            sandbox,
        }
    }

    fn window(&self, key: u64, title: &str, pid: u32) -> Value {
        match self.kind {
            Kind::Niri => {
                json!({"id": key, "title": title, "app_id": "editor", "pid": pid, "is_focused": false})
            }
            _ => json!({"address": format!("0x{key:x}"), "mapped": true, "title": title,
                        "class": "editor", "pid": pid, "xwayland": false}),
        }
    }

    async fn connect(&self) -> Display {
        let socket = self.sandbox.runtime_dir().join("wayland-fake");
        let display = Way::Wayland(socket).connect().await.unwrap();
        let name = if self.kind == Kind::Niri {
            "niri"
        } else {
            "hyprland"
        };
        assert_eq!(display.name(), name);
        display
    }
}

fn toplevel(title: &str, pid: u32) -> Toplevel {
    Toplevel {
        title: title.to_owned(),
        app_id: "editor".to_owned(),
        pid: Some(pid),
        ..Toplevel::default()
    }
}

async fn next(display: &mut Display) -> DisplayEvent {
    let next = tokio::time::timeout(LIMIT, display.next()).await;
    next.expect("an event in time")
}

fn arrived(display: &mut Display) -> Vec<DisplayEvent> {
    std::iter::from_fn(|| display.try_next()).collect()
}

/// Waits until the compositor has been told this; the display is driven meanwhile, as the loop does.
async fn is_told(display: &mut Display, fake: &FakeCompositor, what: &str) {
    let told = async {
        while !fake.told().iter().any(|line| line == what) {
            let _moved = tokio::time::timeout(Duration::from_millis(2), display.next()).await;
        }
    };
    let limited = tokio::time::timeout(LIMIT, told).await;
    assert!(limited.is_ok(), "{what:?} is not in {:?}", fake.told());
}

#[tokio::test]
async fn windows_are_there_on_connecting_with_their_processes() {
    for kind in ALL {
        let desk = Desk::of(kind);
        let windows = [desk.window(10, "one", 4711), desk.window(11, "two", 4712)];
        desk.fake.has(&windows);
        let mut display = desk.connect().await;
        let expected = [
            DisplayEvent::Window(WindowKey(10), toplevel("one", 4711)),
            DisplayEvent::Window(WindowKey(11), toplevel("two", 4712)),
        ];
        assert_eq!(arrived(&mut display), expected, "{kind:?}");
        assert!(display.is_settled());
    }
}

#[tokio::test]
async fn what_changes_is_told() {
    for kind in ALL {
        let desk = Desk::of(kind);
        let mut display = desk.connect().await;
        assert_eq!(arrived(&mut display), [], "{kind:?}");
        let window = |title| DisplayEvent::Window(WindowKey(10), toplevel(title, 4711));
        desk.fake.has(&[desk.window(10, "one", 4711)]);
        assert_eq!(next(&mut display).await, window("one"), "{kind:?}");
        desk.fake.has(&[desk.window(10, "*one, two", 4711)]);
        assert_eq!(next(&mut display).await, window("*one, two"), "{kind:?}");
        desk.fake.has(&[]);
        assert_eq!(
            next(&mut display).await,
            DisplayEvent::Closed(WindowKey(10)),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_window_is_closed_and_shown_in_the_words_of_its_compositor() {
    let words = |kind| match kind {
        Kind::Niri => [
            r#"{"FocusWindow": {"id": 10}}"#,
            r#"{"CloseWindow": {"id": 10}}"#,
        ],
        Kind::HyprlandLua => [
            r#"hl.dsp.focus({ window = "address:0xa" })"#,
            r#"hl.dsp.window.close({ window = "address:0xa" })"#,
        ],
        _ => ["focuswindow address:0xa", "closewindow address:0xa"],
    };
    for kind in ALL {
        let desk = Desk::of(kind);
        desk.fake.has(&[desk.window(10, "one", 4711)]);
        let mut display = desk.connect().await;
        assert_eq!(arrived(&mut display).len(), 1, "{kind:?}");
        assert!(!display.activate(WindowKey(99)) && display.activate(WindowKey(10)));
        let [focus, close] = words(kind);
        is_told(&mut display, &desk.fake, focus).await;
        display.close(WindowKey(10));
        assert_eq!(
            next(&mut display).await,
            DisplayEvent::Closed(WindowKey(10)),
            "{kind:?}"
        );
        is_told(&mut display, &desk.fake, close).await;
        assert_eq!(desk.fake.told(), [focus, close]);
    }
}

#[tokio::test]
async fn a_compositor_that_hangs_up_is_asked_again() {
    for kind in ALL {
        let desk = Desk::of(kind);
        desk.fake
            .has(&[desk.window(10, "one", 4711), desk.window(11, "two", 4712)]);
        let mut display = desk.connect().await;
        assert_eq!(arrived(&mut display).len(), 2, "{kind:?}");
        // Until it listens once, Hyprland does not know who follows.
        desk.fake
            .has(&[desk.window(10, "uno", 4711), desk.window(11, "two", 4712)]);
        assert!(matches!(next(&mut display).await, DisplayEvent::Window(..)));
        desk.fake.hangs_up();
        desk.fake.has(&[desk.window(11, "dos", 4712)]);
        let mut events = vec![next(&mut display).await, next(&mut display).await];
        events.sort_by_key(|event| matches!(event, DisplayEvent::Closed(_)));
        let expected = [
            DisplayEvent::Window(WindowKey(11), toplevel("dos", 4712)),
            DisplayEvent::Closed(WindowKey(10)),
        ];
        assert_eq!(events, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn one_that_has_gone_is_lost() {
    for kind in ALL {
        let desk = Desk::of(kind);
        let mut display = desk.connect().await;
        desk.fake.process().kill();
        assert!(
            matches!(next(&mut display).await, DisplayEvent::Lost(_)),
            "{kind:?}"
        );
        assert!(display.is_settled());
    }
}

#[tokio::test]
async fn a_title_that_never_rests_holds_nobody_up() {
    for kind in ALL {
        let desk = Desk::of(kind);
        let mut display = desk.connect().await;
        for turn in 0..200 {
            desk.fake.has(&[desk.window(10, &turn.to_string(), 4711)]);
        }
        let last = DisplayEvent::Window(WindowKey(10), toplevel("199", 4711));
        while next(&mut display).await != last {}
        assert!(display.is_settled());
    }
}

#[tokio::test]
async fn an_ipc_that_is_no_use_leaves_the_windows_without_processes() {
    for kind in [HYPRLANDS[0], HYPRLANDS[2], Kind::Niri] {
        for fault in [
            Fault::Nonsense,
            Fault::HangsUp,
            Fault::Silent,
            Fault::Endless,
        ] {
            let sandbox = Sandbox::as_caller();
            let _fake = FakeCompositor::start_in(&sandbox, kind, fault);
            let socket = sandbox.runtime_dir().join("wayland-fake");
            let display = Way::Wayland(socket).connect().await.unwrap();
            assert_eq!(display.name(), "wlr-foreign-toplevel", "{kind:?} {fault:?}");
        }
    }
}
