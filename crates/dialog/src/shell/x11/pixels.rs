//! Pixels as an X server wants them: what a screen's format is, and a frame in it.

use x11rb_protocol::protocol::xproto::{ImageOrder, Setup, VisualClass, Visualtype};

/// How the pixels of a visual are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) visual: u32,
    pub(super) depth: u8,
    /// Bytes of a pixel.
    bytes: usize,
    /// A row's length is a multiple of so many bytes.
    pad: usize,
    lowest_first: bool,
    red: u32,
    green: u32,
    blue: u32,
    /// Where opacity goes; 0 where the visual has none.
    alpha: u32,
}

impl Format {
    /// The format of this visual. None: its pixels are no colours but numbers of them, as on
    /// screens of the last century.
    pub(super) fn of(setup: &Setup, screen: usize, visual: u32) -> Option<Self> {
        let depths = &setup.roots.get(screen)?.allowed_depths;
        let of_depth = |visuals: &[Visualtype]| {
            let found = visuals.iter().find(|v| v.visual_id == visual);
            found.copied()
        };
        depths.iter().find_map(|depth| {
            let kind = of_depth(&depth.visuals)?;
            Self::with(setup, depth.depth, &kind)
        })
    }

    /// A format with opacity, where the screen has one.
    pub(super) fn with_alpha(setup: &Setup, screen: usize) -> Option<Self> {
        let depths = &setup.roots.get(screen)?.allowed_depths;
        let deep = depths.iter().find(|depth| depth.depth == 32)?;
        let formats = deep.visuals.iter();
        formats
            .filter_map(|visual| Self::with(setup, 32, visual))
            .find(|format| format.alpha != 0)
    }

    fn with(setup: &Setup, depth: u8, visual: &Visualtype) -> Option<Self> {
        if visual.class != VisualClass::TRUE_COLOR && visual.class != VisualClass::DIRECT_COLOR {
            return None;
        }
        let format = setup.pixmap_formats.iter().find(|f| f.depth == depth)?;
        if !matches!(format.bits_per_pixel, 16 | 24 | 32) {
            return None;
        }
        let colours = visual.red_mask | visual.green_mask | visual.blue_mask;
        Some(Self {
            visual: visual.visual_id,
            depth,
            bytes: usize::from(format.bits_per_pixel / 8),
            pad: usize::from(format.scanline_pad / 8).max(1),
            lowest_first: setup.image_byte_order == ImageOrder::LSB_FIRST,
            red: visual.red_mask,
            green: visual.green_mask,
            blue: visual.blue_mask,
            alpha: if depth == 32 { !colours } else { 0 },
        })
    }

    /// Whether what is transparent shows what is behind.
    pub(super) fn has_alpha(&self) -> bool {
        self.alpha != 0
    }

    /// Bytes of a row.
    pub(super) fn stride(&self, width: u32) -> usize {
        (width as usize * self.bytes).next_multiple_of(self.pad)
    }

    /// A pixel's number.
    pub(super) fn pixel(&self, [red, green, blue, alpha]: [u8; 4]) -> u32 {
        put(red, self.red) | put(green, self.green) | put(blue, self.blue) | put(alpha, self.alpha)
    }

    /// A frame of RGBA, premultiplied, as the server wants it.
    pub(super) fn convert(&self, rgba: &[u8], width: u32) -> Vec<u8> {
        let rows = rgba.chunks_exact((width as usize * 4).max(4));
        let mut out = Vec::with_capacity(rows.len() * self.stride(width));
        for row in rows {
            let start = out.len();
            for pixel in row.chunks_exact(4) {
                let pixel = self.pixel([pixel[0], pixel[1], pixel[2], pixel[3]]);
                if self.lowest_first {
                    out.extend_from_slice(&pixel.to_le_bytes()[..self.bytes]);
                } else {
                    out.extend_from_slice(&pixel.to_be_bytes()[4 - self.bytes..]);
                }
            }
            out.resize(start + self.stride(width), 0);
        }
        out
    }
}

/// Eight bits of a colour at the place of a mask, which may have fewer or more.
fn put(value: u8, mask: u32) -> u32 {
    if mask == 0 {
        return 0;
    }
    let most = u64::from(mask >> mask.trailing_zeros());
    let scaled = (u64::from(value) * most + 127) / 255;
    ((scaled as u32) << mask.trailing_zeros()) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(bytes: usize, masks: [u32; 4]) -> Format {
        Format {
            visual: 0,
            depth: 24,
            bytes,
            pad: 4,
            lowest_first: true,
            red: masks[0],
            green: masks[1],
            blue: masks[2],
            alpha: masks[3],
        }
    }

    #[test]
    fn an_ordinary_screen_has_blue_first() {
        let format = format(4, [0xff_0000, 0xff00, 0xff, 0]);
        assert_eq!(format.convert(&[1, 2, 3, 255], 1), [3, 2, 1, 0]);
    }

    #[test]
    fn a_screen_of_sixteen_bits_has_rows_of_whole_words() {
        let format = format(2, [0xf800, 0x07e0, 0x001f, 0]);
        assert_eq!(format.convert(&[255, 255, 255, 255], 1), [255, 255, 0, 0]);
        assert_eq!(format.pixel([255, 0, 0, 255]), 0xf800);
    }
}
