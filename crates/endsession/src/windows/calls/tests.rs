//! The calls on whatever Windows the tests run: Wine, or the real one.

use std::time::Duration;

use windows_sys::Win32::{
    System::Threading::GetProcessShutdownParameters,
    UI::{Shell::CommandLineToArgvW, WindowsAndMessaging::WM_APP},
};

use super::*;
use crate::windows::{hidden, words};

#[test]
fn the_level_is_the_processs() {
    Calls::new().set_level(0x300).unwrap();
    let (mut level, mut flags) = (0, 0);
    // SAFETY: each takes one number.
    let is_told = unsafe { GetProcessShutdownParameters(&raw mut level, &raw mut flags) };
    assert_ne!(is_told, 0);
    assert_eq!((level, flags), (0x300, 0));
}

#[test]
fn a_restart_is_registered() {
    assert_eq!(Calls::new().register_restart("--restored"), Ok(()));
    assert_eq!(Calls::new().register_restart(""), Ok(()));
}

/// The arguments of `line` as Windows takes them apart.
fn parsed(line: &str) -> Vec<String> {
    let line = utf16(line);
    let mut count = 0;
    // SAFETY: the text ends with 0; `count` takes one number.
    let words = unsafe { CommandLineToArgvW(line.as_ptr(), &raw mut count) };
    assert!(!words.is_null());
    let words = (0..usize::try_from(count).unwrap()).map(|at| {
        // SAFETY: there are `count` texts, each ends with 0. They are left to the process's end.
        unsafe {
            let word = *words.add(at);
            let length = (0..).take_while(|unit| *word.add(*unit) != 0).count();
            String::from_utf16(std::slice::from_raw_parts(word, length)).unwrap()
        }
    });
    words.collect()
}

#[test]
fn windows_takes_a_restarts_arguments_apart_as_they_were() {
    let arguments = [
        "--restored",
        "",
        "a b",
        r"C:\my files\",
        r#"say "hi""#,
        r#"\"x y\\"#,
        "tab\there",
        "😀",
        r"\\server\a b\\",
    ];
    let arguments = arguments.map(str::to_owned);
    let line = words::restart_line(&arguments).unwrap();
    let parsed = parsed(&format!("program.exe {line}"));
    assert_eq!(parsed[1..], arguments);
}

#[test]
fn this_user_may_power_off() {
    assert_eq!(Calls::new().permit_power_off(), Ok(()));
}

/// Wine has neither, and says so; the thread is kept awake then.
#[test]
fn what_wine_does_not_have_is_an_error_and_no_more() {
    let calls = Calls::new();
    let both = What::SLEEP | What::IDLE;
    let window = hidden::create("test", true).unwrap();
    let (requested, blocked) = (
        calls.request_power(both, "Rendering"),
        calls.block(window, "Rendering"),
    );
    if is_wine() {
        assert!(requested.is_err());
        assert_eq!(blocked, Err(120));
    } else {
        calls.end_power(requested.unwrap());
        assert_eq!(blocked, Ok(()));
    }
    calls.unblock(window);
    assert!(calls.keep_awake(both) && calls.keep_awake(What::NOTHING));
}

#[test]
fn a_thread_waits_until_its_deadline_and_no_longer() {
    let calls = Calls::new();
    let deadline = Instant::now() + Duration::from_millis(30);
    while Instant::now() < deadline {
        assert_eq!(calls.pump(Some(deadline)), Pumped::Went);
    }
}

#[test]
fn the_word_to_quit_is_left_for_the_loop_that_it_is_for() {
    let calls = Calls::new();
    // SAFETY: it has no conditions.
    unsafe { PostQuitMessage(3) };
    assert_eq!(calls.pump(None), Pumped::Quit);
    assert_eq!(calls.pump(None), Pumped::Quit);
}

#[test]
fn a_message_to_the_thread_is_left_for_its_loop() {
    let calls = Calls::new();
    let number = WM_APP + 5;
    // SAFETY: the message carries nothing.
    unsafe { PostThreadMessageW(GetCurrentThreadId(), number, 1, 2) };
    assert_eq!(calls.pump(None), Pumped::Went);
    let mut message = MSG::default();
    let mut next = || {
        // SAFETY: `message` takes one message.
        let is_there = unsafe { PeekMessageW(&raw mut message, ptr::null_mut(), 0, 0, PM_REMOVE) };
        (is_there != 0).then_some((message.message, message.wParam, message.lParam))
    };
    assert_eq!(next(), None);
    calls.give_back();
    assert_eq!(next(), Some((number, 1, 2)));
    assert_eq!(next(), None);
}
