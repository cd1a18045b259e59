//! A program of Windows with a window and no toolkit: its events go through its own loop, as those of every toolkit do.
//!
//!     window [ANSWER] [--more N] [--box] [--turns] [--thread] [--hold REASON] [--close] [--leave]
//!
//! ANSWER is yes, no, never, or ask: a box with Yes and No over the window. --more: so many windows beside it. --box: a box of its own is open
//! already. --turns: it looks for events once a turn of its loop, and nowhere else. --thread: it answers in the thread in which the events come. --close: it
//! closes its window and goes on. --leave: it wants to be asked nothing any more.

#[cfg(not(windows))]
fn main() {
    eprintln!("window: this one is for Windows");
    std::process::exit(2);
}

#[cfg(windows)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    program::main()
}

#[cfg(windows)]
#[allow(unsafe_code, reason = "the calls of Windows")]
mod program {
    use std::{
        cell::RefCell,
        collections::VecDeque,
        io::Write as _,
        ptr,
        sync::{Arc, Mutex, PoisonError},
    };

    use endsession::{Client, Event, Events, Query, Window};
    use windows_sys::{
        Win32::{
            Foundation::{HWND, LPARAM, LRESULT, WPARAM},
            System::LibraryLoader::GetModuleHandleW,
            UI::WindowsAndMessaging::{
                CW_USEDEFAULT, CreateWindowExW, DefWindowProcW, DestroyWindow, DispatchMessageW,
                GetMessageW, IDYES, MB_OK, MB_YESNO, MSG, MessageBoxW, PostMessageW,
                PostQuitMessage, RegisterClassW, SW_SHOWNORMAL, SetTimer, ShowWindow,
                TranslateMessage, WM_APP, WM_DESTROY, WNDCLASSW, WS_OVERLAPPEDWINDOW,
            },
        },
        core::w,
    };

    /// An event has come.
    const EVENT: u32 = WM_APP;
    /// Opens the program's own box.
    const BOX: u32 = WM_APP + 1;

    #[derive(Clone, Default)]
    struct Options {
        answer: String,
        more: u32,
        has_box: bool,
        turns: bool,
        in_thread: bool,
        hold: Option<String>,
        closes: bool,
        leaves: bool,
    }

    type Queue = Arc<Mutex<VecDeque<Event>>>;

    thread_local! {
        static OPTIONS: RefCell<Options> = RefCell::default();
        static QUEUE: RefCell<Queue> = RefCell::default();
    }

    pub(super) fn main() -> Result<(), Box<dyn std::error::Error>> {
        let options = options()?;
        OPTIONS.set(options.clone());
        let windows: Vec<HWND> = (0..=options.more).map(|_| create()).collect();
        let window = windows[0];
        let builder =
            Client::builder("org.endsession.Window").window(Window::Win32(window as isize));
        let mut events = None;
        let client = if options.turns {
            let (client, taken) = builder.connect()?;
            events = Some(taken);
            client
        } else {
            let queue = QUEUE.with_borrow(Arc::clone);
            let (address, own) = (window as usize, options.clone());
            builder.connect_with(move |event| {
                if own.in_thread {
                    handle(event, ptr::null_mut(), &own.answer);
                    return;
                }
                queue
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_back(event);
                // SAFETY: the message carries nothing.
                unsafe { PostMessageW(address as HWND, EVENT, 0, 0) };
            })?
        };
        let _hold = options.hold.as_ref().map(|reason| client.hold(reason));
        say(&format!("ready backend={}", client.backend()));
        if options.closes {
            // SAFETY: this thread's window.
            unsafe { DestroyWindow(window) };
            say("closed");
        }
        if options.leaves {
            drop((client, events.take()));
            say("left");
        }
        if options.has_box {
            // SAFETY: the message carries nothing.
            unsafe { PostMessageW(window, BOX, 0, 0) };
        }
        if options.turns {
            // SAFETY: no window and no procedure: it only lets the loop turn.
            unsafe { SetTimer(ptr::null_mut(), 0, 50, None) };
        }
        run(events, &options.answer);
        say("quits");
        Ok(())
    }

