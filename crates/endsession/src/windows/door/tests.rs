//! What a window answers, whatever happens while it is asked, and what Windows is told meanwhile.

use std::rc::Rc;

use super::*;
use crate::{
    AskingUser, Event, Events, Kind, Query, What,
    client::Handle as ClientHandle,
    windows::system::recorded::{Call, Recorded, post, post_quit},
};

const WINDOW: Handle = 7;

/// An application, the backend's host and its one window.
struct Desktop {
    host: Arc<Host<Recorded>>,
    door: Rc<Door<Recorded>>,
    events: Rc<std::cell::RefCell<Events>>,
}

fn desktop(is_given: bool) -> Desktop {
    let shared = Shared::new();
    let host = Host::new(Recorded::default(), Arc::clone(&shared), "app".to_owned());
    shared.commands_go_to(Box::new(Line(Arc::downgrade(&host))));
    shared.backend_is(crate::Backend::Windows);
    let handle = Arc::new(ClientHandle { shared });
    Desktop {
        door: Rc::new(Door::new(Arc::clone(&host), WINDOW, is_given)),
        events: Rc::new(std::cell::RefCell::new(Events::new(handle))),
        host,
    }
}

fn taken(events: &std::cell::RefCell<Events>) -> Query {
    match events.borrow_mut().try_next() {
        Some(Event::Query(query)) => query,
        other => panic!("no query but {other:?}"),
    }
}

impl Desktop {
    /// While the door waits, the application takes its query.
    fn when_asked(&self, answers: impl FnOnce(Query) + 'static) {
        let events = Rc::clone(&self.events);
        post(move || answers(taken(&events)));
    }

    fn when_told(&self, does: impl FnOnce(crate::End) + 'static) {
        let events = Rc::clone(&self.events);
        post(move || match events.borrow_mut().try_next() {
            Some(Event::End(end)) => does(end),
            other => panic!("no end but {other:?}"),
        });
    }

    fn next(&self) -> Option<Event> {
        self.events.borrow_mut().try_next()
    }

    fn calls(&self) -> Vec<Call> {
        self.host.system.calls()
    }

    fn hold(&self, what: What, reason: &str) -> crate::hold::HoldId {
        self.host.shared.hold(what, reason.to_owned())
    }
}

fn block(reason: &str) -> Call {
    Call::Block(WINDOW, reason.to_owned())
}

const UNBLOCK: Call = Call::Unblock(WINDOW);

#[test]
fn yes_is_true_and_the_end_waits_until_all_is_saved() {
    let desk = desktop(false);
    desk.when_asked(|query| {
        assert_eq!(query.ending().kind(), Some(Kind::LogOff));
        query.accept();
    });
    assert!(desk.door.query(0x8000_0000));
    desk.when_told(|end| {
        assert_eq!(end.ending().kind(), Some(Kind::LogOff));
        // In the middle of its work.
        post(move || end.done());
    });
    desk.door.end(true, 0x8000_0000);
    assert_eq!(desk.host.system.elapsed(), Duration::ZERO);
    assert!(desk.next().is_none());
    assert!(desk.calls().is_empty());
}

#[test]
fn no_is_false_with_its_reason_registered_first() {
    let desk = desktop(true);
    desk.when_asked(|query| query.refuse("Two documents are not saved"));
    assert!(!desk.door.query(0));
    assert_eq!(desk.calls(), [block("Two documents are not saved")]);
    // The user has cancelled; nothing holds any more.
    desk.door.end(false, 0);
    assert_eq!(desk.calls(), [UNBLOCK]);
    assert!(matches!(desk.next(), Some(Event::Cancelled)));
    assert!(desk.next().is_none());
}

#[test]
fn every_call_for_a_reason_is_made_in_the_windows_thread() {
    let desk = desktop(true);
    let shared = Arc::clone(&desk.host.shared);
    let id = desk.hold(What::LOG_OFF, "Rendering");
    let elsewhere = std::thread::spawn(move || {
        shared.set_reason(id, "Rendering, 3 minutes left".to_owned());
    });
    elsewhere.join().unwrap();
    assert!(desk.calls().is_empty());
    desk.door.look();
    assert_eq!(desk.calls(), [block("Rendering, 3 minutes left")]);
    let here = std::thread::current().id();
    assert!(
        desk.host
            .system
            .threads()
            .iter()
            .all(|thread| *thread == here)
    );
}

#[test]
fn while_the_user_is_asked_nobody_hurries_and_others_are_refused() {
    let desk = desktop(true);
    let door = Rc::clone(&desk.door);
    let system = Arc::clone(&desk.host);
    desk.when_asked(move |query| {
        let asking = query.ask_user("Save the drawing?");
        // The application's dialog is up; its loop brings a second question.
        post(move || {
            assert!(!door.query(0));
            post(move || {
                assert_eq!(system.system.calls(), [block("Save the drawing?")]);
                asking.accept();
            });
        });
    });
    assert!(desk.door.query(0));
    assert_eq!(desk.calls(), [UNBLOCK]);
    assert!(desk.next().is_none());
}

