//! Our own thread and its window, which nobody sees. It is a top-level window, for message-only ones are not asked; but where the application
//! gave its own, that one is asked, and ours is message-only until the other has gone.

use std::{
    cell::{Cell, RefCell},
    ptr,
    rc::Rc,
    sync::{Arc, mpsc},
    thread,
};

use windows_sys::Win32::{
    Foundation::{ERROR_CLASS_ALREADY_EXISTS, HWND, LPARAM, LRESULT, WPARAM},
    UI::WindowsAndMessaging::{
        CreateWindowExW, DefWindowProcW, DestroyWindow, DispatchMessageW, GetMessageW,
        HWND_MESSAGE, MSG, PostQuitMessage, RegisterClassExW, TranslateMessage, WM_CLOSE,
        WM_ENDSESSION, WM_QUERYENDSESSION, WNDCLASSEXW, WS_EX_TOOLWINDOW, WS_OVERLAPPED,
    },
};

use super::{
    calls::{Calls, last_error, module},
    door::{Door, Host},
    power::Power,
    system::Handle,
    words::utf16,
};

thread_local! {
    /// The keeper whose thread this is.
    static KEEPER: RefCell<Option<Rc<Keeper>>> = const { RefCell::new(None) };
}

/// What the thread has.
struct Keeper {
    host: Arc<Host<Calls>>,
    /// The window's title: what Windows calls a program that holds it up.
    title: String,
    window: Cell<Handle>,
    /// `None` while the window is message-only.
    door: RefCell<Option<Rc<Door<Calls>>>>,
    power: RefCell<Power>,
}

/// Starts the thread, and waits until its window is there.
///
/// # Errors
/// In words, why there is none.
pub(super) fn start(host: Arc<Host<Calls>>, title: String) -> Result<(), String> {
    let (ready, is_ready) = mpsc::channel();
    let run = move || match Keeper::new(host, title) {
        Ok(keeper) => {
            KEEPER.set(Some(Rc::clone(&keeper)));
            // Whoever started this thread waits for the word.
            let _ = ready.send(Ok(()));
            keeper.run();
            KEEPER.set(None);
        }
        Err(error) => {
            let _ = ready.send(Err(format!("CreateWindowEx: error {error}")));
        }
    };
    let thread = thread::Builder::new().name("endsession".into()).spawn(run);
    thread.map_err(|error| format!("no thread: {error}"))?;
    is_ready
        .recv()
        .unwrap_or_else(|_| Err("the thread has ended".to_owned()))
}

impl Keeper {
    fn new(host: Arc<Host<Calls>>, title: String) -> Result<Rc<Self>, u32> {
        let is_given = host.windows().given.is_some();
        let window = create(&title, is_given)?;
        host.windows().own = Some(window);
        let door = (!is_given).then(|| Rc::new(Door::new(Arc::clone(&host), window, false)));
        Ok(Rc::new(Self {
            host,
            title,
            window: Cell::new(window),
            door: RefCell::new(door),
            power: RefCell::default(),
        }))
    }

    fn run(&self) {
        // What was said before the window was there.
        self.look();
        let mut message = MSG::default();
        // SAFETY: `message` takes one message; no window: those of all windows of this thread. -1 is an error of the arguments, which are right.
        while unsafe { GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) } > 0 {
            // SAFETY: a message that was just received. Windows runs `procedure` within it.
            unsafe {
                TranslateMessage(&raw const message);
                DispatchMessageW(&raw const message);
            }
        }
        self.power
            .borrow_mut()
            .release(&self.host.system, &self.host.shared);
    }

    fn door(&self) -> Option<Rc<Door<Calls>>> {
        self.door.borrow().clone()
    }

    /// Something has changed.
    fn look(&self) {
        if self.host.desk().is_closed() {
            self.leave();
            return;
        }
        let is_given = self.host.windows().given.is_some();
        if !is_given && self.door().is_none() {
            self.succeed();
        }
        if let Some(door) = self.door() {
            door.look();
        }
        let holds = self.host.desk().holds().clone();
        self.power
            .borrow_mut()
            .hold(&self.host.system, &self.host.shared, &holds);
    }

    /// The application's window has gone, its program has not: one that is asked takes the place of the one that is not.
    fn succeed(&self) {
        match create(&self.title, false) {
            Ok(window) => {
                let old = self.window.replace(window);
                self.host.windows().own = Some(window);
                let door = Door::new(Arc::clone(&self.host), window, false);
                *self.door.borrow_mut() = Some(Rc::new(door));
                destroy(old);
            }
            Err(error) => tracing::warn!(
                "the window has gone and there is no other (CreateWindowEx: error {error}): this program is not asked any more"
            ),
        }
    }

    fn leave(&self) {
        self.host.windows().own = None;
        if let Some(door) = self.door.borrow_mut().take() {
            door.close();
        }
        destroy(self.window.get());
        // SAFETY: it has no conditions. The loop that it ends is this thread's own.
        unsafe { PostQuitMessage(0) };
    }
}

/// A window of this thread.
pub(super) fn create(title: &str, is_message_only: bool) -> Result<Handle, u32> {
    // Two versions of this crate in one program have two procedures.
    let class = utf16(&format!("endsession {:p}", procedure as *const ()));
    let kind = WNDCLASSEXW {
        cbSize: u32::try_from(size_of::<WNDCLASSEXW>()).unwrap_or(0),
        lpfnWndProc: Some(procedure),
        hInstance: module(),
        lpszClassName: class.as_ptr(),
        ..WNDCLASSEXW::default()
    };
    // SAFETY: all pointers are to what lives until the call is over; the procedure is as Windows calls one, and lives as long as the module.
    if unsafe { RegisterClassExW(&raw const kind) } == 0 {
        let error = last_error();
        // By another client of this process.
        if error != ERROR_CLASS_ALREADY_EXISTS {
            return Err(error);
        }
    }
    let title = utf16(title);
    let parent = if is_message_only {
        HWND_MESSAGE
    } else {
        ptr::null_mut()
    };
    // SAFETY: the class is registered above; both texts end with 0 and are copied; there is no menu and no data.
    let window = unsafe {
        CreateWindowExW(
            WS_EX_TOOLWINDOW,
            class.as_ptr(),
            title.as_ptr(),
            WS_OVERLAPPED,
            0,
            0,
            0,
            0,
            parent,
            ptr::null_mut(),
            module(),
            ptr::null(),
        )
    };
    if window.is_null() {
        return Err(last_error());
    }
    Ok(window as Handle)
}

fn destroy(window: Handle) {
    // SAFETY: a window of this thread; one that has gone already is answered with an error.
    unsafe { DestroyWindow(window as HWND) };
}

/// What our windows do with a message.
unsafe extern "system" fn procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> LRESULT {
    // Not yet, while the window is being made.
    let keeper = KEEPER.with_borrow(Clone::clone);
    if let Some(keeper) = keeper {
        let door = keeper
            .door()
            .filter(|door| door.window() == window as Handle);
        match (message, door) {
            (WM_QUERYENDSESSION, Some(door)) => return LRESULT::from(door.query(lparam)),
            (WM_ENDSESSION, Some(door)) => {
                door.end(wparam != 0, lparam);
                return 0;
            }
            // Nobody sees it, so nobody means it: it goes with its client.
            (WM_CLOSE, _) => return 0,
            (look, _) if look == keeper.host.system.look() => {
                keeper.look();
                return 0;
            }
            _ => {}
        }
    }
    // SAFETY: exactly what Windows called us with.
    unsafe { DefWindowProcW(window, message, wparam, lparam) }
}