    fn run(mut events: Option<Events>, answer: &str) {
        let mut message = MSG::default();
        // SAFETY: `message` takes one message, which is then carried out.
        while unsafe { GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) } > 0 {
            // SAFETY: as above.
            unsafe {
                TranslateMessage(&raw const message);
                DispatchMessageW(&raw const message);
            }
            if let Some(event) = events.as_mut().and_then(Events::try_next) {
                handle(event, ptr::null_mut(), answer);
            }
        }
    }

    fn handle(event: Event, window: HWND, answer: &str) {
        match event {
            Event::Query(query) => {
                say("query");
                reply(query, window, answer);
            }
            Event::End(end) => {
                say("end");
                end.done();
            }
            Event::Cancelled => say("cancelled"),
            other => say(&format!("{other:?}")),
        }
    }

    fn reply(query: Query, window: HWND, answer: &str) {
        match answer {
            "no" => query.refuse("Two documents are not saved"),
            "never" => std::mem::forget(query),
            "ask" => {
                let asking = query.ask_user("Save the drawing?");
                say("asking");
                // SAFETY: both texts are constants that end with 0.
                let pressed = unsafe {
                    MessageBoxW(window, w!("End the session?"), w!("Question"), MB_YESNO)
                };
                if pressed == IDYES {
                    asking.accept();
                } else {
                    asking.refuse("The drawing is not saved");
                }
            }
            _ => query.accept(),
        }
        say("answered");
    }

    fn create() -> HWND {
        // SAFETY: the texts are constants that end with 0; the procedure is as Windows calls one.
        unsafe {
            let kind = WNDCLASSW {
                lpfnWndProc: Some(procedure),
                hInstance: GetModuleHandleW(ptr::null()),
                lpszClassName: w!("window"),
                ..WNDCLASSW::default()
            };
            // The second time it is there already.
            RegisterClassW(&raw const kind);
            let window = CreateWindowExW(
                0,
                w!("window"),
                w!("Drawing"),
                WS_OVERLAPPEDWINDOW,
                CW_USEDEFAULT,
                CW_USEDEFAULT,
                400,
                200,
                ptr::null_mut(),
                ptr::null_mut(),
                kind.hInstance,
                ptr::null(),
            );
            ShowWindow(window, SW_SHOWNORMAL);
            window
        }
    }

    unsafe extern "system" fn procedure(
        window: HWND,
        message: u32,
        wparam: WPARAM,
        lparam: LPARAM,
    ) -> LRESULT {
        let options = OPTIONS.with_borrow(Clone::clone);
        match message {
            EVENT => {
                let queue = QUEUE.with_borrow(Arc::clone);
                let next = || {
                    queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front()
                };
                while let Some(event) = next() {
                    handle(event, window, &options.answer);
                }
                return 0;
            }
            BOX => {
                say("box");
                // SAFETY: both texts are constants that end with 0.
                unsafe { MessageBoxW(window, w!("Its own question"), w!("Question"), MB_OK) };
                say("box gone");
                return 0;
            }
            WM_DESTROY if !options.closes => {
                // SAFETY: it has no conditions.
                unsafe { PostQuitMessage(0) };
                return 0;
            }
            _ => {}
        }
        // SAFETY: exactly what this was called with.
        unsafe { DefWindowProcW(window, message, wparam, lparam) }
    }

    fn options() -> Result<Options, String> {
        let mut options = Options::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} takes a value"));
            match word.as_str() {
                "--more" => options.more = value()?.parse().map_err(|_| "--more takes a number")?,
                "--hold" => options.hold = Some(value()?),
                "--box" => options.has_box = true,
                "--turns" => options.turns = true,
                "--thread" => options.in_thread = true,
                "--close" => options.closes = true,
                "--leave" => options.leaves = true,
                "yes" | "no" | "never" | "ask" => options.answer = word,
                _ => return Err(format!("unknown: {word}")),
            }
        }
        Ok(options)
    }

    /// Each line at once: this process may be ended at any moment.
    fn say(line: &str) {
        let mut out = std::io::stdout().lock();
        // Who does not listen any more misses nothing.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
