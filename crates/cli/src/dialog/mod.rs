//! The dialog's process: between `org.endsession.Manager1`, where it is one client among others,
//! and a window. The manager starts it; it closes by itself when the request needs nobody any more.

mod model;

use std::time::{Duration, Instant};

use endsession_dialog::content::{Choice, Content};
use endsession_dialog::dialog::{Dialog, Event, Options};
use endsession_dialog::i18n::locale_of;
use endsession_dialog::shell::Target;
use endsession_manager::APP_ID;
use futures_util::FutureExt as _;

use crate::control::{Control, session_bus};
use crate::exit::{Exit, Failure, Result};
use model::{Change, Model};

/// The manager answers from a loop that never waits; this is for one that hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// What the environment says of where a window is to be shown, and in which language.
pub(crate) fn options(app_id: &str, origin: Instant) -> Options {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    Options {
        target: Target {
            wayland: set("WAYLAND_DISPLAY"),
            x11: set("DISPLAY"),
        },
        bus: session_bus(),
        locale: locale_of(set),
        app_id: app_id.to_owned(),
        origin,
    }
}

/// Shows the request that is under way until it is over or needs nobody.
pub(crate) async fn run() -> Result<Exit> {
    let origin = Instant::now();
    let mut control = Control::connect().await?;
    // What happens between the two is in both.
    control.watch().await?;
    let (_, status) = control.status().await?;
    let now = || i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX);
    let Some(mut model) = Model::of(&status, now()) else {
        return Ok(Exit::Done);
    };
    let content = Content::Request(model.content());
    let mut dialog = Dialog::open(content, options(APP_ID, origin))
        .await
        .map_err(|e| Failure::NoWindow(e.to_string()))?;
    let mut visible = false;
    loop {
        tokio::select! {
            event = control.next() => {
                let mut event = Some(event);
                let mut unclear = false;
                // What has come meanwhile is taken in one go: the status is read once for all of it.
                while let Some(next) = event {
                    let Some((_, news)) = next else { return Ok(Exit::Done) };
                    let change = news.map_or(Change::Nothing, |news| model.news(&news, now()));
                    match change {
                        Change::Nothing | Change::Content => {}
                        Change::Attention => {
                            // It may have brought another kind, another reason or force.
                            unclear = true;
                            dialog.attend();
                            // The manager has no other way to know that this still works.
                            in_time(control.show()).await??;
                            if !visible {
                                in_time(control.unshow()).await??;
                            }
                        }
                        Change::Elsewhere(app) => dialog.answering(&app),
                        Change::Unclear => unclear = true,
                        Change::Over => return Ok(Exit::Done),
                    }
                    event = control.next().now_or_never();
                }
                if unclear {
                    let (_, status) = in_time(control.status()).await??;
                    let whole = Model::of(&status, now()).filter(|w| w.id() == model.id());
                    let Some(whole) = whole else {
                        return Ok(Exit::Done);
                    };
                    model = whole;
                }
                dialog.update(Content::Request(model.content()));
            }
            event = dialog.next() => match event {
                Event::Chosen(choice) => {
                    let (choice, application) = word(&choice);
                    // One that came too late, or after somebody else's, is seen by what is shown next.
                    let chosen = control.choose(model.id(), choice, application);
                    if let Err(error) = in_time(chosen).await? {
                        tracing::info!("{choice} was not taken: {error}");
                    }
                }
                Event::Visible(on) => {
                    visible = on;
                    if on {
                        in_time(control.show()).await??;
                    } else {
                        in_time(control.unshow()).await??;
                    }
                }
                Event::Lost(why) => return Err(Failure::NoWindow(why)),
            },
        }
    }
}

/// A manager that does not answer must not leave the user before a dialog that is dead to keys and
/// has all of them: without it the keyboard is free again.
async fn in_time<T>(call: impl Future<Output = T>) -> Result<T> {
    let answered = tokio::time::timeout(ANSWER_LIMIT, call).await;
    answered.map_err(|_| Failure::NoAnswer)
}

/// A choice and its application as `Choose` takes them.
fn word(choice: &Choice) -> (&'static str, &str) {
    match choice {
        Choice::Yes | Choice::Kind(_) => ("confirm", ""),
        Choice::No => ("cancel", ""),
        Choice::EndOne(app) => ("end-one", app),
        Choice::EndAll => ("end-all", ""),
        Choice::AskAgain => ("ask-again", ""),
        Choice::Show(app) => ("show", app),
    }
}
