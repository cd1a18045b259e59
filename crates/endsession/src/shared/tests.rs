//! What the application sees of every order in which a backend and it may speak.

use std::{sync::mpsc, time::Duration};

use super::*;
use crate::{Events, Hold, client::Handle};

/// The backend's end: what the application said.
struct Recorded(Mutex<mpsc::Sender<Command>>);

impl Commands for Recorded {
    fn send(&self, command: Command) {
        let sender = self.0.lock().unwrap();
        // A test that looks at nothing more has dropped the other end.
        let _ = sender.send(command);
    }
}

fn desk() -> (Arc<Shared>, Events, mpsc::Receiver<Command>) {
    let shared = Shared::new();
    let (sender, commands) = mpsc::channel();
    shared.commands_go_to(Box::new(Recorded(Mutex::new(sender))));
    let handle = Arc::new(Handle {
        shared: Arc::clone(&shared),
    });
    (shared, Events::new(handle), commands)
}

fn taken_query(events: &mut Events) -> Query {
    match events.try_next() {
        Some(Event::Query(query)) => query,
        other => panic!("no query but {other:?}"),
    }
}

fn refused(ticket: Ticket, reason: &str, by_user: bool) -> Command {
    let reason = reason.to_owned();
    Command::Answer(ticket, Answer::Refuse { reason, by_user })
}

#[test]
fn each_answer_reaches_the_backend_once() {
    let (shared, mut events, commands) = desk();
    let first = shared.query(Ending::UNKNOWN);
    taken_query(&mut events).accept();
    assert_eq!(
        commands.try_recv(),
        Ok(Command::Answer(first, Answer::Accept))
    );
    let second = shared.query(Ending::UNKNOWN);
    taken_query(&mut events).refuse("two\nlines");
    assert_eq!(commands.try_recv(), Ok(refused(second, "two lines", false)));
    assert!(commands.try_recv().is_err());
}

#[test]
fn a_query_dropped_accepts_and_a_question_dropped_refuses() {
    let (shared, mut events, commands) = desk();
    let first = shared.query(Ending::UNKNOWN);
    drop(taken_query(&mut events));
    assert_eq!(
        commands.try_recv(),
        Ok(Command::Answer(first, Answer::Accept))
    );
    let second = shared.query(Ending::UNKNOWN);
    let asking = taken_query(&mut events).ask_user("Save?");
    let reason = "Save?".to_owned();
    let told = Command::Answer(second, Answer::AskingUser { reason });
    assert_eq!(commands.try_recv(), Ok(told));
    drop(asking);
    assert_eq!(commands.try_recv(), Ok(refused(second, "Save?", true)));
}

#[test]
fn an_answer_after_the_cancel_is_thrown_away() {
    let (shared, mut events, commands) = desk();
    shared.query(Ending::UNKNOWN);
    let asking = taken_query(&mut events).ask_user("Save?");
    assert!(!asking.is_over());
    let _ = commands.try_recv();
    shared.cancelled();
    assert!(asking.is_over());
    asking.refuse("no");
    assert!(commands.try_recv().is_err());
    assert!(matches!(events.try_next(), Some(Event::Cancelled)));
    assert!(events.try_next().is_none());
}

#[test]
fn who_never_saw_the_query_is_not_told_of_its_cancel() {
    let (shared, mut events, _commands) = desk();
    shared.query(Ending::UNKNOWN);
    shared.cancelled();
    assert!(events.try_next().is_none());
}

#[test]
fn who_agreed_is_told_of_the_cancel_once() {
    let (shared, mut events, _commands) = desk();
    shared.query(Ending::UNKNOWN);
    taken_query(&mut events).accept();
    shared.cancelled();
    shared.cancelled();
    assert!(matches!(events.try_next(), Some(Event::Cancelled)));
    assert!(events.try_next().is_none());
}

#[test]
fn a_manager_that_asks_for_ever_fills_no_memory() {
    let (shared, mut events, _commands) = desk();
    for _ in 0..1_000 {
        shared.query(Ending::UNKNOWN);
        shared.end(Ending::UNKNOWN);
        shared.cancelled();
        shared.backend_is(Backend::Gnome);
        shared.backend_is(Backend::None);
        shared.query(Ending::UNKNOWN);
    }
    assert!(shared.state().events.len() <= 4);
    assert!(matches!(events.try_next(), Some(Event::Backend(_))));
    taken_query(&mut events).accept();
}

