//! A question with Yes and No, shown by a program of the desktop that can. It touches `PATH`, and runs what it finds there.
//!
//! The question is data: no program takes it for an option, for markup or for an escape.

use std::{
    env,
    ffi::OsString,
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use crate::Error;

/// What is kept of what a program says of its trouble, in bytes.
const MAX_WORDS: usize = 1000;

/// The programs, in the order in which they are tried.
const PROGRAMS: [Program; 5] = [
    Program::Endsession,
    Program::Zenity,
    Program::Kdialog,
    Program::Yad,
    Program::Xmessage,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Endsession,
    Zenity,
    Kdialog,
    Yad,
    Xmessage,
}

/// Where programs and displays are.
struct Place {
    path: Option<OsString>,
    has_wayland: bool,
    has_x11: bool,
}

pub(crate) fn ask(question: &str) -> Result<bool, Error> {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let place = Place {
        path: env::var_os("PATH"),
        has_wayland: is_set("WAYLAND_DISPLAY"),
        has_x11: is_set("DISPLAY"),
    };
    place.ask(question)
}

impl Place {
    fn ask(&self, question: &str) -> Result<bool, Error> {
        const WHAT: &str = "asking the user";
        let unsupported = |why: &str| Error::Unsupported {
            what: WHAT,
            why: why.to_owned(),
        };
        if !(self.has_wayland || self.has_x11) {
            return Err(unsupported(
                "there is no display to ask on: neither WAYLAND_DISPLAY nor DISPLAY is set",
            ));
        }
        // No program can be given one.
        let question = question.replace('\0', " ");
        let mut failures = Vec::new();
        for program in PROGRAMS {
            let Some(file) = self.find(program) else {
                continue;
            };
            match program.ask(&file, &question) {
                Ok(answer) => return Ok(answer),
                Err(why) => failures.push(format!("{}: {why}", file.display())),
            }
        }
        if failures.is_empty() {
            return Err(unsupported(
                "none of endsession, zenity, kdialog, yad and xmessage is installed",
            ));
        }
        Err(Error::Failed {
            what: WHAT,
            why: failures.join("; "),
        })
    }

    fn find(&self, program: Program) -> Option<PathBuf> {
        if program == Program::Xmessage && !self.has_x11 {
            return None;
        }
        let directories = env::split_paths(self.path.as_deref()?);
        let files = directories.map(|directory| directory.join(program.name()));
        let mut files = files.filter(|file| file.is_absolute());
        files.find(|file| {
            file.metadata()
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
    }
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Endsession => "endsession",
            Self::Zenity => "zenity",
            Self::Kdialog => "kdialog",
            Self::Yad => "yad",
            Self::Xmessage => "xmessage",
        }
    }

    fn ask(self, file: &Path, question: &str) -> Result<bool, String> {
        let mut command = Command::new(file);
        match self {
            Self::Endsession => {
                command.args(["ask", "--", question]);
            }
            Self::Zenity => {
                command.args(["--question", "--no-markup"]);
                command.arg(format!("--text={question}"));
            }
            Self::Kdialog => {
                command.args(["--yesno", &as_markup(question)]);
            }
            Self::Yad => {
                command.args(["--no-markup", "--image=dialog-question"]);
                command.args(["--button=Yes:0", "--button=No:1"]);
                // It reads `\\n` and the like also in what is no markup.
                let question = question.replace('\\', "\\\\");
                command.arg(format!("--text={question}"));
            }
            Self::Xmessage => {
                // What it reads is text and nothing else.
                let buttons = format!("Yes:{YES},No:{NO}");
                command.args(["-center", "-buttons", &buttons, "-file", "-"]);
            }
        }
        let text = if self == Self::Xmessage { question } else { "" };
        let (status, words) = run(&mut command, text).map_err(|error| error.to_string())?;
        self.answer(status, &words).ok_or_else(|| match &*words {
            "" => status.to_string(),
            words => format!("{status}: {words}"),
        })
    }

    /// What its end means. A window that was closed is a no.
    fn answer(self, status: ExitStatus, words: &str) -> Option<bool> {
        // A toolkit that cannot show a window ends with 1 too.
        let is_blind = words.to_lowercase().contains("display");
        match (self, status.code()?) {
            (Self::Xmessage, YES) => Some(true),
            (Self::Xmessage, NO) => Some(false),
            (Self::Xmessage, 0) => None,
            (_, 0) => Some(true),
            (_, 1) if !is_blind => Some(false),
            // Its window was closed.
            (Self::Yad, 252) => Some(false),
            _ => None,
        }
    }
}

/// The buttons of xmessage, whose other statuses mean other things.
const YES: i32 = 101;
const NO: i32 = 102;

/// For a program that guesses what is markup: it is, and says the text as it stands.
fn as_markup(text: &str) -> String {
    let mut markup = "<qt>".to_owned();
    for character in text.chars() {
        match character {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '\n' => markup.push_str("<br/>"),
            // It reads escapes of its own before it reads markup.
            '\\' => markup.push_str("&#92;"),
            other => markup.push(other),
        }
    }
    markup + "</qt>"
}

/// Runs it to its end: how it ended, and the beginning of what it said of its trouble.
fn run(command: &mut Command, input: &str) -> io::Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that reads none of it has its own reasons, and says them by its end.
        let _unread = stdin.write_all(input.as_bytes());
    }
    let mut words = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut buffer = [0; 1024];
        // All of it is read, so that it can go on; the beginning is kept.
        while let Ok(count @ 1..) = stderr.read(&mut buffer) {
            let room = MAX_WORDS.saturating_sub(words.len()).min(count);
            words.extend_from_slice(&buffer[..room]);
        }
    }
    let status = child.wait()?;
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    Ok((status, words))
}

#[cfg(test)]
mod tests;
