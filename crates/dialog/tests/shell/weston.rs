//! weston: a compositor without layer shell, where every form is an ordinary window. Its output is
//! a window of Xvfb, which has a keyboard and a pointer.

use endsession_dialog::{
    input::{Input, Key},
    shell::{Form, ShellEvent, Target},
};
use endsession_testkit::{
    session::{Proc, Sandbox},
    wait::{self, Deadline},
    x11::Xvfb,
};

use crate::support::{
    client::{BORDER, BORDER_WIDTH, Client, FILL, LIMIT},
    screen::Screen,
};

struct Weston {
    sandbox: Sandbox,
    process: Proc,
    xvfb: Xvfb,
}

impl Weston {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        // weston learns of a pointer when one comes in from beside its window.
        let xvfb = Xvfb::sized(&sandbox, 1280 + 64, 800);
        // Nothing moves, fades, or ticks.
        let config = "[shell]\npanel-position=none\nbackground-color=0xff202020\n\
                      startup-animation=none\nanimation=none\nclose-animation=none\n\
                      focus-animation=none\n";
        let config = sandbox.write(".config/weston-test.ini", config);
        let config = format!("--config={}", config.display());
        let process = sandbox.spawn([
            "weston",
            "--backend=x11-backend.so",
            "--use-pixman",
            "--width=1280",
            "--height=800",
            &config,
            "--socket=wayland-weston",
        ]);
        wait::for_entry(&sandbox.runtime_dir(), LIMIT, |name| {
            name == "wayland-weston"
        });
        let weston = Self {
            sandbox,
            process,
            xvfb,
        };
        weston.xdotool(&["mousemove", "1330", "10"]);
        weston
    }

    fn target(&self) -> Target {
        let path = self.sandbox.runtime_dir().join("wayland-weston");
        Target {
            wayland: Some(path.to_str().unwrap().to_owned()),
            x11: None,
        }
    }

    #[track_caller]
    fn xdotool(&self, args: &[&str]) {
        let xdotool = self.sandbox.spawn([&["xdotool"], args].concat());
        let status = xdotool.wait_exit(LIMIT);
        assert!(status.success(), "{}", xdotool.stderr_so_far());
    }

    /// What the screen shows, once a window of this size is on it whole, and where that is.
    #[track_caller]
    fn screen(&self, name: &str, (width, height): (u32, u32)) -> (Screen, (u32, u32)) {
        let path = self.sandbox.dir().join(format!("{name}.png"));
        let deadline = Deadline::after(LIMIT);
        let border = 2 * (width + height - 2 * BORDER_WIDTH as u32) * BORDER_WIDTH as u32;
        loop {
            // weston tells of no frame that X has shown: each picture takes its time by itself.
            self.xvfb.screenshot(&path);
            let screen = Screen::read(&path);
            if screen.count(BORDER) == border as usize {
                let all = 0..screen.width() * screen.height();
                let mut places = all.map(|i| (i % screen.width(), i / screen.width()));
                let first = places.find(|(x, y)| screen.at(*x, *y) == BORDER);
                return (screen, first.unwrap());
            }
            assert!(!deadline.passed(), "no window of {width} by {height}");
        }
    }
}

#[test]
fn a_sheet_is_a_window_that_is_shown_and_spoken_to() {
    let weston = Weston::start();
    let mut sheet = Client::shown(&weston.target(), Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    let (shot, (left, top)) = weston.screen("weston-sheet", (400, 300));
    shot.shows((left, top), (400, 300), 1.0, FILL);
    let (x, y) = ((left + 20).to_string(), (top + 30).to_string());
    weston.xdotool(&["mousemove", &x, &y, "click", "1", "click", "5"]);
    sheet.until("the wheel", |c| c.inputs().contains(&Input::Scrolled(48.0)));
    assert_eq!(sheet.presses().len(), 1);
    // The X server gives keys to the window that the pointer is on: to weston.
    weston.xdotool(&["key", "Tab", "Return"]);
    sheet.until("the keys", |c| c.keys() == [Key::Tab, Key::Enter]);

    // It grows. The pointer is seen over it, so only its border can be counted.
    sheet.resize((500.0, 400.0));
    sheet.rest(std::time::Duration::from_millis(100));
    weston.screen("weston-grown", (500, 400));
    assert!(sheet.visible);

    // Another form is the same window.
    sheet.shell.set_form(Form::Strip);
    sheet.rest(std::time::Duration::from_millis(300));
    assert!(sheet.visible && sheet.focused);
}

#[test]
fn it_is_dragged_by_the_place_that_is_pressed() {
    let weston = Weston::start();
    let mut window = Client::shown(&weston.target(), Form::Window, (300.0, 200.0));
    let (_, (left, top)) = weston.screen("weston-window", (300, 200));
    let (x, y) = ((left + 50).to_string(), (top + 50).to_string());
    weston.xdotool(&["mousemove", &x, &y, "mousedown", "1"]);
    window.until("a press", |c| c.presses().len() == 1);
    window.shell.begin_move();
    window.until("the pointer is the compositor's", |c| {
        c.inputs().contains(&Input::PointerLeft)
    });
    weston.xdotool(&["mousemove_relative", "--", "30", "20", "mouseup", "1"]);
    window.rest(std::time::Duration::from_millis(500));
    let (_, at) = weston.screen("weston-moved", (300, 200));
    assert_eq!(at, (left + 30, top + 20));
}

#[test]
fn a_compositor_that_dies_is_told() {
    let weston = Weston::start();
    let mut window = Client::shown(&weston.target(), Form::Window, (300.0, 200.0));
    weston.process.kill();
    window.until("it is lost", |c| {
        matches!(c.events.last(), Some(ShellEvent::Lost(_)))
    });
}
