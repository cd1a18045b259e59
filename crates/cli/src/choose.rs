//! `endsession choose`: the user's word on the request under way, from a terminal, a bar or a script.

use endsession_manager::report::{App, Status};

use crate::args::{Choice, Choose};
use crate::control::Control;
use crate::exit::{Exit, Failure, Result};
use crate::show;

impl Choice {
    /// As `Choose` takes it.
    fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::EndOne => "end-one",
            Self::EndAll => "end-all",
            Self::AskAgain => "ask-again",
            Self::Show => "show",
        }
    }
}

/// Gives the answer.
pub(crate) async fn run(options: Choose) -> Result<Exit> {
    let word = options.choice.word();
    let named = options.application.as_deref();
    match (options.choice, named) {
        (Choice::EndOne | Choice::Show, None) => {
            return Err(Failure::Usage(format!(
                "{word} needs an application, as in `endsession choose {word} gedit`; `endsession status` shows which \
                 there are"
            )));
        }
        (Choice::Confirm | Choice::Cancel | Choice::EndAll, Some(_)) => {
            return Err(Failure::Usage(format!(
                "{word} is about the whole request and takes no application"
            )));
        }
        _ => {}
    }
    let control = Control::connect().await?;
    // What is chosen is an answer to what was seen: not to a request that began since.
    let (_, status) = control.status().await?;
    let Some(request) = &status.request else {
        return Err(Failure::Refused(
            "there is no request to end the session under way to answer".to_owned(),
        ));
    };
    let application = named.map(|named| find(&status, named)).transpose()?;
    let id = application.map_or("", |a| a.id.as_str());
    control.choose(request.id, word, id).await?;
    Ok(Exit::Done)
}

/// The one application that is meant: by id, else by pid, else by name.
fn find<'a>(status: &'a Status, named: &str) -> Result<&'a App> {
    let all = &status.applications;
    let pid = named.parse::<u32>().ok();
    let exact = all.iter().find(|a| a.id == named);
    let exact = exact.or_else(|| all.iter().find(|a| pid.is_some() && a.pid == pid));
    if let Some(app) = exact {
        return Ok(app);
    }
    let same = |a: &&App| a.name.eq_ignore_ascii_case(named);
    let mut found = all.iter().filter(same);
    match (found.next(), found.next()) {
        (Some(app), None) => Ok(app),
        (None, _) if all.is_empty() => Err(Failure::Refused(format!(
            "there is no application {named:?}: there is none at all"
        ))),
        (None, _) => Err(Failure::Refused(format!(
            "there is no application {named:?}; there are {}",
            list(all.iter())
        ))),
        (Some(_), Some(_)) => Err(Failure::Refused(format!(
            "{named:?} is the name of more than one; say which by its id: {}",
            list(all.iter().filter(same))
        ))),
    }
}

/// Applications as they can be named, each with its id.
fn list<'a>(apps: impl Iterator<Item = &'a App>) -> String {
    let one = |a: &App| match a.name.as_str() {
        _ if a.pid.is_some() => show::name(&a.name, a.pid),
        name => format!("{name} (id {})", a.id),
    };
    apps.map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str, name: &str) -> App {
        App {
            id: id.into(),
            name: name.into(),
            pid: id.parse().ok(),
            ..App::default()
        }
    }

    fn status() -> Status {
        Status {
            applications: vec![
                app("7", "gedit"),
                app("8", "foot"),
                app("9", "foot"),
                app("app:tray", "tray"),
                // A name that looks like another's pid.
                app("10", "8"),
            ],
            ..Status::default()
        }
    }

    fn refusal(named: &str) -> String {
        find(&status(), named).unwrap_err().to_string()
    }

    #[test]
    fn an_application_is_known_by_id_pid_or_name_in_this_order() {
        let status = status();
        let id = |named| find(&status, named).unwrap().id.as_str();
        assert_eq!(id("app:tray"), "app:tray");
        assert_eq!(id("8"), "8");
        assert_eq!(id("GEdit"), "7");
        assert_eq!(id("tray"), "app:tray");
    }

    #[test]
    fn a_name_of_two_is_refused_with_what_tells_them_apart() {
        let said = refusal("foot");
        assert!(said.ends_with("foot (pid 8), foot (pid 9)"), "{said}");
    }

    #[test]
    fn an_unknown_one_is_refused_with_all_there_are() {
        let said = refusal("vim");
        assert!(
            said.contains("\"vim\"; there are gedit (pid 7), "),
            "{said}"
        );
        assert!(said.contains("tray (id app:tray)"), "{said}");
    }
}