#[test]
fn an_end_takes_the_place_of_a_query_that_nobody_took() {
    let (shared, mut events, commands) = desk();
    shared.query(Ending::UNKNOWN);
    let ticket = shared.end(Ending::new(Some(crate::Kind::Shutdown), true));
    let Some(Event::End(end)) = events.try_next() else {
        panic!("no end");
    };
    assert!(end.ending().is_critical());
    assert!(commands.try_recv().is_err());
    end.done();
    assert_eq!(commands.try_recv(), Ok(Command::Ended(ticket)));
}

#[test]
fn an_end_that_is_called_off_is_told() {
    let (shared, mut events, _commands) = desk();
    shared.end(Ending::UNKNOWN);
    let end = events.try_next();
    assert!(matches!(end, Some(Event::End(_))));
    shared.cancelled();
    assert!(matches!(events.try_next(), Some(Event::Cancelled)));
}

#[test]
fn holds_are_told_changed_and_released() {
    let (shared, events, commands) = desk();
    let handle = Arc::new(Handle {
        shared: Arc::clone(&shared),
    });
    let hold = Hold::new(handle, What::LOG_OFF | What::SLEEP, "Rendering");
    let Ok(Command::Hold { id, what, reason }) = commands.try_recv() else {
        panic!("no hold");
    };
    assert_eq!(
        (what, reason.as_str()),
        (What::LOG_OFF | What::SLEEP, "Rendering")
    );
    hold.set_reason("Rendering");
    assert!(commands.try_recv().is_err(), "the same reason is no news");
    hold.set_reason("Rendering, 3 minutes left");
    let reason = "Rendering, 3 minutes left".to_owned();
    let changed = Command::Reason {
        id,
        reason: reason.clone(),
    };
    assert_eq!(commands.try_recv(), Ok(changed));
    assert_eq!(shared.holds(), [(id, What::LOG_OFF | What::SLEEP, reason)]);

    assert_eq!(hold.held(), What::NOTHING, "nobody is there yet");
    shared.backend_is(Backend::Gnome);
    assert_eq!(hold.held(), What::LOG_OFF | What::SLEEP);
    shared.hold_refused(id, What::SLEEP);
    assert_eq!(hold.held(), What::LOG_OFF);
    shared.backend_is(Backend::Xsmp);
    assert_eq!(hold.held(), What::LOG_OFF);
    shared.backend_is(Backend::None);
    assert_eq!(hold.held(), What::NOTHING);

    drop(hold);
    assert_eq!(commands.try_recv(), Ok(Command::Release(id)));
    // The hold had its own handle, and with that the connection is closed.
    assert_eq!(commands.try_recv(), Ok(Command::Close));
    drop(events);
    assert!(commands.try_recv().is_err(), "closed twice");
}

#[test]
fn another_backend_is_news_and_the_first_is_not() {
    let (shared, mut events, _commands) = desk();
    shared.backend_is(Backend::Gnome);
    shared.backend_is(Backend::Gnome);
    assert!(events.try_next().is_none());
    shared.backend_is(Backend::None);
    shared.backend_is(Backend::Endsession);
    let told = events.try_next();
    assert!(matches!(told, Some(Event::Backend(Backend::Endsession))));
    assert!(events.try_next().is_none());
}

#[test]
fn waiting_ends_with_an_event_and_with_the_client() {
    let (shared, mut events, _commands) = desk();
    let asker = Arc::clone(&shared);
    let asking = std::thread::spawn(move || asker.query(Ending::UNKNOWN));
    assert!(matches!(events.next(), Some(Event::Query(_))));
    asking.join().unwrap();
    let limit = Duration::from_millis(1);
    assert!(events.next_within(limit).is_none());

    let (sender, told) = mpsc::channel();
    crate::events::dispatch(Arc::clone(&shared), move |event| {
        let _ = sender.send(event);
    })
    .unwrap();
    shared.close();
    assert!(told.recv().is_err(), "the callback goes with the client");
}
