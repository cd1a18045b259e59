//! Through a real xdg-desktop-portal, as where a program is in a sandbox. Behind it, where a desktop's own portal would be, this test says how the session is.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use endsession_testkit::bus::Bus;
use endsession_testkit::session::{Proc, Sandbox};
use futures_util::StreamExt as _;
use tokio::runtime::Builder;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, Variant};

use crate::actor::Actor;
use crate::support::{LIMIT, sandbox};

const NAME: &str = "org.freedesktop.impl.portal.desktop.test";
const PATH: &str = "/org/freedesktop/portal/desktop";
const INHIBIT: &str = "org.freedesktop.impl.portal.Inhibit";

/// What the desktop's portal was asked.
#[derive(Default)]
struct Asked {
    monitors: Vec<OwnedObjectPath>,
    responses: usize,
    /// Inhibitors that are held, by their request: flags and reasons.
    inhibitors: HashMap<String, (u32, String)>,
}

type Shared = Arc<(Mutex<Asked>, Condvar)>;

/// A desktop's portal that knows `Inhibit`.
struct Desktop {
    connection: Connection,
    asked: Shared,
    _portal: Proc,
    _bus: Bus,
    sandbox: Sandbox,
}

impl Desktop {
    #[track_caller]
    fn start() -> Self {
        let sandbox = sandbox();
        let text = format!("[portal]\nDBusName={NAME}\nInterfaces={INHIBIT}\nUseIn=test\n");
        let file = sandbox.write("portals/test.portal", text);
        sandbox.set_env("XDG_DESKTOP_PORTAL_DIR", file.parent().unwrap());
        sandbox.set_env("XDG_CURRENT_DESKTOP", "test");
        sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
        let bus = Bus::daemon_in(&sandbox);
        let connection = bus.connect();
        let asked = Shared::default();
        let (serves, shared) = (connection.clone(), Arc::clone(&asked));
        let stream = MessageStream::from(&connection);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(serves, stream, shared));
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bus = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
            let flags = zbus::fdo::RequestNameFlags::DO_NOT_QUEUE;
            bus.request_name(NAME.try_into().unwrap(), flags)
                .await
                .unwrap();
        });
        let portal = sandbox.spawn(["/usr/libexec/xdg-desktop-portal"]);
        bus.wait_for_name("org.freedesktop.portal.Desktop", LIMIT);
        Self {
            connection,
            asked,
            _portal: portal,
            _bus: bus,
            sandbox,
        }
    }

    /// Waits until it has been asked so.
    #[track_caller]
    fn wait<T>(&self, what: &str, reached: impl Fn(&Asked) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut asked = self.asked.0.lock().unwrap();
        loop {
            if let Some(reached) = reached(&asked) {
                return reached;
            }
            let left = LIMIT.checked_sub(begun.elapsed());
            let left = left.unwrap_or_else(|| panic!("never: {what}; {:?}", asked.inhibitors));
            asked = self.asked.1.wait_timeout(asked, left).unwrap().0;
        }
    }

    /// Says how the session is: 1 it runs, 2 it is to end, 3 it ends.
    #[track_caller]
    fn says(&self, state: u32) {
        let monitor = self.wait("a monitor", |asked| asked.monitors.last().cloned());
        let body = HashMap::from([
            ("screensaver-active", Variant::from(false)),
            ("session-state", Variant::from(state)),
        ]);
        let signal = Message::signal(PATH, INHIBIT, "StateChanged")
            .build(&(monitor, body))
            .unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.connection.send(&signal)).unwrap();
    }

    fn reasons(asked: &Asked) -> Vec<(u32, String)> {
        asked.inhibitors.values().cloned().collect()
    }

    #[track_caller]
    fn holds(&self, flags: u32, reason: &str) {
        let expected = vec![(flags, reason.to_owned())];
        self.wait(reason, |a| (Self::reasons(a) == expected).then_some(()));
    }

    #[track_caller]
    fn holds_nothing(&self) {
        self.wait("nothing held", |a| a.inhibitors.is_empty().then_some(()));
    }

    #[track_caller]
    fn responded(&self, times: usize) {
        self.wait("a response", |a| (a.responses == times).then_some(()));
    }
}

