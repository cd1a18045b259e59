//! What is said to Windows and what it says, as numbers and UTF-16. No calls, so it is tested on every platform.

use crate::{EndRequest, Ending, Force, Kind, request::End};

/// The lParam of [WM_QUERYENDSESSION](https://learn.microsoft.com/en-us/windows/win32/shutdown/wm-queryendsession) and
/// [WM_ENDSESSION](https://learn.microsoft.com/en-us/windows/win32/shutdown/wm-endsession), a bit mask.
pub(super) mod lparam {
    pub(crate) const CLOSEAPP: u32 = 0x1;
    pub(crate) const CRITICAL: u32 = 0x4000_0000;
    pub(crate) const LOGOFF: u32 = 0x8000_0000;
}

/// The flags of [ExitWindowsEx](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-exitwindowsex).
pub(super) mod flags {
    pub(crate) const LOGOFF: u32 = 0;
    pub(crate) const SHUTDOWN: u32 = 0x1;
    pub(crate) const REBOOT: u32 = 0x2;
    pub(crate) const FORCE: u32 = 0x4;
    pub(crate) const POWEROFF: u32 = 0x8;
    pub(crate) const FORCEIFHUNG: u32 = 0x10;
}

/// The reason of the macro `ExitWindows`.
const NO_REASON: u32 = 0xFFFF_FFFF;

/// `SHTDN_REASON_FLAG_PLANNED | SHTDN_REASON_MAJOR_APPLICATION`.
const PLANNED_BY_APPLICATION: u32 = 0x8004_0000;

/// The longest command line of
/// [RegisterApplicationRestart](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-registerapplicationrestart), in UTF-16 units
/// with the 0 at its end.
pub(super) const MAX_RESTART: usize = 1024;

#[cfg(windows)]
const _: () = {
    use windows_sys::Win32::{System::Shutdown, UI::WindowsAndMessaging};
    assert!(lparam::CLOSEAPP == WindowsAndMessaging::ENDSESSION_CLOSEAPP);
    assert!(lparam::CRITICAL == WindowsAndMessaging::ENDSESSION_CRITICAL);
    assert!(lparam::LOGOFF == WindowsAndMessaging::ENDSESSION_LOGOFF);
    assert!(flags::LOGOFF == Shutdown::EWX_LOGOFF);
    assert!(flags::SHUTDOWN == Shutdown::EWX_SHUTDOWN);
    assert!(flags::REBOOT == Shutdown::EWX_REBOOT);
    assert!(flags::FORCE == Shutdown::EWX_FORCE);
    assert!(flags::POWEROFF == Shutdown::EWX_POWEROFF);
    assert!(flags::FORCEIFHUNG == Shutdown::EWX_FORCEIFHUNG);
    assert!(
        PLANNED_BY_APPLICATION
            == Shutdown::SHTDN_REASON_FLAG_PLANNED | Shutdown::SHTDN_REASON_MAJOR_APPLICATION
    );
    assert!(crate::MAX_REASON + 1 == WindowsAndMessaging::MAX_STR_BLOCKREASON as usize);
};

/// What kind of end `lparam` tells. `is_told`: whether no bit at all means a shut-down, as the documents say; Wine sets none, whatever ends.
pub(super) fn ending(lparam: isize, is_told: bool) -> Ending {
    // The mask has 32 bits; LOGOFF arrives with or without its sign extended.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bits = lparam as u32;
    if bits == 0 && !is_told {
        return Ending::UNKNOWN;
    }
    let kind = if bits & lparam::CLOSEAPP != 0 {
        Kind::AppUpdate
    } else if bits & lparam::LOGOFF != 0 {
        Kind::LogOff
    } else {
        Kind::Shutdown
    };
    Ending::new(Some(kind), bits & lparam::CRITICAL != 0)
}

/// What ExitWindowsEx is given for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) flags: u32,
    pub(super) reason: u32,
    /// Whether the machine goes too: that needs `SE_SHUTDOWN_NAME`.
    pub(super) is_power: bool,
}

/// `request` in ExitWindowsEx's words. The shortest one, [`log_off`](crate::log_off), is the macro `ExitWindows(0, 0)` bit by bit.
pub(super) fn exit(request: &EndRequest) -> Exit {
    let what = match request.what {
        End::LogOff => flags::LOGOFF,
        End::Restart => flags::REBOOT,
        End::PowerOff => flags::SHUTDOWN | flags::POWEROFF,
    };
    let force = match request.force {
        Force::No => 0,
        Force::IfHung => flags::FORCEIFHUNG,
        Force::Yes => flags::FORCE,
    };
    let is_power = request.what != End::LogOff;
    // A log-off is not written down with a reason.
    let default = if is_power {
        PLANNED_BY_APPLICATION
    } else {
        NO_REASON
    };
    Exit {
        flags: what | force,
        reason: request.windows_reason.unwrap_or(default),
        is_power,
    }
}

