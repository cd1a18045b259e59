//! `cargo xtask install`: puts everything where a system looks for it. Builds the program, asks it for
//! its manual page and completions, and writes below a prefix; what is there already is replaced.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::run;

/// Where systemd and display managers look for a program by its name alone.
const KNOWN: [&str; 2] = ["/usr", "/usr/local"];

/// The units of users; systemd looks into the second directory below `~/.local` too.
const UNITS: [&str; 2] = ["lib/systemd/user", "share/systemd/user"];

/// The entries for display managers, what the portal and the bus are told of us.
const ENTRIES: [(&str, &str); 4] = [
    ("data/wayland-sessions", "share/wayland-sessions"),
    ("data/xsessions", "share/xsessions"),
    ("data/portals", "share/xdg-desktop-portal/portals"),
    ("data/dbus", "share/dbus-1/services"),
];

/// Completions, as each shell wants its file called.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/endsession"),
    ("zsh", "share/zsh/site-functions/_endsession"),
    ("fish", "share/fish/vendor_completions.d/endsession.fish"),
];

/// What goes where.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// Where it is used from.
    prefix: PathBuf,
    /// What stands before that while a package is made.
    destdir: PathBuf,
}

impl Target {
    fn parse(words: &[String]) -> Result<Self> {
        let mut target = Self {
            prefix: "/usr/local".into(),
            destdir: "/".into(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), words.next().cloned()),
            };
            let to = match name {
                "--prefix" => &mut target.prefix,
                "--destdir" => &mut target.destdir,
                _ => bail!("unknown: {word}; install takes --prefix DIR and --destdir DIR"),
            };
            *to = value
                .with_context(|| format!("{name} needs a directory"))?
                .into();
            ensure!(
                to.is_absolute(),
                "{name} {}: a path from / on is needed",
                to.display()
            );
        }
        Ok(target)
    }

    fn path(&self, below: &str) -> PathBuf {
        let prefix = self.prefix.strip_prefix("/").unwrap_or(&self.prefix);
        self.destdir.join(prefix).join(below)
    }

    fn is_known(&self) -> bool {
        KNOWN.iter().any(|known| self.prefix == Path::new(known))
    }

    /// A unit or entry calls the program by its name, where that is enough.
    fn adapt(&self, text: &str) -> String {
        if self.is_known() {
            return text.to_owned();
        }
        let program = self.prefix.join("bin/endsession");
        let line = |line: &str| match line.split_once('=') {
            Some((key, rest)) if key.contains("Exec") && rest.starts_with("endsession ") => {
                format!(
                    "{key}={}{}\n",
                    program.display(),
                    &rest["endsession".len()..]
                )
            }
            _ => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }
}

/// Builds it and installs it.
///
/// # Errors
/// When the words are wrong, it cannot be built, or a file cannot be written.
pub(crate) fn install(words: &[String]) -> Result<()> {
    let target = Target::parse(words)?;
    run::run(
        "cargo",
        &["build", "--release", "--package", "endsession-cli"],
    )?;
    let built = run::target().join("release/endsession");
    lay_out(&built, &target)
}

fn lay_out(built: &Path, target: &Target) -> Result<()> {
    let program = fs::read(built).with_context(|| format!("cannot read {}", built.display()))?;
    write(&target.path("bin/endsession"), &program, 0o755)?;
    let page = said(built, &["man"])?;
    write(&target.path("share/man/man1/endsession.1"), &page, 0o644)?;
    for (shell, to) in COMPLETIONS {
        let completions = said(built, &["completions", shell])?;
        write(&target.path(to), &completions, 0o644)?;
    }
    let [known, other] = UNITS;
    let units = if target.is_known() { known } else { other };
    for (from, to) in [("units", units)].into_iter().chain(ENTRIES) {
        let from = run::root().join(from);
        let files =
            fs::read_dir(&from).with_context(|| format!("cannot read {}", from.display()))?;
        for file in files {
            let file = file?;
            let text = fs::read_to_string(file.path())?;
            let to = target.path(to).join(file.file_name());
            write(&to, target.adapt(&text).as_bytes(), 0o644)?;
        }
    }
    Ok(())
}

