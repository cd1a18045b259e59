//! `endsession config check`: what is wrong in the configuration, what each rule does, and which
//! values hold and why. Reads the same files as a manager does, and changes nothing.

use std::io::Write as _;

use endsession_manager::config::files::Files;
use endsession_manager::config::format_millis;
use endsession_manager::hooks;
use endsession_manager::rules::{self, By, Entry};

use crate::args::{ConfigCommand, ConfigOptions};
use crate::exit::{Exit, Result};
use crate::show;

/// Runs one of its commands.
pub(crate) fn run(options: &ConfigOptions) -> Result<Exit> {
    let ConfigCommand::Check { file } = &options.command;
    let files = match file {
        Some(file) => Files::only(file),
        None => Files::new(None),
    };
    let found = files.examine();
    for (path, is_there) in &found.files {
        let is_there = if *is_there { "read" } else { "not there" };
        show::line(&format!("{}: {is_there}", path.display()));
    }
    if !found.errors.is_empty() {
        let mut out = std::io::stderr().lock();
        for error in &found.errors {
            let _reader_may_be_gone = writeln!(out, "{error}");
        }
        let count = found.errors.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let _reader_may_be_gone = writeln!(
            out,
            "endsession: {count} {errors}; nothing starts with this configuration"
        );
        return Ok(Exit::Usage);
    }
    let warnings = rules::warnings(&found.config.application);
    show::line("");
    show::line("Rules, of which the first that sets a key decides it:");
    for entry in found.config.application.iter().chain(&rules::built_in()) {
        show::line(&format!("  {}: {}", entry.origin, sentence(entry)));
        for (_, warning) in warnings.iter().filter(|(o, _)| *o == entry.origin) {
            show::line(&format!("    warning: {warning}"));
        }
    }
    let hooks = hooks::list(&found.config.files);
    if hooks
        .iter()
        .any(|h| !h.files.is_empty() || !h.refused.is_empty())
    {
        show::line("");
        show::line("Hooks, in the order in which they are run:");
    }
    for of in hooks {
        for file in of.files {
            show::line(&format!("  {}: {}", of.occasion, file.display()));
        }
        for refused in of.refused {
            show::line(&format!("    warning: {refused}"));
        }
    }
    show::line("");
    show::line("Values:");
    for (key, value) in found.config.values() {
        let place = found.places.get(key).map_or("default", String::as_str);
        show::line(&format!("  {key} = {value} ({place})"));
    }
    let policy = found.config.policy();
    if policy.slow > policy.silent {
        show::line("    warning: who is silent is not responding before it is slow");
    }
    Ok(Exit::Done)
}

/// A rule as a sentence.
fn sentence(entry: &Entry) -> String {
    let any = |list: &[String]| list.join(" or ");
    let mut whom = "an application".to_owned();
    if !entry.app_id.is_empty() {
        whom = format!("{whom} called {}", any(&entry.app_id));
    }
    if !entry.executable.is_empty() {
        let program = any(&entry.executable);
        whom = format!("{whom} whose program is {program}");
    }
    let mut what = Vec::new();
    what.extend(entry.ignore.map(|on| {
        if on {
            "is never asked or closed, holds nothing up, and goes with what is left of the session"
                .to_owned()
        } else {
            "is asked and closed like any other".to_owned()
        }
    }));
    what.extend(entry.end_by.map(|by| match by {
        By::Sigterm => "is ended whole by SIGTERM, after the others".to_owned(),
        By::Close => "is let go by closing its windows".to_owned(),
    }));
    what.extend(entry.end_anyway.map(|on| {
        if on {
            "is ended even if it refuses, after its time to save".to_owned()
        } else {
            "may refuse".to_owned()
        }
    }));
    what.extend(entry.deadline.map(|ms| {
        let time = format_millis(ms);
        format!(
            "has {time} for each step: to answer, to close, to exit, to save before it is forced"
        )
    }));
    if what.is_empty() {
        what.push("is treated as without this rule".to_owned());
    }
    format!("{whom} {}", what.join("; "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use endsession_manager::config::Config;

    use super::*;

    fn sentences(text: &str) -> Vec<String> {
        let config = Config::parse(Path::new("c.toml"), text).unwrap();
        config.application.iter().map(sentence).collect()
    }

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let text = "[[application]]\napp-id = [\"a\", \"b\"]\nexecutable = \"x\"\nend-anyway = true\ndeadline = \"1m 30s\"\n\
                    [[application]]\napp-id = \"c\"\n";
        assert_eq!(
            sentences(text),
            [
                "an application called a or b whose program is x is ended even if it refuses, after its time to save; \
                 has 1m 30s for each step: to answer, to close, to exit, to save before it is forced",
                "an application called c is treated as without this rule",
            ]
        );
    }
}