/// `text` for a call that takes UTF-16 with a 0 at its end. A 0 within it would end it there, so there is none.
pub(super) fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16()
        .filter(|unit| *unit != 0)
        .chain([0])
        .collect()
}

/// The command line, without the program, from which a program's runtime reads exactly `arguments`, as
/// [CommandLineToArgvW](https://learn.microsoft.com/en-us/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw) documents it. `None` where it is too long
/// to be registered.
pub(super) fn restart_line(arguments: &[String]) -> Option<String> {
    let quoted: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
    let line = quoted.join(" ");
    (utf16(&line).len() <= MAX_RESTART).then_some(line)
}

fn quoted(argument: &str) -> String {
    let is_plain = |c: char| !matches!(c, ' ' | '\t' | '\n' | '\x0b' | '"');
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.to_owned();
    }
    let mut line = String::from('"');
    // Backslashes count only before a quotation mark: each is doubled there.
    let mut slashes = 0;
    for c in argument.chars() {
        match c {
            '\\' => slashes += 1,
            '"' => {
                line.extend(std::iter::repeat_n('\\', slashes + 1));
                slashes = 0;
            }
            _ => slashes = 0,
        }
        line.push(c);
    }
    line.extend(std::iter::repeat_n('\\', slashes));
    line.push('"');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_tells_what_ends() {
        let kind = |lparam| ending(lparam, true).kind();
        assert_eq!(kind(0), Some(Kind::Shutdown));
        assert_eq!(kind(0x8000_0000), Some(Kind::LogOff));
        // As a 32-bit program's long has it.
        assert_eq!(kind(-0x8000_0000), Some(Kind::LogOff));
        assert_eq!(kind(0x1), Some(Kind::AppUpdate));
        assert_eq!(kind(0x4000_0000), Some(Kind::Shutdown));
        // Bits of which nothing is known.
        assert_eq!(kind(0x10), Some(Kind::Shutdown));
        let critical = |lparam| ending(lparam, true).is_critical();
        assert!(critical(0x4000_0000) && critical(0xC000_0000) && critical(0x4000_0001));
        assert!(!critical(0) && !critical(0x8000_0001));
    }

    #[test]
    fn wines_0_tells_nothing() {
        assert_eq!(ending(0, false), Ending::UNKNOWN);
        assert_eq!(ending(0x8000_0000, false).kind(), Some(Kind::LogOff));
    }

    #[test]
    fn the_seeds_call_is_the_shortest_request() {
        let expected = Exit {
            flags: 0,
            reason: 0xFFFF_FFFF,
            is_power: false,
        };
        assert_eq!(exit(&EndRequest::log_off()), expected);
    }

    #[test]
    fn a_request_is_flags_and_a_reason() {
        let words = |request: EndRequest| {
            let exit = exit(&request);
            (exit.flags, exit.reason)
        };
        assert_eq!(words(EndRequest::restart()), (0x2, 0x8004_0000));
        assert_eq!(words(EndRequest::power_off()), (0x9, 0x8004_0000));
        assert_eq!(
            words(EndRequest::log_off().force(Force::Yes)),
            (0x4, 0xFFFF_FFFF)
        );
        assert_eq!(
            words(EndRequest::restart().force(Force::IfHung).windows_reason(5)),
            (0x12, 5)
        );
        assert_eq!(words(EndRequest::log_off().windows_reason(7)), (0, 7));
    }

    #[test]
    fn arguments_come_back_as_they_were() {
        let line = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|&a| a.to_owned()).collect();
            restart_line(&arguments)
        };
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(line(&[]), is(""));
        assert_eq!(line(&["-a", r"C:\b\"]), is(r"-a C:\b\"));
        assert_eq!(line(&["", "a b"]), is(r#""" "a b""#));
        assert_eq!(line(&[r"C:\my files\"]), is(r#""C:\my files\\""#));
        assert_eq!(line(&[r#"say "hi""#]), is(r#""say \"hi\"""#));
        assert_eq!(line(&[r#"\"x y"#]), is(r#""\\\"x y""#));
        assert_eq!(line(&[&"a".repeat(1023)]), is(&"a".repeat(1023)));
        assert_eq!(line(&[&"a".repeat(1024)]), None);
    }

    #[test]
    fn utf16_ends_with_its_only_0() {
        assert_eq!(utf16("a\0b"), [97, 98, 0]);
        assert_eq!(utf16("😀"), [0xD83D, 0xDE00, 0]);
    }
}