fn said(program: &Path, words: &[&str]) -> Result<Vec<u8>> {
    let said = Command::new(program).args(words).output();
    let said = said.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        said.status.success(),
        "failed, {}: {} {}",
        said.status,
        program.display(),
        words.join(" ")
    );
    Ok(said.stdout)
}

/// Writes beside it first: a program that runs cannot be written to, and nobody reads half a file.
fn write(to: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let cannot = || format!("cannot write {}", to.display());
    let dir = to.parent().with_context(cannot)?;
    let mut name = to.file_name().with_context(cannot)?.to_owned();
    name.push(".new");
    let new = dir.join(name);
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&new, bytes))
        .and_then(|()| fs::set_permissions(&new, PermissionsExt::from_mode(mode)))
        .and_then(|()| fs::rename(&new, to))
        .with_context(cannot)?;
    println!("{}", to.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(words: &[&str]) -> Result<Target> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Target::parse(&words)
    }

    #[test]
    fn the_words_say_where() {
        let is = |words: &[&str], path| {
            assert_eq!(target(words).unwrap().path("bin/x"), Path::new(path))
        };
        is(&[], "/usr/local/bin/x");
        is(
            &["--prefix", "/usr", "--destdir=/tmp/package"],
            "/tmp/package/usr/bin/x",
        );
        for wrong in [&["--prefix"][..], &["--prefix", "here"], &["/usr"]] {
            assert!(target(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_prefix_that_nobody_searches_is_named_in_full() {
        let text =
            "[Service]\nExecStart=endsession manager\nExecCondition=endsession manager --check\n";
        assert_eq!(target(&["--prefix=/usr"]).unwrap().adapt(text), text);
        let adapted = target(&["--prefix=/opt/e"]).unwrap().adapt(text);
        assert_eq!(
            adapted.matches("=/opt/e/bin/endsession manager").count(),
            2,
            "{adapted}"
        );
        let entry = target(&["--prefix=/opt/e"])
            .unwrap()
            .adapt("TryExec=sway\nExec=endsession run -- sway\n");
        assert_eq!(
            entry,
            "TryExec=sway\nExec=/opt/e/bin/endsession run -- sway\n"
        );
    }

    #[test]
    fn everything_is_where_a_system_looks_for_it() {
        let dir =
            std::env::temp_dir().join(format!("endsession-test-install-{}", std::process::id()));
        let built = dir.join("built");
        fs::create_dir_all(&dir).unwrap();
        fs::write(&built, "#!/bin/sh\necho \"$@\"\n").unwrap();
        fs::set_permissions(&built, PermissionsExt::from_mode(0o755)).unwrap();
        let target = Target {
            prefix: "/usr".into(),
            destdir: dir.clone(),
        };
        lay_out(&built, &target).unwrap();
        // And over what is there.
        lay_out(&built, &target).unwrap();
        let read = |path: &str| fs::read_to_string(dir.join("usr").join(path)).unwrap();
        assert_eq!(read("share/man/man1/endsession.1"), "man\n");
        assert_eq!(
            read("share/zsh/site-functions/_endsession"),
            "completions zsh\n"
        );
        for (path, part) in [
            ("lib/systemd/user/endsession.service", "Type=notify"),
            (
                "lib/systemd/user/endsession-shutdown.target",
                "StopWhenUnneeded",
            ),
            (
                "share/wayland-sessions/sway-endsession.desktop",
                "Exec=endsession run -- sway",
            ),
            (
                "share/xsessions/i3-endsession.desktop",
                "Exec=endsession run -- i3",
            ),
            (
                "share/xdg-desktop-portal/portals/endsession.portal",
                "Interfaces=org.freedesktop.impl.portal.Inhibit",
            ),
            (
                "share/dbus-1/services/org.freedesktop.impl.portal.desktop.endsession.service",
                "SystemdService=endsession.service",
            ),
        ] {
            assert!(read(path).contains(part), "{path}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
