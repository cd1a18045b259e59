//! `endsession menu`: the ways to end the session, as a window. What the user chooses is requested
//! of the manager, and followed as by `endsession logoff`.

use std::time::Instant;

use endsession_dialog::content::{Choice, Content, Kind};
use endsession_dialog::dialog::{Dialog, Event};

use crate::dialog;
use crate::elsewhere;
use crate::exit::{Exit, Failure, Result};
use crate::foreground::{self, Purpose};
use crate::logoff;

/// The app id and class of the menu's window where it is an ordinary one.
const APP_ID: &str = "org.endsession.Menu";

/// Offers what the session can do, and does it.
pub(crate) async fn run() -> Result<Exit> {
    let (control, hint) = match foreground::connect(Purpose::Menu).await {
        Err(Failure::OtherManager { owner }) => return elsewhere::menu(owner).await,
        connected => connected?,
    };
    if let Some(hint) = hint {
        eprintln!("{hint}");
    }
    let kinds: Vec<Kind> = control
        .kinds()
        .await?
        .iter()
        .filter_map(|name| kind(name))
        .collect();
    if kinds.is_empty() {
        return Err(Failure::NoSession(
            "there is no way to end this session: what shows it was not found; `endsession logoff` says why"
                .to_owned(),
        ));
    }
    let Some(chosen) = choose(kinds).await? else {
        return Ok(Exit::Refused);
    };
    // A menu is a window wherever it was started: what follows is shown in one too.
    logoff::request(
        control,
        name(chosen),
        &crate::args::Logoff::default(),
        false,
    )
    .await
}

/// Shows the menu; `None` where the user wants none of it. It has closed when this returns, before
/// the first application is asked.
pub(crate) async fn choose(kinds: Vec<Kind>) -> Result<Option<Kind>> {
    let options = dialog::options(APP_ID, Instant::now());
    let mut menu = Dialog::open(Content::Menu(kinds), options)
        .await
        .map_err(|e| Failure::NoWindow(e.to_string()))?;
    loop {
        match menu.next().await {
            Event::Chosen(Choice::Kind(kind)) => return Ok(Some(kind)),
            Event::Chosen(_) => return Ok(None),
            Event::Visible(_) => {}
            Event::Lost(why) => return Err(Failure::NoWindow(why)),
        }
    }
}

fn kind(name: &str) -> Option<Kind> {
    match name {
        "logoff" => Some(Kind::LogOff),
        "restart" => Some(Kind::Restart),
        "poweroff" => Some(Kind::PowerOff),
        _ => None,
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::LogOff => "logoff",
        Kind::Restart => "restart",
        Kind::PowerOff => "poweroff",
    }
}
