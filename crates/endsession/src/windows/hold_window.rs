//! A small window for programs without one, in a thread of its own. It is drawn and moved by Windows; that it is asked is `given`.

use std::{
    cell::Cell,
    fmt, mem, ptr,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use windows_sys::Win32::{
    Foundation::{ERROR_CLASS_ALREADY_EXISTS, HWND, LPARAM, LRESULT, RECT, WPARAM},
    Graphics::Gdi::{
        COLOR_BTNFACE, CreateFontIndirectW, DT_CALCRECT, DT_NOPREFIX, DT_WORDBREAK, DeleteObject,
        DrawTextW, GetDC, HFONT, ReleaseDC, SelectObject,
    },
    System::SystemServices::SS_NOPREFIX,
    UI::WindowsAndMessaging::{
        AdjustWindowRectEx, CW_USEDEFAULT, CreateWindowExW, DefWindowProcW, DestroyWindow,
        DispatchMessageW, GetMessageW, IDC_ARROW, IDI_INFORMATION, LoadCursorW, LoadIconW, MSG,
        NONCLIENTMETRICSW, PostMessageW, PostQuitMessage, RegisterClassExW,
        SPI_GETNONCLIENTMETRICS, SW_SHOWNOACTIVATE, SWP_NOACTIVATE, SWP_NOMOVE, SWP_NOZORDER,
        SendMessageW, SetWindowPos, ShowWindow, SystemParametersInfoW, TranslateMessage, WM_APP,
        WM_CLOSE, WM_DESTROY, WM_SETFONT, WNDCLASSEXW, WS_CAPTION, WS_CHILD, WS_MINIMIZEBOX,
        WS_OVERLAPPED, WS_SYSMENU, WS_VISIBLE,
    },
};

use super::{
    ask::is_visible,
    calls::{last_error, module},
    words::utf16,
};
use crate::{Builder, Client, Error, Events, Window, text::cut};

/// The message with which [`HoldWindow`]'s drop closes it.
const LET_GO: u32 = WM_APP;

const STYLE: u32 = WS_OVERLAPPED | WS_CAPTION | WS_SYSMENU | WS_MINIMIZEBOX;

/// How wide the text is, and how much is free around it, in pixels.
const WIDTH: i32 = 380;
const MARGIN: i32 = 16;

/// A text of a program is not shown without end.
const LONGEST: usize = 2_000;

thread_local! {
    /// Whether this thread's window was closed by the user.
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// Windows only: a small window that says what a program without one holds the session open for.
///
/// Windows lets only a program with a visible window refuse, and shows its user what it refuses with that window. A console program opens this one while it
/// holds. It does not take the keyboard, and is closed when this is dropped.
pub struct HoldWindow {
    window: isize,
    thread: Option<JoinHandle<()>>,
}

impl HoldWindow {
    /// Opens it with that title and text, and introduces the program with it, as [`Builder::window`] and [`Builder::connect`] do. When the user closes it,
    /// `closed` is called, in its thread, once it has gone: let go then, a refusal does not count any more.
    ///
    /// # Errors
    /// As [`Builder::connect`]; [`Error::Unsupported`] where no window can be made.
    pub fn open(
        title: &str,
        text: &str,
        builder: Builder,
        closed: impl FnOnce() + Send + 'static,
    ) -> Result<(Self, Client, Events), Error> {
        if !is_visible() {
            return Err(no_window("this process has no desktop that a user sees"));
        }
        let (title, text) = (utf16(cut(title, LONGEST)), utf16(cut(text, LONGEST)));
        let (tell, told) = mpsc::channel();
        let run = move || {
            let opened = match Shown::open(&title, &text) {
                Ok(shown) => shown,
                Err(error) => {
                    // Whoever started this thread waits for the word, here and below.
                    let why = format!("error {error} (CreateWindowEx)");
                    let _ = tell.send(Err(no_window(&why)));
                    return;
                }
            };
            // In this thread, as the window is.
            let connected = builder
                .window(Window::Win32(opened.window as isize))
                .connect();
            let is_connected = connected.is_ok();
            let window = opened.window as isize;
            let _ = tell.send(connected.map(|(client, events)| (window, client, events)));
            if is_connected {
                opened.run();
            }
            drop(opened);
            if IS_CLOSED.get() {
                closed();
            }
        };
        let thread = thread::Builder::new()
            .name("endsession-window".into())
            .spawn(run)
            .map_err(|error| Error::Failed {
                what: "starting a thread",
                why: error.to_string(),
            })?;
        let (window, client, events) = told.recv().map_err(|_| Error::Failed {
            what: "showing a window",
            why: "its thread has ended".to_owned(),
        })??;
        let shown = Self {
            window,
            thread: Some(thread),
        };
        Ok((shown, client, events))
    }
}

impl Drop for HoldWindow {
    fn drop(&mut self) {
        // SAFETY: the message carries nothing, and only this window's procedure has a meaning for it. A window that the user has closed takes nothing; its number is
        // not given to another soon.
        unsafe { PostMessageW(self.window as HWND, LET_GO, 0, 0) };
        if let Some(thread) = self.thread.take() {
            // Whether it panicked was said when it did.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for HoldWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldWindow").finish_non_exhaustive()
    }
}

fn no_window(why: &str) -> Error {
    Error::Unsupported {
        what: "showing a window",
        why: format!(
            "{why}; what runs as a service, or from another machine, cannot hold the session open"
        ),
    }
}

/// The window, in its thread.
struct Shown {
    window: HWND,
    font: HFONT,
}

impl Shown {
    /// Both texts end with 0.
    fn open(title: &[u16], text: &[u16]) -> Result<Self, u32> {
        let window = create(title)?;
        let shown = Self {
            window,
            font: message_font(),
        };
        let height = shown.height_of(text);
        shown.say(text, height)?;
        shown.size(height);
        // SAFETY: the window is this thread's. Not activated: whoever types goes on typing where they are.
        unsafe { ShowWindow(window, SW_SHOWNOACTIVATE) };
        Ok(shown)
    }

    /// Until it is closed.
    fn run(&self) {
        let mut message = MSG::default();
        // SAFETY: `message` takes one message; no window: those of all windows of this thread. -1 is an error of the arguments, which are right.
        while unsafe { GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) } > 0 {
            // SAFETY: a message that was just received. Windows runs `procedure` within it.
            unsafe {
                TranslateMessage(&raw const message);
                DispatchMessageW(&raw const message);
            }
        }
    }

    /// How high the text is, broken into lines.
    fn height_of(&self, text: &[u16]) -> i32 {
        let mut room = RECT {
            left: 0,
            top: 0,
            right: WIDTH,
            bottom: 0,
        };
        let format = DT_CALCRECT | DT_WORDBREAK | DT_NOPREFIX;
        // SAFETY: the context is the window's and given back, with the font that was in it; the text ends with 0, which -1 says; `room` takes one rectangle.
        unsafe {
            let context = GetDC(self.window);
            let before = SelectObject(context, self.font);
            DrawTextW(context, text.as_ptr(), -1, &raw mut room, format);
            SelectObject(context, before);
            ReleaseDC(self.window, context);
        }
        room.bottom
    }

    /// Puts the text into it.
    fn say(&self, text: &[u16], height: i32) -> Result<(), u32> {
        let class = utf16("STATIC");
        let style = WS_CHILD | WS_VISIBLE | SS_NOPREFIX;
        // SAFETY: the class is Windows' own; both texts end with 0 and are copied; it goes with the window that it is in.
        let label = unsafe {
            CreateWindowExW(
                0,
                class.as_ptr(),
                text.as_ptr(),
                style,
                MARGIN,
                MARGIN,
                WIDTH,
                height,
                self.window,
                ptr::null_mut(),
                module(),
                ptr::null(),
            )
        };
        if label.is_null() {
            return Err(last_error());
        }
        // SAFETY: the label is this thread's, and the font lives longer than it.
        unsafe { SendMessageW(label, WM_SETFONT, self.font as WPARAM, 0) };
        Ok(())
    }

    /// Makes it as large as what is in it.
    fn size(&self, height: i32) {
        let mut frame = RECT {
            left: 0,
            top: 0,
            right: WIDTH + 2 * MARGIN,
            bottom: height + 2 * MARGIN,
        };
        let flags = SWP_NOACTIVATE | SWP_NOMOVE | SWP_NOZORDER;
        // SAFETY: `frame` is one rectangle; the window is this thread's.
        unsafe {
            AdjustWindowRectEx(&raw mut frame, STYLE, 0, 0);
            SetWindowPos(
                self.window,
                ptr::null_mut(),
                0,
                0,
                frame.right - frame.left,
                frame.bottom - frame.top,
                flags,
            );
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // SAFETY: the window is this thread's, one that has gone already is answered with an error; with it goes its label, and then nobody has the font.
        unsafe {
            DestroyWindow(self.window);
            DeleteObject(self.font);
        }
    }
}

/// The font of message boxes. Without one Windows takes another.
fn message_font() -> HFONT {
    let mut metrics = NONCLIENTMETRICSW {
        cbSize: u32::try_from(mem::size_of::<NONCLIENTMETRICSW>()).unwrap_or(0),
        ..NONCLIENTMETRICSW::default()
    };
    let into = (&raw mut metrics).cast();
    // SAFETY: `metrics` is what is asked for, and says how large it is. The font is made from what Windows wrote, or from zeroes, which is any font.
    unsafe {
        SystemParametersInfoW(SPI_GETNONCLIENTMETRICS, metrics.cbSize, into, 0);
        CreateFontIndirectW(&raw const metrics.lfMessageFont)
    }
}

/// The title ends with 0.
fn create(title: &[u16]) -> Result<HWND, u32> {
    // Two versions of this crate in one program have two procedures.
    let class = utf16(&format!("endsession hold {:p}", procedure as *const ()));
    // SAFETY: both are Windows' own, by number; they are not to be freed.
    let (icon, cursor) = unsafe {
        (
            LoadIconW(ptr::null_mut(), IDI_INFORMATION),
            LoadCursorW(ptr::null_mut(), IDC_ARROW),
        )
    };
    let kind = WNDCLASSEXW {
        cbSize: u32::try_from(mem::size_of::<WNDCLASSEXW>()).unwrap_or(0),
        lpfnWndProc: Some(procedure),
        hInstance: module(),
        hIcon: icon,
        hCursor: cursor,
        // A colour of the system is given as its number and one.
        hbrBackground: (COLOR_BTNFACE + 1) as usize as *mut _,
        lpszClassName: class.as_ptr(),
        ..WNDCLASSEXW::default()
    };
    // SAFETY: all pointers are to what lives until the call is over; the procedure is as Windows calls one, and lives as long as the module.
    if unsafe { RegisterClassExW(&raw const kind) } == 0 {
        let error = last_error();
        // By another of these windows.
        if error != ERROR_CLASS_ALREADY_EXISTS {
            return Err(error);
        }
    }
    // SAFETY: the class is registered above; both texts end with 0 and are copied; there is no owner, no menu and no data.
    let window = unsafe {
        CreateWindowExW(
            0,
            class.as_ptr(),
            title.as_ptr(),
            STYLE,
            CW_USEDEFAULT,
            CW_USEDEFAULT,
            WIDTH,
            WIDTH,
            ptr::null_mut(),
            ptr::null_mut(),
            module(),
            ptr::null(),
        )
    };
    match window.is_null() {
        true => Err(last_error()),
        false => Ok(window),
    }
}

/// What the window does with a message.
unsafe extern "system" fn procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> LRESULT {
    match message {
        WM_CLOSE | LET_GO => {
            IS_CLOSED.set(message == WM_CLOSE);
            // SAFETY: the window is this thread's, as this call is.
            unsafe { DestroyWindow(window) };
            0
        }
        WM_DESTROY => {
            // SAFETY: it has no conditions. The loop that it ends is this thread's own.
            unsafe { PostQuitMessage(0) };
            0
        }
        // SAFETY: exactly what Windows called us with.
        _ => unsafe { DefWindowProcW(window, message, wparam, lparam) },
    }
}
