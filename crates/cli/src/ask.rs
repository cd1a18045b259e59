//! `endsession ask`: the seed's own box. A question with Yes and No in a window of its own, or at
//! the terminal where there is no display.

use std::time::Instant;

use endsession_dialog::content::{Choice, Content, Question};
use endsession_dialog::dialog::{Dialog, Event};
use endsession_dialog::i18n::Messages;
use endsession_dialog::text::inline;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Ask;
use crate::dialog;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::{self, Terminal};

/// The app id and class of the question's window.
pub(crate) const APP_ID: &str = "org.endsession.Ask";

/// Asks, and says the answer by the exit status.
pub(crate) async fn run(options: Ask) -> Result<Exit> {
    let dialog = dialog::options(APP_ID, Instant::now());
    let words = Messages::new(&dialog.locale);
    let question = Question {
        text: options.question.unwrap_or_else(|| words.text("ask")),
        detail: options.detail.unwrap_or_default(),
    };
    let yes = answer(&question, dialog, &words).await?;
    Ok(if yes { Exit::Done } else { Exit::Refused })
}

/// Asks in a window, or else at the terminal.
pub(crate) async fn answer(
    question: &Question,
    dialog: endsession_dialog::dialog::Options,
    words: &Messages,
) -> Result<bool> {
    match in_window(question, dialog).await {
        Ok(yes) => Ok(yes),
        // A user who is at a terminal can be asked there.
        Err(why) if terminal::is_there() => {
            tracing::debug!("asking at the terminal: {why}");
            at_terminal(question, words).await
        }
        Err(why) => Err(Failure::NoWindow(why)),
    }
}

/// Asks in a window.
///
/// # Errors
/// Why there is none, or no longer.
pub(crate) async fn in_window(
    question: &Question,
    options: endsession_dialog::dialog::Options,
) -> std::result::Result<bool, String> {
    let content = Content::Question(question.clone());
    let mut dialog = Dialog::open(content, options)
        .await
        .map_err(|e| e.to_string())?;
    loop {
        match dialog.next().await {
            Event::Chosen(Choice::Yes) => return Ok(true),
            Event::Chosen(_) => return Ok(false),
            Event::Visible(_) => {}
            Event::Lost(why) => return Err(why),
        }
    }
}

/// Asks at the terminal. No answer is no.
async fn at_terminal(question: &Question, words: &Messages) -> Result<bool> {
    use std::io::Write as _;
    let terminal = Terminal::open().map_err(|e| Failure::io("cannot use the terminal", e))?;
    let handler = |kind| signal(kind).map_err(|e| Failure::io("cannot wait for signals", e));
    let (mut interrupt, mut terminate) = (
        handler(SignalKind::interrupt())?,
        handler(SignalKind::terminate())?,
    );
    let (yes, no) = (words.text("yes"), words.text("no"));
    let first = |word: &str| word.chars().next().map(|c| c.to_lowercase().to_string());
    let (yes_key, no_key) = (first(&yes), first(&no));
    let key = |key: &Option<String>| key.clone().unwrap_or_default();
    let detail = inline(&question.detail);
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!("{detail}\n")
    };
    let text = inline(&question.text);
    let (k_yes, k_no) = (key(&yes_key), key(&no_key));
    let mut out = std::io::stdout().lock();
    let _reader_may_be_gone =
        write!(out, "{text}\n{detail}{k_yes}: {yes}   {k_no}: {no} ").and_then(|()| out.flush());
    loop {
        let keys = tokio::select! {
            keys = terminal.keys() => keys,
            // The terminal is given back as it was.
            Some(()) = interrupt.recv() => None,
            Some(()) = terminate.recv() => None,
        };
        // A lost terminal is no answer.
        let Some(keys) = keys else {
            let _reader_may_be_gone = writeln!(out);
            return Ok(false);
        };
        // An arrow, say: it begins as Escape does.
        if keys.len() > 1 && keys[0] == 0x1b {
            continue;
        }
        for c in String::from_utf8_lossy(&keys).chars() {
            let typed = c.to_lowercase().to_string();
            let answer = if Some(&typed) == yes_key.as_ref() {
                Some(true)
            } else if Some(&typed) == no_key.as_ref() || c == '\u{1b}' {
                Some(false)
            } else {
                None
            };
            if let Some(answer) = answer {
                let said = if answer { &yes } else { &no };
                let _reader_may_be_gone = writeln!(out, "{said}");
                return Ok(answer);
            }
        }
    }
}