#[test]
fn a_second_question_shares_the_first_ones_answer() {
    let desk = desktop(false);
    let door = Rc::clone(&desk.door);
    let events = Rc::clone(&desk.events);
    post(move || {
        post(move || taken(&events).refuse("no"));
        assert!(!door.query(0));
    });
    assert!(!desk.door.query(0));
    assert!(desk.next().is_none());
}

#[test]
fn questions_within_questions_have_a_bottom() {
    fn ask_again(door: Rc<Door<Recorded>>, left: u32, deepest: Rc<Cell<u32>>) {
        post(move || {
            deepest.set(deepest.get().max(door.nested.get()));
            if left == 0 {
                // Through all of them the cancel gets in, and lets them go.
                door.end(false, 0);
                return;
            }
            ask_again(Rc::clone(&door), left - 1, deepest);
            assert!(!door.query(0));
        });
    }
    let desk = desktop(false);
    let deepest = Rc::new(Cell::new(0));
    desk.when_asked(std::mem::forget);
    ask_again(Rc::clone(&desk.door), 1_000, Rc::clone(&deepest));
    assert!(!desk.door.query(0));
    assert_eq!(deepest.get(), MOST_NESTED);
    assert_eq!(desk.host.system.given_back(), 1);
    assert!(matches!(desk.next(), Some(Event::Cancelled)));
    assert!(desk.next().is_none());
}

#[test]
fn a_critical_end_takes_no_no_and_waits_for_no_user() {
    let desk = desktop(true);
    desk.hold(What::LOG_OFF, "Burning");
    desk.when_asked(|query| {
        assert!(query.ending().is_critical());
        query.refuse("no");
    });
    assert!(desk.door.query(0x4000_0000));
    desk.when_asked(|query| {
        let asking = query.ask_user("Save?");
        std::mem::forget(asking);
    });
    assert!(desk.door.query(0x4000_0000));
    assert_eq!(desk.host.system.elapsed(), LATE);
}

#[test]
fn a_hold_makes_a_yes_a_no_until_it_is_released() {
    let desk = desktop(false);
    let id = desk.hold(What::LOG_OFF | What::IDLE, "Rendering");
    desk.door.look();
    assert_eq!(desk.calls(), [block("Rendering")]);
    desk.when_asked(Query::accept);
    assert!(!desk.door.query(0));
    desk.door.end(false, 0);
    // Its reason stands: it still holds.
    assert!(desk.calls().is_empty());
    assert!(matches!(desk.next(), Some(Event::Cancelled)));
    desk.host.shared.release(id);
    desk.door.look();
    assert_eq!(desk.calls(), [UNBLOCK]);
    desk.when_asked(Query::accept);
    assert!(desk.door.query(0));
}

#[test]
fn several_holds_are_told_together_and_cut() {
    let desk = desktop(false);
    desk.hold(What::LOG_OFF, "Burning");
    desk.hold(What::SLEEP, "Downloading");
    desk.hold(What::LOG_OFF, &"😀".repeat(127));
    desk.door.look();
    let calls = desk.calls();
    let [Call::Block(_, reason)] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    assert!(reason.starts_with("Burning; 😀"), "{reason}");
    assert_eq!(words::utf16(reason).len(), 256);
    assert!(!reason.contains("Downloading"));
}

#[test]
fn without_a_reason_the_programs_name_is_shown() {
    let desk = desktop(false);
    desk.when_asked(|query| query.refuse(""));
    assert!(!desk.door.query(0));
    assert_eq!(desk.calls(), [block("app")]);
}

#[test]
fn a_windows_without_reasons_still_hears_the_no() {
    let desk = desktop(false);
    desk.host.system.take_no_reasons();
    desk.when_asked(|query| query.refuse("no"));
    assert!(!desk.door.query(0));
}

#[test]
fn the_applications_own_thread_is_given_back_when_nobody_answers() {
    let desk = desktop(true);
    assert!(!desk.door.query(0));
    assert_eq!(desk.host.system.elapsed(), LATE);
    assert_eq!(desk.calls(), [block("app")]);
    // Its answer comes when its loop goes on: what the user is shown follows.
    taken(&desk.events).refuse("Exporting");
    desk.door.look();
    assert_eq!(desk.calls(), [UNBLOCK, block("Exporting")]);
    // The user ends it anyway.
    desk.when_told(crate::End::done);
    desk.door.end(true, 0);
    assert_eq!(desk.calls(), [UNBLOCK]);
}

#[test]
fn our_own_thread_waits_on_and_says_for_whom() {
    let desk = desktop(false);
    let events = Rc::clone(&desk.events);
    let host = Arc::clone(&desk.host);
    // Nothing comes until the limit has passed.
    let system = Arc::clone(&desk.host);
    post(move || {
        assert_eq!(system.system.elapsed(), Duration::ZERO);
        // As a message that came after it.
        system.system.pass(LATE);
    });
    post(move || {
        assert_eq!(host.system.calls(), [block("app")]);
        taken(&events).accept();
    });
    assert!(desk.door.query(0));
    assert_eq!(desk.calls(), [UNBLOCK]);
}