async fn serve(connection: Connection, mut stream: MessageStream, asked: Shared) {
    while let Some(Ok(message)) = stream.next().await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let reply = answer(&message, &mut asked.0.lock().unwrap());
        asked.1.notify_all();
        connection.send(&reply).await.unwrap();
    }
}

fn answer(message: &Message, state: &mut Asked) -> Message {
    let header = message.header();
    let path = header.path().unwrap().to_string();
    let body = message.body();
    let reply = Message::method_return(&header);
    let reply = match header.member().unwrap().as_str() {
        "CreateMonitor" => {
            let (_, session, ..): (OwnedObjectPath, OwnedObjectPath, String, String) =
                body.deserialize().unwrap();
            state.monitors.push(session);
            reply.build(&0_u32)
        }
        "Inhibit" => {
            type Body<'a> = (
                OwnedObjectPath,
                String,
                String,
                u32,
                HashMap<&'a str, Variant<'a>>,
            );
            let (request, _, _, flags, options): Body<'_> = body.deserialize().unwrap();
            let reason = match options.get("reason") {
                Some(Variant::Str(reason)) => reason.to_string(),
                _ => String::new(),
            };
            state
                .inhibitors
                .insert(request.to_string(), (flags, reason));
            reply.build(&())
        }
        "QueryEndResponse" => {
            state.responses += 1;
            reply.build(&())
        }
        "Close" => {
            state.inhibitors.remove(&path);
            reply.build(&())
        }
        // Properties: it has none.
        "GetAll" => reply.build(&HashMap::<&str, Variant<'_>>::new()),
        _ => Message::error(&header, "org.freedesktop.DBus.Error.UnknownMethod").build(&""),
    };
    reply.unwrap()
}

#[test]
fn it_is_asked_through_the_portal_and_told_to_end() {
    let desktop = Desktop::start();
    let actor = Actor::start(&desktop.sandbox, "org.example.Editor");
    actor.says("connected to portal");
    desktop.says(2);
    actor.says("got query 1.");
    actor.order("accept");
    desktop.responded(1);
    desktop.holds_nothing();
    desktop.says(3);
    actor.says("got end 1.");
    assert_eq!(actor.told(), ["query", "end"]);
    actor.order("done");
}

#[test]
fn a_refusal_is_an_inhibitor_that_is_there_before_the_response() {
    let desktop = Desktop::start();
    let actor = Actor::start(&desktop.sandbox, "org.example.Editor");
    desktop.says(2);
    actor.says("got query 1.");
    actor.order("refuse Two documents are not saved");
    desktop.wait("a response", |asked| {
        let held = !asked.inhibitors.is_empty();
        assert!(asked.responses == 0 || held, "the response came first");
        (asked.responses == 1).then_some(())
    });
    desktop.holds(1, "Two documents are not saved");
    desktop.says(1);
    actor.says("got cancelled 1.");
    desktop.holds_nothing();
}

#[test]
fn while_the_user_is_asked_it_is_held_and_a_yes_lets_go() {
    let desktop = Desktop::start();
    let actor = Actor::start(&desktop.sandbox, "org.example.Editor");
    desktop.says(2);
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    desktop.responded(1);
    desktop.holds(1, "Save the letter?");
    actor.order("yes");
    desktop.holds_nothing();
    // Asked once more, as when somebody else was cleared: the user says no now.
    desktop.says(2);
    actor.says("got query 2.");
    actor.order("ask Save the letter?");
    desktop.responded(2);
    actor.order("no I go on writing");
    desktop.holds(1, "I go on writing");
    desktop.says(1);
    actor.says("got cancelled 1.");
    desktop.holds_nothing();
}

#[test]
fn holds_are_the_portals_and_go_with_the_client() {
    let desktop = Desktop::start();
    let actor = Actor::start(&desktop.sandbox, "org.example.Render");
    actor.order("hold film lsi Rendering");
    desktop.holds(13, "Rendering");
    actor.order("reason film Nearly done");
    desktop.holds(13, "Nearly done");
    actor.order("release film");
    desktop.holds_nothing();
    actor.order("hold film s Rendering");
    desktop.holds(4, "Rendering");
    actor.order("close");
    desktop.holds_nothing();
}
