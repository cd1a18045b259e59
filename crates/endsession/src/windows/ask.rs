//! The seed's box.

use std::{ffi::c_void, path::Path, ptr};

use windows_sys::Win32::{
    System::StationsAndDesktops::{
        GetProcessWindowStation, GetUserObjectInformationW, UOI_FLAGS, USEROBJECTFLAGS,
    },
    UI::WindowsAndMessaging::{
        IDYES, MB_ICONQUESTION, MB_SETFOREGROUND, MB_TASKMODAL, MB_YESNO, MessageBoxW, WSF_VISIBLE,
    },
};

use super::{calls::last_error, words::utf16};
use crate::Error;

/// [MessageBox](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-messageboxw) with Yes and No. It runs a loop of the calling thread.
pub(crate) fn ask(question: &str) -> Result<bool, Error> {
    if !is_visible() {
        return Err(Error::Unsupported {
            what: "asking the user",
            why: "this process has no desktop that a user sees, as a service has none".to_owned(),
        });
    }
    let (text, title) = (utf16(question), utf16(&program()));
    let style = MB_YESNO | MB_ICONQUESTION | MB_SETFOREGROUND | MB_TASKMODAL;
    // SAFETY: both texts end with 0 and live until the call is over; without an owner no window is named.
    match unsafe { MessageBoxW(ptr::null_mut(), text.as_ptr(), title.as_ptr(), style) } {
        0 => Err(Error::Failed {
            what: "MessageBox",
            why: format!("error {}", last_error()),
        }),
        button => Ok(button == IDYES),
    }
}

/// The program's name, as its file has it.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_stem().map(Path::new);
    name.map_or_else(String::new, |name| name.display().to_string())
}

/// Whether a user sees the windows of this process. Where that is not told, they are shown.
pub(super) fn is_visible() -> bool {
    let mut flags = USEROBJECTFLAGS::default();
    let size = u32::try_from(size_of::<USEROBJECTFLAGS>()).unwrap_or(0);
    let into: *mut c_void = (&raw mut flags).cast();
    // SAFETY: the station is this process's own and not to be closed; `flags` is as large as is said.
    let is_told = unsafe {
        GetUserObjectInformationW(
            GetProcessWindowStation().cast(),
            UOI_FLAGS,
            into,
            size,
            ptr::null_mut(),
        )
    };
    is_told == 0 || flags.dwFlags & WSF_VISIBLE.cast_unsigned() != 0
}
