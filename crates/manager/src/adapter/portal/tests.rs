//! The portal's calls, one after another and in every order that they may come in.

use super::*;

const PORTAL: &str = ":1.7";
const EDITOR: &str = "/org/freedesktop/portal/desktop/request/1_42/t1";
const SESSION_PATH: &str = "/org/freedesktop/portal/desktop/session/1_42/s1";

/// The adapter between a portal and a coordinator that only listens.
struct Desk {
    portal: Portal,
    gnome: Gnome,
    /// Events so far.
    events: Vec<Event>,
    questions: Vec<Message>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self {
            portal: Portal::default(),
            gnome: Gnome::default(),
            events: Vec::new(),
            questions: Vec::new(),
        };
        let mut effects = Effects::default();
        desk.portal
            .frontend_is(Some(PORTAL), &mut desk.gnome, &mut effects);
        desk
    }

    fn call_from<B>(
        &mut self,
        from: &str,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Option<Answered>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let call = Message::method_call(path, member)
            .interface(interface)
            .sender(from)
            .build(body)
            .unwrap();
        let peer = Peer {
            name: from.to_owned(),
            pid: Some(7),
            uid: Some(1000),
            identity: Identity::Peer(7),
        };
        let mut effects = Effects::default();
        let answered = self.portal.call(
            &call,
            &peer,
            &mut self.gnome,
            &mut effects,
            &mut self.questions,
        );
        self.events.extend(effects.events);
        answered
    }

    fn call<B>(&mut self, path: &str, interface: &str, member: &str, body: &B) -> Option<Answered>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.call_from(PORTAL, path, interface, member, body)
    }

    /// The bus answers the oldest question: the caller is process 42.
    fn bus_answers(&mut self) -> Vec<Message> {
        let question = self.questions.remove(0);
        let credentials = HashMap::from([
            ("ProcessID", Variant::from(42_u32)),
            ("UnixUserID", Variant::from(1000_u32)),
        ]);
        let answer = Message::method_return(&question.header())
            .build(&credentials)
            .unwrap();
        self.told(&answer)
    }

    /// The caller has left the bus before that.
    fn bus_knows_nobody(&mut self) -> Vec<Message> {
        let question = self.questions.remove(0);
        let answer = Message::error(
            &question.header(),
            "org.freedesktop.DBus.Error.NameHasNoOwner",
        )
        .build(&"no such name")
        .unwrap();
        self.told(&answer)
    }

    fn told(&mut self, answer: &Message) -> Vec<Message> {
        let mut effects = Effects::default();
        let messages = self
            .portal
            .told(answer, &mut self.gnome, &mut effects, |pid| {
                Some(Identity::Process { pid, start: 1 })
            });
        self.events.extend(effects.events);
        messages
    }

    fn monitor(&mut self) -> VoterId {
        let body = (path(EDITOR), path(SESSION_PATH), "org.example.Editor", "");
        assert!(self.call(PATH, INHIBIT, "CreateMonitor", &body).is_none());
        let messages = self.bus_answers();
        assert_eq!(messages.len(), 2, "the reply, and how the session stands");
        assert_eq!(state(&messages[1]), 1);
        match self.events.pop() {
            Some(Event::Registered {
                voter, name, of, ..
            }) => {
                assert_eq!(name, "org.example.Editor");
                assert_eq!(of.pid(), Some(42));
                voter
            }
            other => panic!("{other:?}"),
        }
    }

    fn inhibit(&mut self, handle: &str, flags: u32) {
        let options = HashMap::from([("reason", Variant::from("unsaved"))]);
        let body = (path(handle), "org.example.Editor", "", flags, options);
        assert!(self.call(PATH, INHIBIT, "Inhibit", &body).is_none());
    }

    fn answers(&mut self) {
        let answered = self.call(PATH, INHIBIT, "QueryEndResponse", &path(SESSION_PATH));
        assert!(answered.is_some_and(|answered| answered.is_ok()));
    }

    fn settle(&mut self) -> Vec<Event> {
        let at = self.portal.deadline().unwrap_or_else(Instant::now);
        self.portal.handle_timeout(at)
    }
}

