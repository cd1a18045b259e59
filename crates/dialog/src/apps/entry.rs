//! One `.desktop` file: what of it tells who an application is.

use crate::keyfile;

/// The longest value that is kept of a file, in bytes.
const MAX_VALUE: usize = 1024;

/// What a `.desktop` file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The file's id.
    pub(super) id: String,
    /// `Name` in the user's language.
    pub(super) name: String,
    /// `Icon`.
    pub(super) icon: String,
    /// `StartupWMClass`.
    pub(super) class: String,
    /// The program that `Exec` starts, without its directory; empty where that is one that runs
    /// others.
    pub(super) program: String,
    /// It is to be treated as removed.
    pub(super) hidden: bool,
    /// It is not shown in menus.
    pub(super) no_display: bool,
}

impl Entry {
    /// The entry in a file's text; `None` where it is of no application.
    pub(super) fn parse(id: &str, text: &str, languages: &[String]) -> Option<Self> {
        let mut entry = Self {
            id: id.to_owned(),
            ..Self::default()
        };
        let mut best = usize::MAX;
        let mut found = false;
        for (group, key, value) in keyfile::entries(text) {
            if group != "Desktop Entry" {
                // Other groups are actions; they come after.
                if found {
                    break;
                }
                continue;
            }
            found = true;
            match key {
                "Type" if value != "Application" => return None,
                "Name" if best == usize::MAX => entry.name = unescaped(value),
                "Icon" => entry.icon = unescaped(value),
                "StartupWMClass" => entry.class = unescaped(value),
                "Exec" => entry.program = program(&unescaped(value)),
                "Hidden" => entry.hidden = value == "true",
                "NoDisplay" => entry.no_display = value == "true",
                _ => {
                    let language = key.strip_prefix("Name[").and_then(|k| k.strip_suffix(']'));
                    let at = languages
                        .iter()
                        .position(|of| Some(of.as_str()) == language);
                    if let Some(at) = at.filter(|at| *at < best) {
                        best = at;
                        entry.name = unescaped(value);
                    }
                }
            }
        }
        found.then_some(entry)
    }
}

/// What may stand in brackets after a key for a locale, the best first (section "Localized values
/// for keys").
pub(super) fn languages(locale: &str) -> Vec<String> {
    let (locale, modifier) = match locale.split_once('@') {
        Some((locale, modifier)) => (locale, Some(modifier)),
        None => (locale, None),
    };
    let locale = locale
        .split('.')
        .next()
        .unwrap_or_default()
        .replace('-', "_");
    if matches!(locale.as_str(), "" | "C" | "POSIX") {
        return Vec::new();
    }
    let language = locale.split('_').next().unwrap_or_default().to_owned();
    let mut names = vec![locale, language];
    names.dedup();
    let mut all = Vec::new();
    for name in names {
        all.extend(modifier.map(|modifier| format!("{name}@{modifier}")));
        all.push(name);
    }
    all
}

fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len().min(MAX_VALUE));
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        if out.len() >= MAX_VALUE {
            break;
        }
        out.push(match c {
            '\\' => match characters.next() {
                Some('s') => ' ',
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => break,
            },
            c => c,
        });
    }
    out
}

/// Programs that run others: that one of them runs says nothing of an application.
pub(super) const RUNNERS: [&str; 18] = [
    "env", "sh", "bash", "dash", "zsh", "fish", "flatpak", "snap", "bwrap", "python", "perl",
    "ruby", "node", "java", "gjs", "electron", "wine", "mono",
];

/// Whether a program runs others, whatever version of it.
pub(super) fn is_runner(program: &str) -> bool {
    let plain = program
        .trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'))
        .trim_end_matches("-preloader");
    RUNNERS.contains(&plain)
}

/// The program of a command line, without its directory.
fn program(exec: &str) -> String {
    let words = words(exec);
    let mut words = words.iter().map(String::as_str).peekable();
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    if words.peek().is_some_and(|word| name(word) == "env") {
        words.next();
        while words
            .next_if(|word| word.contains('=') || word.starts_with('-'))
            .is_some()
        {}
    }
    let program = words.next().map(name).unwrap_or_default();
    if is_runner(&program) {
        String::new()
    } else {
        program
    }
}

/// The words of a command line, of which some may be quoted (section "The Exec key"). The first few
/// are enough to know the program.
fn words(exec: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut characters = exec.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => word.extend(characters.next()),
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if words.len() == 16 {
                    break;
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_leads_from_the_exact_to_the_general() {
        assert_eq!(languages("es_MX.UTF-8"), ["es_MX", "es"]);
        assert_eq!(
            languages("sr_RS.UTF-8@latin"),
            ["sr_RS@latin", "sr_RS", "sr@latin", "sr"]
        );
        assert_eq!(languages("pt-BR"), ["pt_BR", "pt"]);
        assert_eq!(languages("eo"), ["eo"]);
        assert_eq!(languages("sr@latin"), ["sr@latin", "sr"]);
        for none in ["", "C", "C.UTF-8", "POSIX"] {
            assert!(languages(none).is_empty());
        }
    }

    #[test]
    fn the_name_is_in_the_best_language_that_is_there() {
        let text = "[Desktop Entry]\nName[es]=Editor de textos\nName=Text Editor\nName[de]=Texteditor\n\
                    Name[es_MX]=El editor\n[Desktop Action x]\nName=New\n";
        let name = |locale| Entry::parse("x", text, &languages(locale)).unwrap().name;
        assert_eq!(name("es_MX.UTF-8"), "El editor");
        assert_eq!(name("es_ES.UTF-8"), "Editor de textos");
        assert_eq!(name("fr_FR.UTF-8"), "Text Editor");
        assert_eq!(name("C"), "Text Editor");
    }

    #[test]
    fn the_program_is_what_the_command_runs() {
        for (exec, expected) in [
            ("gedit %U", "gedit"),
            ("/usr/lib/firefox-esr/firefox-esr %u", "firefox-esr"),
            ("\"/opt/My App/app\" --new", "app"),
            ("env -i A=b /usr/bin/foot", "foot"),
            ("/usr/bin/flatpak run org.gnome.gedit", ""),
            ("python3.11 /usr/bin/thing", ""),
            ("sh -c 'x'", ""),
            ("", ""),
            ("\"", ""),
        ] {
            assert_eq!(program(exec), expected, "{exec}");
        }
    }

    #[test]
    fn what_is_no_application_is_none() {
        assert_eq!(Entry::parse("x", "", &[]), None);
        assert_eq!(
            Entry::parse("x", "[Desktop Entry]\nType=Link\nName=x\n", &[]),
            None
        );
        let long = format!("[Desktop Entry]\nName={}\n", "x".repeat(9999));
        assert_eq!(Entry::parse("x", &long, &[]).unwrap().name.len(), MAX_VALUE);
        let entry =
            Entry::parse("x", "[Desktop Entry]\nName=a\\sb\\\\\\\nHidden=true", &[]).unwrap();
        assert_eq!((entry.name.as_str(), entry.hidden), ("a b\\", true));
    }
}
