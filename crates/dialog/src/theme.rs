//! Colours, light and dark. Every text stands out from what is behind it by 4.5 to 1 at least
//! (WCAG 2.2, 1.4.3), and the edge of a button and
//! the ring around what has the focus by 3 to 1 (1.4.11); a coloured button is known by its label.

use tiny_skia::Color;

use crate::layout::Tone;
use crate::view::Emphasis;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

/// A colour without transparency: `0xrrggbb`.
type Rgb = u32;

/// The colours of one scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    card: Rgb,
    border: Rgb,
    row: Rgb,
    warning_row: Rgb,
    text: Rgb,
    quiet: Rgb,
    warning: Rgb,
    button: Rgb,
    button_text: Rgb,
    button_border: Rgb,
    primary: Rgb,
    danger: Rgb,
    on_strong: Rgb,
    focus: Rgb,
    track: Rgb,
}

const LIGHT: Theme = Theme {
    card: 0xfa_fa_fb,
    border: 0x8e_8e_96,
    row: 0xee_ee_f1,
    warning_row: 0xfb_e9_e7,
    text: 0x1d_1d_20,
    quiet: 0x55_55_5c,
    warning: 0x9c_12_1e,
    button: 0xff_ff_ff,
    button_text: 0x1d_1d_20,
    button_border: 0x85_85_8d,
    primary: 0x1a_5f_bf,
    danger: 0xb0_18_24,
    on_strong: 0xff_ff_ff,
    focus: 0x1a_5f_bf,
    track: 0xd2_d2_d8,
};

const DARK: Theme = Theme {
    card: 0x26_26_2a,
    border: 0x77_77_80,
    row: 0x31_31_36,
    warning_row: 0x45_2a_2b,
    text: 0xf3_f3_f5,
    quiet: 0xbb_bb_c3,
    warning: 0xff_b3_a8,
    button: 0x3b_3b_42,
    button_text: 0xf3_f3_f5,
    button_border: 0x84_84_8e,
    primary: 0x2a_6f_d0,
    danger: 0xcf_36_40,
    on_strong: 0xff_ff_ff,
    focus: 0x8a_b8_ff,
    track: 0x4a_4a_52,
};

impl Theme {
    /// The colours of a scheme.
    #[must_use]
    pub const fn of(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Light => LIGHT,
            Scheme::Dark => DARK,
        }
    }

    /// Behind everything.
    #[must_use]
    pub fn card(&self) -> Color {
        color(self.card)
    }

    /// Around everything.
    #[must_use]
    pub fn border(&self) -> Color {
        color(self.border)
    }

    /// Behind a row.
    #[must_use]
    pub fn row(&self, warns: bool) -> Color {
        color(if warns { self.warning_row } else { self.row })
    }

    /// Of a text.
    #[must_use]
    pub fn text(&self, tone: Tone) -> Color {
        color(self.text_rgb(tone))
    }

    fn text_rgb(&self, tone: Tone) -> Rgb {
        match tone {
            Tone::Normal => self.text,
            Tone::Quiet => self.quiet,
            Tone::Warning => self.warning,
            Tone::On(Emphasis::Normal) => self.button_text,
            Tone::On(Emphasis::Primary | Emphasis::Danger) => self.on_strong,
        }
    }

    /// A button's face; over it the pointer, or held down.
    #[must_use]
    pub fn button(&self, emphasis: Emphasis, hover: bool, pressed: bool) -> Color {
        let by = match (pressed, hover) {
            (true, _) => 0.16,
            (false, true) => 0.08,
            (false, false) => 0.0,
        };
        color(mix(self.button_rgb(emphasis), self.towards(emphasis), by))
    }

    fn button_rgb(&self, emphasis: Emphasis) -> Rgb {
        match emphasis {
            Emphasis::Normal => self.button,
            Emphasis::Primary => self.primary,
            Emphasis::Danger => self.danger,
        }
    }

    /// A face darkens behind light text and the reverse, so that the text never fades.
    fn towards(&self, emphasis: Emphasis) -> Rgb {
        if luminance(self.text_rgb(Tone::On(emphasis))) > 0.5 {
            0x00_00_00
        } else {
            self.track
        }
    }

    /// A button's edge.
    #[must_use]
    pub fn button_border(&self, emphasis: Emphasis) -> Option<Color> {
        (emphasis == Emphasis::Normal).then(|| color(self.button_border))
    }

    /// Around what has the focus.
    #[must_use]
    pub fn focus(&self) -> Color {
        color(self.focus)
    }

    /// A progress bar's empty part.
    #[must_use]
    pub fn track(&self) -> Color {
        color(self.track)
    }

    /// A progress bar's full part, a scrollbar, an icon's stand-in.
    #[must_use]
    pub fn filled(&self) -> Color {
        color(self.primary)
    }

    /// A scrollbar.
    #[must_use]
    pub fn scrollbar(&self) -> Color {
        color(self.button_border)
    }
}