fn path(path: &str) -> ObjectPath<'_> {
    ObjectPath::try_from(path).unwrap()
}

fn state(message: &Message) -> u32 {
    let body = message.body();
    let (session, state): (ObjectPath<'_>, HashMap<&str, Variant<'_>>) =
        body.deserialize().unwrap();
    assert_eq!(session.as_str(), SESSION_PATH);
    u32::try_from(&state["session-state"]).unwrap()
}

#[test]
fn the_caller_stands_in_the_requests_path() {
    assert_eq!(sender_of(EDITOR).as_deref(), Some(":1.42"));
    for bad in [
        PATH,
        "/org/freedesktop/portal/desktop/request/1_42",
        "/org/freedesktop/portal/desktop/request//t",
        "/org/freedesktop/portal/desktop/request/a/t",
        "/org/freedesktop/portal/desktop/session/1_42/t",
        "/elsewhere/request/1_42/t",
    ] {
        assert_eq!(sender_of(bad), None, "{bad}");
    }
}

#[test]
fn a_monitor_is_asked_cancelled_and_ended() {
    let mut desk = Desk::new();
    let voter = desk.monitor();
    assert!(Portal::owns(voter));
    assert_eq!(state(&desk.portal.query(voter).unwrap()), 2);
    desk.answers();
    assert_eq!(desk.settle(), [Event::Answered(voter, Answer::Accept)]);
    assert_eq!(desk.settle(), [], "once");
    let (told, answer) = desk.portal.cancel(voter);
    assert_eq!((state(&told.unwrap()), answer), (1, None));
    assert_eq!(state(&desk.portal.query(voter).unwrap()), 2);
    assert_eq!(state(&desk.portal.end(voter).unwrap()), 3);
    let closed = desk.call(SESSION_PATH, SESSION, "Close", &());
    assert!(closed.is_some_and(|closed| closed.is_ok()));
    assert_eq!(desk.events, [Event::Unregistered(voter)]);
    assert!(desk.portal.query(voter).is_none());
}

#[test]
fn a_second_hold_under_one_path_is_refused_and_the_first_stays_one_to_release() {
    let mut desk = Desk::new();
    desk.inhibit(EDITOR, 1);
    desk.bus_answers();
    let options = HashMap::from([("reason", Variant::from("again"))]);
    let body = (path(EDITOR), "org.example.Editor", "", 1_u32, options);
    let again = desk.call(PATH, INHIBIT, "Inhibit", &body);
    assert!(again.is_some_and(|answered| answered.is_err()));
    assert!(desk.questions.is_empty());
    let closed = desk.call(EDITOR, REQUEST, "Close", &());
    assert!(closed.is_some_and(|closed| closed.is_ok()));
    assert!(
        matches!(
            &desk.events[..],
            [Event::Inhibited { .. }, Event::Uninhibited(_)]
        ),
        "{:?}",
        desk.events
    );
}

#[test]
fn a_hold_that_arrives_after_the_yes_comes_before_it() {
    let mut desk = Desk::new();
    let voter = desk.monitor();
    desk.portal.query(voter);
    desk.answers();
    desk.inhibit(EDITOR, 1);
    desk.bus_answers();
    assert!(
        matches!(&desk.events[..], [Event::Inhibited { reason, .. }] if reason == "unsaved"),
        "{:?}",
        desk.events
    );
    assert_eq!(desk.settle(), [Event::Answered(voter, Answer::Accept)]);
}

#[test]
fn an_answer_to_no_query_or_to_one_that_is_void_says_nothing() {
    let mut desk = Desk::new();
    let voter = desk.monitor();
    desk.answers();
    assert_eq!(desk.portal.deadline(), None);
    desk.portal.query(voter);
    desk.answers();
    // The coordinator waits for an answer to each query, and this is the one.
    let answer = Some(Event::Answered(voter, Answer::Accept));
    assert_eq!(desk.portal.cancel(voter).1, answer);
    assert_eq!(desk.settle(), []);
    desk.portal.query(voter);
    assert_eq!(desk.portal.cancel(voter).1, answer);
    desk.answers();
    assert_eq!(desk.settle(), []);
}

