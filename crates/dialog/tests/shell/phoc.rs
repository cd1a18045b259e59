//! phoc: another compositor with layer shell, which does things otherwise than sway.

use std::time::Duration;

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::{Form, Target},
};
use endsession_testkit::{
    session::{Proc, Sandbox},
    sway, wait,
};

use crate::support::{
    client::{Client, FILL, LIMIT},
    pointer::VirtualPointer,
    screen::Screen,
};

/// A headless phoc with one output of 1280 by 720.
struct Phoc {
    /// Plugged in from the start: phoc ends where it has to choose an output and has no seat.
    pointer: VirtualPointer,
    sandbox: Sandbox,
    _process: Proc,
}

impl Phoc {
    fn start(scale: &str) -> Self {
        let sandbox = Sandbox::new();
        sway::prepare(&sandbox);
        let config =
            format!("[core]\nxwayland=false\n[output:HEADLESS-1]\nscale={scale}\nmode=1280x720\n");
        let config = sandbox.write(".config/phoc.ini", config);
        let process = sandbox.spawn(["phoc", "-C", config.to_str().unwrap()]);
        let is_display = |name: &str| name.starts_with("wayland-") && !name.ends_with(".lock");
        let display = wait::for_entry(&sandbox.runtime_dir(), LIMIT, is_display);
        sandbox.set_env("WAYLAND_DISPLAY", display.file_name().unwrap());
        let mut pointer = VirtualPointer::new(display.to_str().unwrap(), (1280, 720));
        // Out of the pictures.
        pointer.go(1279, 719);
        Self {
            pointer,
            sandbox,
            _process: process,
        }
    }

    fn socket(&self) -> String {
        let name = self.sandbox.env("WAYLAND_DISPLAY").unwrap();
        let path = self.sandbox.runtime_dir().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn target(&self) -> Target {
        Target {
            wayland: Some(self.socket()),
            x11: None,
        }
    }

    #[track_caller]
    fn screen(&self, name: &str) -> Screen {
        let path = self.sandbox.runtime_dir().join(format!("{name}.png"));
        let grim = self.sandbox.spawn(["grim", path.to_str().unwrap()]);
        assert!(grim.wait_exit(LIMIT).success(), "{}", grim.stderr_so_far());
        Screen::read(&path)
    }
}

#[test]
fn a_sheet_is_shown_and_spoken_to() {
    let mut phoc = Phoc::start("1");
    let keys = [
        "wtype", "-s", "700", "-k", "Tab", "-k", "Escape", "-s", "60000",
    ];
    let mut sheet = Client::shown(&phoc.target(), Form::Sheet, (400.0, 300.0));
    assert_eq!(sheet.room, Some((Size::new(1280.0, 720.0), 1.0, false)));
    phoc.screen("phoc-sheet")
        .shows((440, 210), (400, 300), 1.0, FILL);
    let _keyboard = phoc.sandbox.spawn(keys);
    sheet.until("the keys", |c| c.keys() == [Key::Tab, Key::Escape]);
    phoc.pointer.go(460, 240);
    phoc.pointer.click();
    let at = Point::new(20.0, 30.0);
    sheet.until("a click", |c| {
        c.inputs().contains(&Input::PointerReleased(at))
    });
    phoc.pointer.go(1279, 719);
    sheet.resize((600.0, 500.0));
    sheet.rest(Duration::from_millis(300));
    phoc.screen("phoc-grown")
        .shows((340, 110), (600, 500), 1.0, FILL);
}

#[test]
fn a_strip_is_at_the_top_and_becomes_a_sheet() {
    let phoc = Phoc::start("1");
    let mut client = Client::shown(&phoc.target(), Form::Strip, (600.0, 80.0));
    assert_eq!(client.room, Some((Size::new(1280.0, 180.0), 1.0, false)));
    client.rest(Duration::from_millis(300));
    phoc.screen("phoc-strip")
        .shows((340, 0), (600, 80), 1.0, FILL);
    client.shell.set_form(Form::Sheet);
    client.resize((400.0, 300.0));
    client.until("room for the sheet", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, false))
    });
    client.rest(Duration::from_millis(500));
    phoc.screen("phoc-switched")
        .shows((440, 210), (400, 300), 1.0, FILL);
    assert!(client.visible);
}

#[test]
fn a_scale_of_two_makes_four_pixels_of_one() {
    let phoc = Phoc::start("2");
    let sheet = Client::shown(&phoc.target(), Form::Sheet, (200.0, 100.0));
    assert_eq!(sheet.room, Some((Size::new(640.0, 360.0), 2.0, false)));
    phoc.screen("phoc-scale-2")
        .shows((440, 260), (400, 200), 2.0, FILL);
}
