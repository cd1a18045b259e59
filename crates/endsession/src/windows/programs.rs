//! Which programs of this desktop have windows, and so are asked. Looks; changes nothing.

use std::{collections::BTreeMap, path::Path};

use windows_sys::{
    Win32::{
        Foundation::{CloseHandle, HWND, LPARAM},
        System::Threading::{
            OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION,
            QueryFullProcessImageNameW,
        },
        UI::WindowsAndMessaging::{
            EnumWindows, GetShellWindow, GetWindowTextW, GetWindowThreadProcessId, IsWindowVisible,
        },
    },
    core::BOOL,
};

use super::calls::last_error;
use crate::Error;

/// How much is read of a title, and of a program's path (MAX_PATH and more).
const TITLE: usize = 256;
const PATH: usize = 1_024;

/// Any program may open windows without end.
const MOST_WINDOWS: usize = 10_000;

/// Windows only: a program that is asked when the session ends, because it has top-level windows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its process.
    pub pid: u32,
    /// Its file's name, such as `notepad.exe`; empty where that may not be read.
    pub name: String,
    /// The title of its first visible window that has one, else of any; empty where none has.
    pub title: String,
    /// Whether one of its windows is visible: only then a refusal counts.
    pub is_visible: bool,
}

/// Windows only: the programs of this desktop that are asked when the session ends, but for the shell, by process.
///
/// Who of them would refuse is not told: Windows shows that to its user when it asks.
///
/// # Errors
/// [`Error::Failed`] where there is no desktop.
pub fn programs() -> Result<Vec<Program>, Error> {
    let mut windows: Vec<HWND> = Vec::new();
    let into: *mut Vec<HWND> = &raw mut windows;
    // SAFETY: `collect` is called within this call alone, in this thread, with the pointer given here; nothing else uses the list meanwhile.
    if unsafe { EnumWindows(Some(collect), into as LPARAM) } == 0 && windows.is_empty() {
        return Err(Error::Failed {
            what: "listing the windows (EnumWindows)",
            why: format!("error {}", last_error()),
        });
    }
    // SAFETY: it has no conditions.
    let shell = process_of(unsafe { GetShellWindow() });
    let mut programs: BTreeMap<u32, Program> = BTreeMap::new();
    for window in windows {
        let Some(pid) = process_of(window).filter(|pid| Some(*pid) != shell) else {
            continue;
        };
        // SAFETY: any value may be asked about.
        let is_visible = unsafe { IsWindowVisible(window) } != 0;
        let title = title_of(window);
        let program = programs.entry(pid).or_insert_with(|| Program {
            pid,
            name: name_of(pid),
            title: String::new(),
            is_visible: false,
        });
        let is_better = program.title.is_empty() || is_visible && !program.is_visible;
        if is_better && !title.is_empty() {
            program.title = title;
        }
        program.is_visible |= is_visible;
    }
    Ok(programs.into_values().collect())
}

unsafe extern "system" fn collect(window: HWND, into: LPARAM) -> BOOL {
    // SAFETY: `programs` gave this pointer, waits for this call to be over, and does not touch what is behind it meanwhile.
    let windows = unsafe { &mut *(into as *mut Vec<HWND>) };
    windows.push(window);
    BOOL::from(windows.len() < MOST_WINDOWS)
}

fn process_of(window: HWND) -> Option<u32> {
    let mut process = 0;
    // SAFETY: `process` takes one number; any value may be asked about, and one that is no window (any more) leaves it 0.
    unsafe { GetWindowThreadProcessId(window, &raw mut process) };
    (process != 0).then_some(process)
}

/// As Windows keeps it: a program that hangs is not asked.
fn title_of(window: HWND) -> String {
    let mut text = [0; TITLE];
    // SAFETY: `text` is as long as is said. Of another process' window this reads what Windows has; any value may be asked about.
    let length = unsafe { GetWindowTextW(window, text.as_mut_ptr(), TITLE as i32) };
    let length = usize::try_from(length).unwrap_or(0).min(TITLE);
    let title = String::from_utf16_lossy(&text[..length]);
    // It is a program's word, and shown in a list.
    crate::text::reason(&title)
}

fn name_of(pid: u32) -> String {
    let mut path = [0; PATH];
    let mut length = PATH as u32;
    // SAFETY: the handle is closed below, once; `path` is as long as `length` says, which takes how much of it was written.
    let is_told = unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
        if process.is_null() {
            return String::new();
        }
        let is_told = QueryFullProcessImageNameW(
            process,
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &raw mut length,
        );
        CloseHandle(process);
        is_told
    };
    if is_told == 0 {
        return String::new();
    }
    let length = usize::try_from(length).unwrap_or(0).min(PATH);
    let path = String::from_utf16_lossy(&path[..length]);
    let name = Path::new(&path).file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