#[test]
fn a_hold_is_released_by_its_request_also_before_anybody_knows_whose_it_is() {
    let mut desk = Desk::new();
    desk.inhibit(EDITOR, 1);
    desk.bus_answers();
    assert_eq!(desk.gnome.inhibitors.len(), 1);
    desk.call(EDITOR, REQUEST, "Close", &());
    assert!(desk.gnome.inhibitors.is_empty());

    desk.inhibit(EDITOR, 1);
    desk.call(EDITOR, REQUEST, "Close", &());
    desk.bus_answers();
    assert!(desk.gnome.inhibitors.is_empty());
}

#[test]
fn one_that_leaves_at_once_holds_nothing() {
    let mut desk = Desk::new();
    desk.inhibit(EDITOR, 1);
    let answered = desk.bus_knows_nobody();
    assert_eq!(answered[0].message_type(), Type::Error);
    assert!(desk.gnome.inhibitors.is_empty() && desk.portal.holds.is_empty());
}

#[test]
fn a_stranger_speaks_for_nobody() {
    let mut desk = Desk::new();
    let voter = desk.monitor();
    desk.portal.query(voter);
    let body = path(SESSION_PATH);
    let answered = desk.call_from(":1.9", PATH, INHIBIT, "QueryEndResponse", &body);
    let refused = answered.unwrap().unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.AccessDenied");
    assert_eq!(desk.portal.deadline(), None);
}

#[test]
fn wrong_arguments_are_named() {
    let mut desk = Desk::new();
    let refused = desk
        .call(PATH, INHIBIT, "Inhibit", &"x")
        .unwrap()
        .unwrap_err();
    assert_eq!(
        refused.text,
        "Inhibit takes (ossua{sv}), and was called with (s)"
    );
    let refused = desk.call(PATH, INHIBIT, "CreateMonitor", &()).unwrap();
    assert_eq!(
        refused.unwrap_err().name,
        "org.freedesktop.DBus.Error.InvalidArgs"
    );
    assert!(desk.questions.is_empty());
}

#[test]
fn holds_of_one_application_are_counted() {
    let mut desk = Desk::new();
    for n in 0..1_000 {
        desk.inhibit(
            &format!("/org/freedesktop/portal/desktop/request/1_42/t{n}"),
            1,
        );
        desk.bus_answers();
    }
    assert_eq!(desk.gnome.inhibitors.len(), MAX_EACH);
    assert_eq!(desk.portal.holds.len(), MAX_EACH);
}

#[test]
fn calls_that_wait_are_counted() {
    let mut desk = Desk::new();
    for n in 0..MAX_WAITING {
        desk.inhibit(
            &format!("/org/freedesktop/portal/desktop/request/1_42/t{n}"),
            1,
        );
    }
    let options = HashMap::<&str, Variant<'_>>::new();
    let body = (path(EDITOR), "x", "", 1_u32, options);
    let refused = desk.call(PATH, INHIBIT, "Inhibit", &body).unwrap();
    assert_eq!(
        refused.unwrap_err().name,
        "org.freedesktop.DBus.Error.LimitsExceeded"
    );
}

#[test]
fn with_the_portal_everything_that_it_told_of_goes() {
    let mut desk = Desk::new();
    let voter = desk.monitor();
    desk.inhibit(EDITOR, 1);
    desk.bus_answers();
    desk.events.clear();
    let mut effects = Effects::default();
    desk.portal
        .frontend_is(Some(":1.8"), &mut desk.gnome, &mut effects);
    assert!(effects.events.contains(&Event::Unregistered(voter)));
    assert!(desk.gnome.inhibitors.is_empty());
}

#[test]
fn a_lock_is_told_once_with_the_state_as_it_is() {
    let mut desk = Desk::new();
    let voter = desk.monitor();
    assert_eq!(desk.portal.locked(true).len(), 1);
    assert!(desk.portal.locked(true).is_empty());
    desk.portal.query(voter);
    let told = desk.portal.locked(false);
    assert_eq!(state(&told[0]), 2);
}