#[test]
fn an_application_in_its_own_dialog_is_let_out_of_it() {
    let desk = desktop(true);
    desk.host.system.disable(true);
    let host = Arc::clone(&desk.host);
    // Its user presses the dialog's button; its loop can take the event only after this question.
    post(move || host.system.disable(false));
    assert!(!desk.door.query(0));
    assert_eq!(desk.host.system.elapsed(), Duration::ZERO);
    let late = taken(&desk.events);
    assert!(!late.is_over());
    late.accept();
    desk.door.look();
    assert_eq!(desk.calls(), [block("app"), UNBLOCK]);
}

#[test]
fn an_application_in_its_own_dialog_may_answer_from_another_thread() {
    let desk = desktop(true);
    desk.host.system.disable(true);
    desk.when_asked(Query::accept);
    assert!(desk.door.query(0));
}

#[test]
fn a_cancel_in_the_middle_of_a_question_ends_it() {
    let desk = desktop(true);
    let door = Rc::clone(&desk.door);
    let asking = Rc::new(Cell::new(None::<AskingUser>));
    let kept = Rc::clone(&asking);
    desk.when_asked(move |query| {
        kept.set(Some(query.ask_user("Save?")));
        post(move || door.end(false, 0));
    });
    assert!(!desk.door.query(0));
    assert_eq!(desk.calls(), [block("Save?"), UNBLOCK]);
    assert!(matches!(desk.next(), Some(Event::Cancelled)));
    // What the user says now is nobody's any more.
    let asking = asking.take().unwrap();
    assert!(asking.is_over());
    asking.refuse("no");
    desk.door.look();
    assert!(desk.calls().is_empty());
}

#[test]
fn an_end_in_the_middle_of_a_question_overtakes_it() {
    let desk = desktop(false);
    let door = Rc::clone(&desk.door);
    let events = Rc::clone(&desk.events);
    desk.when_asked(move |query| {
        post(move || {
            drop(query);
            match events.borrow_mut().try_next() {
                Some(Event::End(end)) => end.done(),
                other => panic!("{other:?}"),
            }
        });
        door.end(true, 0);
    });
    assert!(desk.door.query(0));
    assert!(desk.next().is_none());
}

#[test]
fn an_end_comes_without_a_question() {
    let desk = desktop(false);
    desk.hold(What::LOG_OFF, "Rendering");
    desk.when_told(crate::End::done);
    desk.door.end(true, 0);
    assert!(desk.next().is_none());
}

#[test]
fn who_never_cleans_up_is_waited_for_5_s() {
    let desk = desktop(false);
    desk.door.end(true, 0);
    assert_eq!(desk.host.system.elapsed(), CLEAN_UP);
}

#[test]
fn who_quits_agrees() {
    let desk = desktop(true);
    post_quit();
    assert!(desk.door.query(0));
    post_quit();
    desk.door.end(true, 0);
    assert_eq!(desk.host.system.elapsed(), Duration::ZERO);
}

#[test]
fn a_closed_client_is_asked_nothing() {
    let desk = desktop(false);
    desk.hold(What::LOG_OFF, "Rendering");
    let shared = Arc::clone(&desk.host.shared);
    // In the middle of a question, which is then answered.
    post(move || shared.close());
    assert!(desk.door.query(0));
    assert!(desk.door.query(0));
    desk.door.end(true, 0);
    assert_eq!(desk.host.system.elapsed(), Duration::ZERO);
}

#[test]
fn each_end_is_another_question() {
    let desk = desktop(true);
    desk.when_asked(|query| query.refuse("no"));
    assert!(!desk.door.query(0));
    // Windows tells nobody who refused that it was called off; the next one comes.
    desk.when_asked(Query::accept);
    assert!(desk.door.query(0));
    assert_eq!(desk.calls(), [block("no"), UNBLOCK]);
    desk.when_asked(Query::accept);
    assert!(desk.door.query(0));
}

#[test]
fn a_window_that_goes_takes_its_reason_along() {
    let desk = desktop(true);
    desk.hold(What::LOG_OFF, "Rendering");
    desk.door.look();
    desk.door.close();
    assert_eq!(desk.calls(), [block("Rendering"), UNBLOCK]);
}

#[test]
fn a_handler_without_a_window_waits_for_the_clean_up() {
    let desk = desktop(false);
    let host = Arc::clone(&desk.host);
    let handler = std::thread::spawn(move || host.end_and_wait(crate::Ending::UNKNOWN));
    let event = desk
        .events
        .borrow_mut()
        .next_within(Duration::from_secs(60));
    let Some(Event::End(end)) = event else {
        panic!("{event:?}");
    };
    assert!(!handler.is_finished());
    end.done();
    handler.join().unwrap();
}
