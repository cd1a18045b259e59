//! Programs of these names that are scripts of the test's, in a `PATH` of its own.

use std::fs;

use super::*;

/// A question that is many things to those who are not careful.
const QUESTION: &str = "--help <b>End</b> &amp; \\n $(id) 'the' \"session\"?\nNow";

/// Some programs.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A program that writes down how it was called, and does this. Another process writes it: a descriptor of ours that is open for writing in a
    /// process being forked would make it "busy".
    fn with(self, name: &str, does: &str) -> Self {
        let said = self.0.path().join(format!("{name}.said"));
        let said = said.display();
        let script = format!(
            "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\0' \"$word\"; done > {said}\n{does}\n"
        );
        let file = self.0.path().join(name);
        let mut write = Command::new("sh");
        write.args(["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
        assert!(write.arg(file).arg(script).status().unwrap().success());
        self
    }

    fn place(&self) -> Place {
        Place {
            path: Some(self.0.path().as_os_str().to_owned()),
            has_wayland: false,
            has_x11: true,
        }
    }

    fn ask(&self) -> Result<bool, Error> {
        self.place().ask(QUESTION)
    }

    /// How it was called; `None` where it was not.
    fn said(&self, name: &str) -> Option<Vec<String>> {
        let said = fs::read(self.0.path().join(format!("{name}.said"))).ok()?;
        let said = String::from_utf8(said).unwrap();
        Some(said.split_terminator('\0').map(str::to_owned).collect())
    }
}

#[test]
fn the_question_is_no_option_no_markup_and_no_escape() {
    let escaped = QUESTION.replace('\\', "\\\\");
    let markup =
        "<qt>--help &lt;b&gt;End&lt;/b&gt; &amp;amp; &#92;n $(id) 'the' \"session\"?<br/>Now</qt>";
    let called: [(&str, Vec<&str>, String); 4] = [
        ("endsession", vec!["ask", "--"], QUESTION.to_owned()),
        (
            "zenity",
            vec!["--question", "--no-markup"],
            format!("--text={QUESTION}"),
        ),
        ("kdialog", vec!["--yesno"], markup.to_owned()),
        (
            "yad",
            vec![
                "--no-markup",
                "--image=dialog-question",
                "--button=Yes:0",
                "--button=No:1",
            ],
            format!("--text={escaped}"),
        ),
    ];
    for (name, options, question) in called {
        let programs = Programs::new().with(name, "exit 0");
        assert_eq!(programs.ask(), Ok(true), "{name}");
        let words: Vec<_> = options
            .into_iter()
            .map(str::to_owned)
            .chain([question])
            .collect();
        assert_eq!(programs.said(name), Some(words));
    }
    let programs = Programs::new().with("xmessage", "/bin/cat > \"$0.read\"; exit 101");
    assert_eq!(programs.ask(), Ok(true));
    let read = fs::read_to_string(programs.0.path().join("xmessage.read"));
    assert_eq!(read.unwrap(), QUESTION);
}

#[test]
fn each_status_means_what_it_means_there() {
    let answers = [
        ("endsession", "exit 1", Some(false)),
        ("endsession", "exit 2", None),
        ("endsession", "exit 3", None),
        ("zenity", "exit 1", Some(false)),
        (
            "zenity",
            "echo 'Gtk-WARNING: cannot open display: :7' >&2; exit 1",
            None,
        ),
        ("zenity", "exit 5", None),
        ("zenity", "exit 255", None),
        ("kdialog", "exit 1", Some(false)),
        ("kdialog", "exit 2", None),
        ("kdialog", "kill -ABRT $$", None),
        ("yad", "exit 1", Some(false)),
        ("yad", "exit 252", Some(false)),
        ("yad", "exit 70", None),
        ("xmessage", "exit 102", Some(false)),
        ("xmessage", "exit 1", Some(false)),
        ("xmessage", "exit 0", None),
        (
            "xmessage",
            "echo \"Error: Can't open display: :7\" >&2; exit 1",
            None,
        ),
    ];
    for (name, does, answer) in answers {
        let asked = Programs::new().with(name, does).ask();
        match answer {
            Some(answer) => assert_eq!(asked, Ok(answer), "{name}: {does}"),
            None => assert!(
                matches!(asked, Err(Error::Failed { .. })),
                "{name}: {does}: {asked:?}"
            ),
        }
    }
}

#[test]
fn the_first_that_works_is_asked_and_no_other() {
    let programs = Programs::new()
        .with("endsession", "exit 3")
        .with("zenity", "exit 1")
        .with("xmessage", "exit 101");
    assert_eq!(programs.ask(), Ok(false));
    assert!(programs.said("endsession").is_some());
    assert_eq!(programs.said("xmessage"), None);
}

#[test]
fn who_is_not_there_is_named() {
    let programs = Programs::new();
    let Err(Error::Unsupported { why, .. }) = programs.ask() else {
        panic!("something asked")
    };
    for program in PROGRAMS {
        assert!(why.contains(program.name()), "{why}");
    }
    // Nor is a file that cannot be run, or a directory.
    fs::write(programs.0.path().join("zenity"), "").unwrap();
    fs::create_dir(programs.0.path().join("yad")).unwrap();
    assert!(matches!(programs.ask(), Err(Error::Unsupported { .. })));
}

#[test]
fn without_a_display_nobody_is_asked() {
    let programs = Programs::new()
        .with("xmessage", "exit 101")
        .with("zenity", "exit 0");
    let mut place = programs.place();
    place.has_x11 = false;
    let Err(Error::Unsupported { why, .. }) = place.ask("?") else {
        panic!("something asked")
    };
    assert!(why.contains("DISPLAY"), "{why}");
    // xmessage knows X11 alone.
    place.has_wayland = true;
    assert_eq!(place.ask("?"), Ok(true));
    assert_eq!(programs.said("xmessage"), None);
}

#[test]
fn what_a_program_says_of_its_trouble_is_told_in_short() {
    let programs = Programs::new().with(
        "zenity",
        "i=0; while [ $i -lt 2000 ]; do echo 'no theme, no icons, no nothing' >&2; i=$((i+1)); done; exit 9",
    );
    let Err(Error::Failed { why, .. }) = programs.ask() else {
        panic!("it failed")
    };
    assert!(why.contains("zenity: exit status: 9: no theme"), "{why}");
    assert!(why.len() < 2 * MAX_WORDS, "{}", why.len());
}