fn channels(rgb: Rgb) -> [u8; 3] {
    let [_, r, g, b] = rgb.to_be_bytes();
    [r, g, b]
}

fn color(rgb: Rgb) -> Color {
    let [r, g, b] = channels(rgb);
    Color::from_rgba8(r, g, b, 0xff)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between two bytes lies a byte"
)]
fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    let (from, to) = (channels(from), channels(to));
    let mut out = [0; 4];
    for (n, out) in out[1..].iter_mut().enumerate() {
        let (a, b) = (f32::from(from[n]), f32::from(to[n]));
        *out = (a + (b - a) * share).round() as u8;
    }
    u32::from_be_bytes(out)
}

/// Relative luminance as WCAG 2.2 defines it.
fn luminance(rgb: Rgb) -> f32 {
    let [r, g, b] = channels(rgb).map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: Rgb, b: Rgb) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    const FACES: [Emphasis; 3] = [Emphasis::Normal, Emphasis::Primary, Emphasis::Danger];

    #[test]
    fn every_text_stands_out_from_what_is_behind_it() {
        for theme in [LIGHT, DARK] {
            for behind in [theme.card, theme.row, theme.warning_row] {
                for tone in [Tone::Normal, Tone::Quiet, Tone::Warning] {
                    let by = contrast(theme.text_rgb(tone), behind);
                    assert!(by >= 4.5, "{tone:?} on {behind:06x}: {by}");
                }
            }
            for face in FACES {
                for share in [0.0, 0.08, 0.16] {
                    let behind = mix(theme.button_rgb(face), theme.towards(face), share);
                    let by = contrast(theme.text_rgb(Tone::On(face)), behind);
                    assert!(by >= 4.5, "{face:?}, {share}: {by}");
                    // A menu's buttons carry a sentence too.
                    if face == Emphasis::Normal {
                        let by = contrast(theme.text_rgb(Tone::Quiet), behind);
                        assert!(by >= 4.5, "quiet on a button, {share}: {by}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_can_be_pressed_and_the_focus_stand_out() {
        for theme in [LIGHT, DARK] {
            for behind in [theme.card, theme.row] {
                for edge in [
                    theme.button_border,
                    theme.primary,
                    theme.danger,
                    theme.focus,
                ] {
                    let by = contrast(edge, behind);
                    assert!(by >= 2.6, "{edge:06x} on {behind:06x}: {by}");
                }
                assert!(contrast(theme.focus, behind) >= 3.0);
                assert!(contrast(theme.button_border, behind) >= 3.0);
            }
        }
    }

    #[test]
    fn the_contrast_is_that_of_wcag() {
        assert!((contrast(0x00_00_00, 0xff_ff_ff) - 21.0).abs() < 0.01);
        assert!((contrast(0x77_77_77, 0xff_ff_ff) - 4.48).abs() < 0.01);
    }
}
