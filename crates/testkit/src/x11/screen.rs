//! What an X display shows, and of what it consists: pictures, monitors, resources.

use x11rb::{
    connection::Connection,
    protocol::{
        randr::{ConnectionExt as _, MonitorInfo},
        xproto::{AtomEnum, ConnectionExt as _, ImageFormat, ImageOrder, PropMode},
    },
    wrapper::ConnectionExt as _,
};

use super::Display;
use crate::picture::{Picture, Region, Screen};

/// One monitor of a display, as clients are told through RandR 1.5 and Xinerama.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Its name.
    pub name: String,
    /// Where it is on the display, in pixels.
    pub region: Region,
    /// Whether it is the primary one.
    pub primary: bool,
}

impl Display {
    /// Width and height of all of it, in pixels.
    #[track_caller]
    pub fn size(&self) -> (u32, u32) {
        let session = self.open();
        let geometry = session
            .connection
            .get_geometry(session.root)
            .expect("the X server lives")
            .reply()
            .expect("the root window's size");
        (geometry.width.into(), geometry.height.into())
    }

    /// The monitors that clients see.
    #[track_caller]
    pub fn monitors(&self) -> Vec<Monitor> {
        let session = self.open();
        let monitors = session
            .connection
            .randr_get_monitors(session.root, true)
            .expect("the X server lives")
            .reply()
            .expect("the X server's monitors");
        let name = |atom| {
            let cookie = session.connection.get_atom_name(atom).ok()?;
            let name = cookie.reply().ok()?.name;
            String::from_utf8(name).ok()
        };
        let monitor = |info: &MonitorInfo| Monitor {
            name: name(info.name).unwrap_or_default(),
            region: Region {
                x: info.x.unsigned_abs().into(),
                y: info.y.unsigned_abs().into(),
                width: info.width.into(),
                height: info.height.into(),
            },
            primary: info.primary,
        };
        monitors.monitors.iter().map(monitor).collect()
    }

    /// Divides the display into monitors, from the first, which is the primary one, on. Clients are
    /// told. Xvfb has one output alone; the others are monitors without one, as of a video wall.
    ///
    /// # Panics
    /// When one of them is not on the display.
    #[track_caller]
    pub fn set_monitors(&self, regions: &[Region]) {
        let (width, height) = self.size();
        let session = self.open();
        let connection = &session.connection;
        let resources = connection
            .randr_get_screen_resources_current(session.root)
            .expect("the X server lives")
            .reply()
            .expect("the X server's outputs");
        for (number, region) in regions.iter().enumerate() {
            let fits = region.x + region.width <= width && region.y + region.height <= height;
            assert!(
                fits,
                "{region:?} is not on a display of {width} by {height}"
            );
            let name = format!("testkit-{number}");
            let atom = connection
                .intern_atom(false, name.as_bytes())
                .expect("the X server lives")
                .reply()
                .expect("an atom");
            let pixels = |length: u32| u16::try_from(length).expect("an X display's size");
            // 96 dots an inch.
            let millimetres = |length: u32| (length * 254).div_ceil(960);
            // The one output belongs to the first: a monitor takes an output's own away.
            let outputs = match number {
                0 => resources.outputs.clone(),
                _ => Vec::new(),
            };
            let monitor = MonitorInfo {
                name: atom.atom,
                primary: number == 0,
                automatic: false,
                x: pixels(region.x) as i16,
                y: pixels(region.y) as i16,
                width: pixels(region.width),
                height: pixels(region.height),
                width_in_millimeters: millimetres(region.width),
                height_in_millimeters: millimetres(region.height),
                outputs,
            };
            connection
                .randr_set_monitor(session.root, monitor)
                .expect("the X server lives")
                .check()
                .unwrap_or_else(|error| panic!("monitor {region:?}: {error}"));
        }
    }

    /// Sets a resource as xrdb does, in the root window's RESOURCE_MANAGER: `Xft.dpi` to `192`.
    #[track_caller]
    pub fn set_resource(&self, name: &str, value: &str) {
        let session = self.open();
        let manager = AtomEnum::RESOURCE_MANAGER.into();
        let text = session.property(session.root, manager).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let prefix = format!("{name}:");
        let others = text.lines().filter(|line| !line.starts_with(&prefix));
        let mut text: String = others.flat_map(|line| [line, "\n"]).collect();
        text.push_str(&format!("{name}:\t{value}\n"));
        session
            .connection
            .change_property8(
                PropMode::REPLACE,
                session.root,
                manager,
                AtomEnum::STRING,
                text.as_bytes(),
            )
            .expect("the X server lives")
            .check()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

impl Screen for Display {
    #[track_caller]
    fn picture(&self) -> Picture {
        let (width, height) = self.size();
        self.picture_of((0, 0, width, height))
    }

    #[track_caller]
    fn picture_of(&self, region: impl Into<Region>) -> Picture {
        let region = region.into();
        let session = self.open();
        let side = |length: u32| u16::try_from(length).expect("an X display's size");
        let image = session
            .connection
            .get_image(
                ImageFormat::Z_PIXMAP,
                session.root,
                side(region.x) as i16,
                side(region.y) as i16,
                side(region.width),
                side(region.height),
                !0,
            )
            .expect("the X server lives")
            .reply()
            .unwrap_or_else(|error| panic!("a picture of {region:?}: {error}"));
        assert_eq!(image.depth, 24, "pictures are of displays of 24 bits");
        let little = session.connection.setup().image_byte_order == ImageOrder::LSB_FIRST;
        let (pixels, _) = image.data.as_chunks();
        let rgb = pixels.iter().map(|pixel: &[u8; 4]| {
            let word = if little {
                u32::from_le_bytes(*pixel)
            } else {
                u32::from_be_bytes(*pixel)
            };
            let [_, red, green, blue] = word.to_be_bytes();
            [red, green, blue]
        });
        Picture::new(region.width, region.height, rgb.collect())
    }
}
