//! A window on X11.

use tiny_skia::PixmapMut;

use super::{Form, Names, ShellError, ShellEvent};
use crate::geometry::{Point, Size};

/// A window on X11.
#[derive(Debug)]
pub struct X11 {}

impl X11 {
    pub(super) async fn open(display: &str, form: Form, names: Names) -> Result<Self, ShellError> {
        let _ = (display, form, names);
        Ok(Self {})
    }

    pub(super) async fn next(&mut self) -> ShellEvent {
        std::future::pending().await
    }

    pub(super) fn set_form(&mut self, form: Form) {
        let _ = form;
    }

    pub(super) fn set_title(&mut self, title: &str) {
        let _ = title;
    }

    pub(super) fn present(
        &mut self,
        size: Size,
        paint: &mut dyn FnMut(&mut PixmapMut<'_>, f32),
    ) -> bool {
        let _ = (size, paint);
        false
    }

    pub(super) fn origin(&self) -> Option<Point> {
        None
    }

    pub(super) fn is_translucent(&self) -> bool {
        false
    }

    pub(super) fn begin_move(&mut self) {}

    pub(super) fn take_keyboard(&mut self) {}
}
