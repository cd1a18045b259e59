//! Interoperability: the client's side of endsession-ice, with xfce4-session as its manager.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    io::{Read as _, Write as _},
    os::{
        fd::AsFd as _,
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixStream},
    },
    time::Duration,
};

use endsession_ice::{
    DialogKind, InteractStyle, Property, SaveKind, SaveYourself, WrongState, authority,
    client::{Connection, Event, State},
    network_id::{self, Address},
};
use endsession_testkit::{wait::Deadline, xsmp::Xfce};

const LIMIT: Duration = Duration::from_secs(30);

/// What it asks of all when it is told to save the session.
const CHECKPOINT: SaveYourself = SaveYourself {
    kind: SaveKind::Both,
    shutdown: false,
    interact: InteractStyle::None,
    fast: false,
};

/// A client that waits.
struct Client {
    stream: UnixStream,
    connection: Connection,
}

impl Client {
    /// Connects, and begins to register.
    #[track_caller]
    fn connect(xfce: &Xfce, previous: Option<&str>) -> Self {
        let ids = network_id::parse_list(xfce.session_manager()).unwrap();
        let mut connected = ids.iter().filter_map(|id| match id.address() {
            Address::Abstract(name) => {
                let address = SocketAddr::from_abstract_name(name).ok()?;
                Some((id, UnixStream::connect_addr(&address).ok()?))
            }
            Address::Path(path) => Some((id, UnixStream::connect(path).ok()?)),
            _ => None,
        });
        let (id, stream) = connected.next().unwrap();
        let entries = authority::file::read(xfce.ice_authority()).unwrap();
        let cookies = authority::client_cookies(&entries, &id.to_string()).unwrap();
        Self {
            stream,
            connection: Connection::new(Some(cookies), previous),
        }
    }

    /// A client that has registered, has told of itself, has saved for the first time, and is idle.
    #[track_caller]
    fn idle(xfce: &Xfce) -> Self {
        let mut client = Self::connect(xfce, None);
        client.hears(&Event::Registered);
        client.describe();
        client.settle(xfce);
        client
    }

    /// Sets the properties that a manager needs.
    fn describe(&mut self) {
        let properties = vec![
            Property::array8("Program", "probe"),
            Property::array8("UserID", "nobody"),
            Property::list("RestartCommand", ["probe", "--again"]),
            Property::list("CloneCommand", ["probe"]),
            Property::card8("RestartStyleHint", 3),
        ];
        self.connection.set_properties(properties).unwrap();
        self.flush();
    }

    /// Saves for the first time; the manager takes it for idle then.
    #[track_caller]
    fn settle(&mut self, xfce: &Xfce) {
        self.hears(&Event::SaveYourself(SaveYourself::INITIAL));
        self.say(|c| c.save_done(true));
        self.hears(&Event::SaveComplete);
        assert_eq!(xfce.wait_for_client(LIMIT), self.id());
    }

    fn id(&self) -> String {
        self.connection.client_id().unwrap().to_owned()
    }

    #[track_caller]
    fn flush(&mut self) {
        while !self.connection.output().is_empty() {
            let count = self.stream.write(self.connection.output()).unwrap();
            self.connection.sent(count);
        }
    }

    /// Waits for what the manager does next.
    #[track_caller]
    fn next(&mut self) -> Event {
        let deadline = Deadline::after(LIMIT);
        loop {
            self.flush();
            if let Some(event) = self.connection.poll_event() {
                return event;
            }
            let state = self.connection.state();
            assert!(
                deadline.readable(self.stream.as_fd()),
                "silent in {state:?}"
            );
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "hung up on in {state:?}");
            self.connection.handle_input(&buffer[..count]).unwrap();
        }
    }

    /// Waits for what the manager does next, which must be this.
    #[track_caller]
    fn hears(&mut self, expected: &Event) {
        assert_eq!(self.next(), *expected);
    }

    /// Waits until it is asked before a log-off.
    #[track_caller]
    fn is_asked(&mut self) {
        self.hears(&Event::SaveYourself(SaveYourself::LOG_OFF));
    }

    #[track_caller]
    fn say(&mut self, order: impl FnOnce(&mut Connection) -> Result<(), WrongState>) {
        order(&mut self.connection).unwrap();
        self.flush();
    }

    /// A dialog, which ends like this.
    #[track_caller]
    fn interact(&mut self, kind: DialogKind, cancel: bool) {
        self.say(|c| c.interact_request(kind));
        self.hears(&Event::Interact);
        self.say(|c| c.interact_done(cancel));
    }

    #[track_caller]
    fn close(&mut self, reasons: &[&str]) {
        self.connection.close(reasons);
        self.flush();
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Is told to end, and does.
    #[track_caller]
    fn ends(&mut self) {
        self.hears(&Event::Die);
        assert_eq!(self.connection.state(), State::Dying);
        self.close(&[]);
    }
}

