//! What `cargo xtask windows build` has built, and that it is not older than what it was built from.

use std::path::{Path, PathBuf};

/// What makes all of it.
pub(super) const COMMAND: &str = "cargo xtask windows build";

/// The programs in C, with the source that this testkit was built with.
const SOURCES: [(&str, &str); 4] = [
    (
        "application",
        include_str!("../../assets/windows/application.c"),
    ),
    (
        "end_the_session",
        include_str!("../../assets/windows/end_the_session.c"),
    ),
    ("log_off", include_str!("../../assets/windows/log_off.c")),
    (
        "ask_window",
        include_str!("../../assets/windows/ask_window.c"),
    ),
];

/// A program for Windows, by its name without ".exe".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Built<'a> {
    /// One in C: `crates/testkit/assets/windows/NAME.c`.
    C(&'a str),
    /// A binary of the workspace.
    Binary(&'a str),
    /// An example of the workspace.
    Example(&'a str),
}

/// Its file.
///
/// # Panics
/// When it is not there, or is one in C of another source; the message has the command that builds it. How old a program in Rust is
/// only cargo can tell: after a change run that command first, as `cargo xtask test` does.
#[track_caller]
pub fn built(program: Built<'_>) -> PathBuf {
    find(&dir(), program).unwrap_or_else(|why| panic!("{why}; this makes it:\n    {COMMAND}"))
}

/// Where everything for Windows is built.
pub(super) fn dir() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .ancestors()
        .nth(2)
        .expect("the crate lies two levels deep");
    root.join("target/windows")
}

fn find(dir: &Path, program: Built<'_>) -> Result<PathBuf, String> {
    let debug = dir.join("x86_64-pc-windows-gnu/debug");
    let (dir, name) = match program {
        Built::C(name) => (dir.join("programs"), name),
        Built::Binary(name) => (debug, name),
        Built::Example(name) => (debug.join("examples"), name),
    };
    let file = dir.join(format!("{name}.exe"));
    if !file.is_file() {
        return Err(format!("there is no {}", file.display()));
    }
    if let Built::C(name) = program {
        let source = SOURCES.iter().find(|(known, _)| *known == name);
        let (_, source) = source.ok_or_else(|| format!("nobody knows the source of {name}.exe"))?;
        let built_from = std::fs::read_to_string(dir.join(format!("{name}.c")));
        if built_from.ok().as_deref() != Some(source) {
            return Err(format!("{} is not of today's source", file.display()));
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_a_program_of_todays_source_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let programs = dir.path().join("programs");
        fs::create_dir(&programs).unwrap();
        let wanted = Built::C("log_off");
        let why = find(dir.path(), wanted).unwrap_err();
        assert!(why.starts_with("there is no"), "{why}");
        fs::write(programs.join("log_off.exe"), "").unwrap();
        fs::write(programs.join("log_off.c"), "/* older */").unwrap();
        let why = find(dir.path(), wanted).unwrap_err();
        assert!(why.ends_with("is not of today's source"), "{why}");
        fs::write(programs.join("log_off.c"), SOURCES[2].1).unwrap();
        assert_eq!(
            find(dir.path(), wanted).unwrap(),
            programs.join("log_off.exe")
        );
    }

    #[test]
    fn every_source_is_known() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/windows");
        for file in fs::read_dir(here).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert!(SOURCES.contains(&(name, text.as_str())), "{name}");
        }
    }
}