#[test]
fn our_client_registers_describes_itself_saves_and_leaves() {
    let xfce = Xfce::start();
    let mut client = Client::connect(&xfce, None);
    client.hears(&Event::Registered);
    assert_eq!(client.connection.vendor(), "xfce4-session");
    assert!(!client.connection.release().is_empty());
    client.describe();
    client.settle(&xfce);
    client.say(|c| c.delete_properties(&["CloneCommand", "NeverSet"]));
    client.say(Connection::ping);
    client.hears(&Event::Pong);
    // It answers everybody with an empty list; its trace tells what it has.
    client.say(Connection::get_properties);
    client.hears(&Event::Properties(Vec::new()));
    for value in [
        "(Program, probe)",
        "(RestartCommand)",
        "(RestartStyleHint, 3)",
    ] {
        assert!(xfce.trace().contains(value), "{value}");
    }
    xfce.wait_for_trace("-> Removing (CloneCommand)", LIMIT);

    // A checkpoint that it asks of all, and one that the client asks for itself.
    xfce.checkpoint();
    client.hears(&Event::SaveYourself(CHECKPOINT));
    client.say(|c| c.save_done(true));
    client.hears(&Event::SaveComplete);
    xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
    let own = SaveYourself {
        kind: SaveKind::Local,
        interact: InteractStyle::Any,
        ..CHECKPOINT
    };
    // It hangs up on who takes the leave to interact that it gives here.
    client.say(|c| c.request_save(own, false));
    client.hears(&Event::SaveYourself(own));
    client.say(|c| c.save_done(true));
    client.hears(&Event::SaveComplete);
    assert_eq!(client.connection.state(), State::Idle);
    assert_eq!(client.connection.errors(), 0);
    client.close(&["the disc is full", "and so is the other"]);
    xfce.wait_for_trace("CLOSE CONNECTION [Num reasons = 2]", LIMIT);
}

#[test]
fn our_client_comes_back_with_its_id_and_takes_another_where_it_is_refused() {
    let xfce = Xfce::start();
    let mut client = Client::connect(&xfce, Some("1nobody-was-ever-given-this"));
    client.hears(&Event::PreviousIdRefused);
    client.hears(&Event::Registered);
    let id = client.id();
    assert_ne!(id, "1nobody-was-ever-given-this");
    client.describe();
    // It remembers only whom it starts again, which it does when one crashes.
    let again = vec![
        Property::list("RestartCommand", ["sleep", "infinity"]),
        Property::card8("RestartStyleHint", 2),
    ];
    client.connection.set_properties(again).unwrap();
    client.settle(&xfce);
    drop(client);
    xfce.wait_for_trace("Launching command \"sleep infinity\"", LIMIT);

    let mut client = Client::connect(&xfce, Some(&id));
    client.hears(&Event::Registered);
    assert_eq!(client.id(), id);
    // It is not saved again.
    client.say(Connection::ping);
    client.hears(&Event::Pong);
}

#[test]
fn our_clients_cancel_a_log_off_go_on_with_the_next_and_end() {
    let xfce = Xfce::start();
    let mut agrees = Client::idle(&xfce);
    let mut asks = Client::idle(&xfce);
    let mut last = Client::idle(&xfce);
    xfce.log_off();
    for client in [&mut agrees, &mut asks, &mut last] {
        client.is_asked();
    }
    agrees.say(|c| c.save_done(true));
    asks.interact(DialogKind::Normal, true);
    asks.say(|c| c.save_done(false));
    last.say(|c| c.save_done(true));
    for client in [&mut agrees, &mut asks, &mut last] {
        // It makes a checkpoint of a log-off that is cancelled.
        client.hears(&Event::SaveComplete);
        assert_eq!(client.connection.state(), State::Idle);
    }
    xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);

    // One of them asks for the next.
    asks.say(|c| c.request_save(SaveYourself::LOG_OFF, true));
    for client in [&mut agrees, &mut asks, &mut last] {
        client.is_asked();
    }
    last.say(Connection::phase2_request);
    agrees.say(|c| c.save_done(true));
    asks.interact(DialogKind::Normal, false);
    asks.say(|c| c.save_done(true));
    last.hears(&Event::Phase2);
    last.say(|c| c.save_done(true));
    for client in [&mut agrees, &mut asks, &mut last] {
        client.ends();
        assert_eq!(client.connection.errors(), 0);
    }
    xfce.wait_until_over(LIMIT);
}

#[test]
fn who_waits_for_leave_to_interact_is_told_of_the_cancel_and_of_the_end_of_the_save() {
    let xfce = Xfce::start();
    let mut asks = Client::idle(&xfce);
    let mut waits = Client::idle(&xfce);
    xfce.log_off();
    asks.is_asked();
    waits.is_asked();
    asks.say(|c| c.interact_request(DialogKind::Normal));
    asks.hears(&Event::Interact);
    waits.say(|c| c.interact_request(DialogKind::Normal));
    waits.say(Connection::ping);
    waits.hears(&Event::Pong);
    asks.say(|c| c.interact_done(true));
    waits.hears(&Event::ShutdownCancelled);
    waits.say(|c| c.save_done(true));
    asks.say(|c| c.save_done(false));
    for client in [&mut asks, &mut waits] {
        client.hears(&Event::SaveComplete);
        assert_eq!(client.connection.state(), State::Idle);
    }
    xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
    xfce.log_off();
    for client in [&mut asks, &mut waits] {
        client.is_asked();
        client.say(|c| c.save_done(true));
    }
    for client in [&mut asks, &mut waits] {
        client.ends();
        assert_eq!(client.connection.errors(), 0);
    }
    xfce.wait_until_over(LIMIT);
}
