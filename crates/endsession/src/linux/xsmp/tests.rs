//! The backend, and a manager that does what the test says, over a real socket.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Instant,
};

use endsession_ice::{
    Cookie, Cookies, SaveKind,
    authority::{self, Entry},
    network_id::NetworkId,
    server,
    well_known::{CLONE_COMMAND, RestartStyle},
};

use super::*;
use crate::{Event as Told, Events, Hold, client::Handle};

/// How long anything may take. Nothing here waits for time to pass.
const PATIENCE: Duration = Duration::from_secs(30);

const ID: &str = "1C0A8000117000000000001000000047110001";

struct Listener {
    socket: UnixListener,
    id: NetworkId,
    cookies: Cookies,
    /// Where the authority file is.
    dir: tempfile::TempDir,
}

/// The manager's end of a connection.
struct Manager {
    stream: UnixStream,
    connection: server::Connection,
}

struct Program {
    handle: Arc<Handle>,
    events: Events,
    gone: mpsc::Receiver<()>,
}

impl Listener {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("endsession-xsmp-{}-{number}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let cookies = Cookies {
            ice: Cookie::new([7; Cookie::LEN]),
            xsmp: Cookie::new([7; Cookie::LEN]),
        };
        Self {
            socket: UnixListener::bind_addr(&address).unwrap(),
            id: NetworkId::abstract_socket("localhost", &name).unwrap(),
            cookies,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn place(&self) -> Place {
        let authority = self.dir.path().join("authority");
        let entries = Entry::of_listener(&self.id.to_string(), &self.cookies);
        std::fs::write(&authority, authority::serialise(&entries).unwrap()).unwrap();
        Place {
            listeners: vec![self.id.clone()],
            authority: Some(authority),
        }
    }

    fn accept(&self) -> Manager {
        let (stream, _) = self.socket.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager {
            stream,
            connection: server::Connection::new(self.cookies.clone(), "test", "1"),
        }
    }

    /// A program that is registered, and idle.
    fn register(&self, application: Application) -> (Manager, Program) {
        thread::scope(|scope| {
            let program = scope.spawn(|| Program::connect(self.place(), &application).unwrap());
            let mut manager = self.accept();
            let asked = server::Event::RegisterRequested { previous: None };
            assert_eq!(manager.next(), asked);
            manager.says(|connection| connection.register(ID));
            manager.says(|connection| connection.save_yourself(SaveYourself::INITIAL));
            assert!(matches!(manager.next(), server::Event::PropertiesChanged));
            assert_eq!(manager.next(), server::Event::SaveDone { success: true });
            manager.says(server::Connection::save_complete);
            (manager, program.join().unwrap())
        })
    }
}

impl Manager {
    /// The next thing that the program did.
    #[track_caller]
    fn next(&mut self) -> server::Event {
        loop {
            if let Some(event) = self.connection.poll_event() {
                return event;
            }
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).expect("it says something");
            assert!(count > 0, "the program has hung up");
            self.connection.handle_input(&buffer[..count]).unwrap();
            self.flush();
        }
    }

    #[track_caller]
    fn says(
        &mut self,
        say: impl FnOnce(&mut server::Connection) -> Result<(), endsession_ice::WrongState>,
    ) {
        say(&mut self.connection).unwrap();
        self.flush();
    }

    fn flush(&mut self) {
        self.stream.write_all(self.connection.output()).unwrap();
        self.connection.sent(usize::MAX);
    }

    #[track_caller]
    fn log_off(&mut self) {
        self.says(|connection| connection.save_yourself(SaveYourself::LOG_OFF));
    }

    /// The program wants to talk, and is let.
    #[track_caller]
    fn lets_talk(&mut self) {
        let kind = DialogKind::Normal;
        assert_eq!(self.next(), server::Event::InteractRequested { kind });
        self.says(server::Connection::interact);
    }

    /// The program's no, which was given leave.
    #[track_caller]
    fn hears_no(&mut self) {
        assert_eq!(self.next(), server::Event::InteractDone { cancel: true });
        assert_eq!(self.next(), server::Event::SaveDone { success: false });
    }

    /// Waits until the program has hung up.
    fn hears_nothing_more(mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
    }
}

fn editor() -> Application {
    Application {
        id: "org.example.Editor".to_owned(),
        window: None,
        restart: None,
        level: None,
    }
}

impl Program {
    fn connect(place: Place, application: &Application) -> Result<Self, String> {
        let shared = Shared::new();
        let (went, gone) = mpsc::channel();
        let gone_once = Box::new(move || went.send(()).unwrap_or_default());
        let commands = connect_to(place, application, &shared, gone_once)?;
        shared.commands_go_to(commands);
        shared.backend_is(crate::Backend::Xsmp);
        let handle = Arc::new(Handle { shared });
        Ok(Self {
            events: Events::new(Arc::clone(&handle)),
            handle,
            gone,
        })
    }

    #[track_caller]
    fn next(&mut self) -> Told {
        self.events.next_within(PATIENCE).expect("an event")
    }

    #[track_caller]
    fn is_asked(&mut self) -> crate::Query {
        match self.next() {
            Told::Query(query) => query,
            other => panic!("a query was to come: {other:?}"),
        }
    }

    #[track_caller]
    fn is_called_off(&mut self) {
        assert!(matches!(self.next(), Told::Cancelled));
    }

    fn hold(&self) -> Hold {
        Hold::new(Arc::clone(&self.handle), What::LOG_OFF, "Rendering")
    }

    #[track_caller]
    fn loses_its_manager(&self) {
        assert_eq!(self.gone.recv_timeout(PATIENCE), Ok(()));
    }
}

#[test]
fn a_yes_and_the_end() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.log_off();
    let query = program.is_asked();
    assert_eq!(query.ending().kind(), None);
    assert!(!query.ending().is_critical());
    query.accept();
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
    manager.says(server::Connection::die);
    match program.next() {
        Told::End(end) => end.done(),
        other => panic!("an end was to come: {other:?}"),
    }
    assert!(matches!(manager.next(), server::Event::Closed { .. }));
    manager.hears_nothing_more();
}

#[test]
fn a_no_is_said_with_leave_to_talk() {
    let (mut manager, mut program) = Listener::new().register(editor());
    for _ in 0..2 {
        manager.log_off();
        program.is_asked().refuse("unsaved");
        manager.lets_talk();
        manager.hears_no();
        manager.says(server::Connection::shutdown_cancelled);
        program.is_called_off();
    }
}

#[test]
fn a_user_who_answers_before_it_may_talk_is_heard() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.log_off();
    let asking = program.is_asked().ask_user("Save?");
    let kind = DialogKind::Normal;
    assert_eq!(manager.next(), server::Event::InteractRequested { kind });
    asking.accept();
    manager.says(server::Connection::interact);
    assert_eq!(
        manager.next(),
        server::Event::InteractDone { cancel: false }
    );
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
}

#[test]
fn a_users_no_is_said_after_the_dialog() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.log_off();
    let asking = program.is_asked().ask_user("Save?");
    manager.lets_talk();
    // Whatever else comes meanwhile is no answer.
    manager.says(server::Connection::ping);
    assert_eq!(manager.next(), server::Event::Pong);
    asking.refuse("No");
    manager.hears_no();
}

#[test]
fn a_dialog_outlives_a_log_off_that_others_cancelled() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.log_off();
    let asking = program.is_asked().ask_user("Save?");
    manager.lets_talk();
    manager.says(server::Connection::shutdown_cancelled);
    program.is_called_off();
    assert_eq!(manager.next(), server::Event::SaveDone { success: false });
    assert!(asking.is_over());
    asking.accept();
    // The next question gets its own answer.
    manager.log_off();
    program.is_asked().refuse("unsaved");
    manager.lets_talk();
    manager.hears_no();
}

#[test]
fn a_cancel_before_it_may_talk_leaves_no_answer_behind() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.log_off();
    program.is_asked().refuse("unsaved");
    let kind = DialogKind::Normal;
    assert_eq!(manager.next(), server::Event::InteractRequested { kind });
    manager.says(server::Connection::shutdown_cancelled);
    program.is_called_off();
    assert_eq!(manager.next(), server::Event::SaveDone { success: false });
    manager.log_off();
    program.is_asked().accept();
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
    manager.says(server::Connection::shutdown_cancelled);
    program.is_called_off();
}

#[test]
fn what_cannot_be_refused_is_critical() {
    let (mut manager, mut program) = Listener::new().register(editor());
    for (interact, fast) in [
        (InteractStyle::None, false),
        (InteractStyle::Errors, false),
        (InteractStyle::Any, true),
    ] {
        let save = SaveYourself {
            interact,
            fast,
            ..SaveYourself::LOG_OFF
        };
        manager.says(|connection| connection.save_yourself(save));
        let query = program.is_asked();
        assert!(query.ending().is_critical(), "{save:?}");
        query.refuse("unsaved");
        assert_eq!(manager.next(), server::Event::SaveDone { success: false });
        manager.says(server::Connection::shutdown_cancelled);
        program.is_called_off();
    }
}

#[test]
fn a_hold_turns_a_yes_into_a_no() {
    let (mut manager, mut program) = Listener::new().register(editor());
    let hold = program.hold();
    assert_eq!(hold.held(), What::LOG_OFF);
    manager.log_off();
    program.is_asked().accept();
    manager.lets_talk();
    manager.hears_no();
    manager.says(server::Connection::shutdown_cancelled);
    program.is_called_off();
    hold.release();
    manager.log_off();
    program.is_asked().accept();
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
}

#[test]
fn a_checkpoint_is_nothing_to_be_asked_about() {
    let (mut manager, mut program) = Listener::new().register(editor());
    let save = SaveYourself {
        kind: SaveKind::Both,
        shutdown: false,
        ..SaveYourself::LOG_OFF
    };
    manager.says(|connection| connection.save_yourself(save));
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
    manager.says(server::Connection::save_complete);
    // In one piece, so that the program reads both together.
    manager.connection.save_yourself(save).unwrap();
    manager.says(server::Connection::ping);
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
    assert_eq!(manager.next(), server::Event::Pong);
    assert!(program.events.try_next().is_none());
}

#[test]
fn two_saves_that_come_together_get_an_answer_each() {
    let listener = Listener::new();
    let (mut manager, mut program) = listener.register(editor());
    // As the wire has them: a checkpoint, and the log-off with it.
    let mut other = server::Connection::new(listener.cookies.clone(), "test", "1");
    std::mem::swap(&mut manager.connection, &mut other);
    let mut bytes = Vec::new();
    for save in [SaveYourself::INITIAL, SaveYourself::LOG_OFF] {
        other.save_yourself(save).unwrap();
        bytes.extend_from_slice(other.output());
        other.sent(usize::MAX);
        if !save.shutdown {
            // The manager's own state goes on as if it had been answered.
            other.handle_input(&SAVE_DONE).unwrap();
            assert_eq!(
                other.poll_event(),
                Some(server::Event::SaveDone { success: true })
            );
        }
    }
    manager.connection = other;
    manager.stream.write_all(&bytes).unwrap();
    let query = program.is_asked();
    // The checkpoint's answer: at once. The log-off's: not before the program says it.
    let mut answer = [0; 8];
    manager.stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, SAVE_DONE);
    manager.says(server::Connection::ping);
    assert_eq!(manager.next(), server::Event::Pong);
    query.accept();
    assert_eq!(manager.next(), server::Event::SaveDone { success: true });
}

/// `SaveYourselfDone(True)` of a client that took the number 1 for XSMP, on this machine's kind of wire.
const SAVE_DONE: [u8; 8] = [1, 8, 1, 0, 0, 0, 0, 0];

#[test]
fn it_is_introduced_and_started_again_as_it_says() {
    let listener = Listener::new();
    let (manager, _program) = listener.register(editor());
    let properties = manager.connection.properties();
    let file = std::env::current_exe().unwrap();
    let name = file.file_name().unwrap();
    assert_eq!(properties.program(), Some(name.as_encoded_bytes()));
    assert_eq!(properties.process_id(), Some(std::process::id()));
    assert_eq!(properties.restart_style(), RestartStyle::Never);
    assert!(properties.user_id().is_some_and(|user| !user.is_empty()));
    assert!(properties.get(CLONE_COMMAND).is_some());

    let restart = vec!["--restore".to_owned(), "a b".to_owned()];
    let application = Application {
        restart: Some(restart),
        ..editor()
    };
    let (manager, _program) = listener.register(application);
    let properties = manager.connection.properties();
    assert_eq!(properties.restart_style(), RestartStyle::IfRunning);
    let command = properties.restart_command().unwrap();
    assert_eq!(command[0], file.as_os_str().as_encoded_bytes());
    assert_eq!(command[1..], [b"--restore".to_vec(), b"a b".to_vec()]);
}

#[test]
fn a_manager_that_goes_calls_its_question_off() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.log_off();
    let query = program.is_asked();
    drop(manager);
    program.is_called_off();
    program.loses_its_manager();
    // Nobody is there to hear it.
    query.refuse("unsaved");
}

#[test]
fn a_manager_that_goes_after_the_end_leaves_it() {
    let (mut manager, mut program) = Listener::new().register(editor());
    manager.says(server::Connection::die);
    // Kept: it is not done.
    let end = program.next();
    assert!(matches!(end, Told::End(_)));
    drop(manager);
    program.loses_its_manager();
    assert!(program.events.try_next().is_none());
}

#[test]
fn leaving_is_said_and_is_no_loss() {
    let (mut manager, program) = Listener::new().register(editor());
    let Program {
        handle,
        events,
        gone,
    } = program;
    drop((handle, events));
    assert!(matches!(manager.next(), server::Event::Closed { .. }));
    manager.hears_nothing_more();
    // Its sender is dropped uncalled.
    assert_eq!(
        gone.recv_timeout(PATIENCE),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
}

#[test]
fn a_manager_that_says_nothing_is_waited_for_2_s() {
    let listener = Listener::new();
    let began = Instant::now();
    let failed = Program::connect(listener.place(), &editor()).err().unwrap();
    assert!(failed.contains("has not answered within 2 s"), "{failed}");
    assert!(began.elapsed() < PATIENCE);
    // And its connection is not kept.
    let (mut stream, _) = listener.socket.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_manager_that_talks_and_never_ends_is_waited_for_2_s() {
    let listener = Listener::new();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut manager = listener.accept();
            // It sets everything up and never gives an id, but pings on and on.
            let asked = server::Event::RegisterRequested { previous: None };
            assert_eq!(manager.next(), asked);
            while !is_over.load(Ordering::Relaxed) {
                manager.says(server::Connection::ping);
                assert_eq!(manager.next(), server::Event::Pong);
            }
        });
        let failed = Program::connect(listener.place(), &editor()).err().unwrap();
        is_over.store(true, Ordering::Relaxed);
        assert!(failed.contains("has not answered within 2 s"), "{failed}");
    });
}

#[test]
fn garbage_is_told_from_a_manager() {
    let listener = Listener::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.socket.accept().unwrap();
            // It may be given up before all is written.
            let _hung_up = stream.write_all(&[0xFF; 4096]);
        });
        let failed = Program::connect(listener.place(), &editor()).err().unwrap();
        assert!(failed.contains("SESSION_MANAGER"), "{failed}");
    });
    // Afterwards it is given up, and what was asked is called off.
    let (mut manager, mut program) = listener.register(editor());
    manager.log_off();
    let _query = program.is_asked();
    manager.stream.write_all(&[0xFF; 4096]).unwrap();
    program.is_called_off();
    program.loses_its_manager();
}

#[test]
fn a_manager_that_reads_nothing_is_given_up_and_blocks_nobody() {
    let (mut manager, program) = Listener::new().register(editor());
    // It asks and never reads what is answered, until no room is left for answers.
    let mut ping = manager.connection.output().to_vec();
    manager.connection.ping().unwrap();
    ping.extend_from_slice(manager.connection.output());
    manager.stream.set_write_timeout(Some(PATIENCE)).unwrap();
    while manager.stream.write_all(&ping).is_ok() {}
    program.loses_its_manager();
}

#[test]
fn nobody_there_is_said() {
    let listener = Listener::new();
    let place = listener.place();
    drop(listener.socket);
    let failed = Program::connect(place, &editor()).err().unwrap();
    assert!(failed.contains("nobody listens"), "{failed}");
    let place = Place {
        listeners: vec!["tcp/example.org:6000".parse().unwrap()],
        authority: None,
    };
    let failed = Program::connect(place, &editor()).err().unwrap();
    assert!(failed.contains("no Unix socket"), "{failed}");
}

#[test]
fn a_wrong_cookie_is_said() {
    let listener = Listener::new();
    let mut place = listener.place();
    place.authority = None;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut manager = listener.accept();
            let mut buffer = [0; 4096];
            while let Ok(1..) = manager.stream.read(&mut buffer).inspect(|count| {
                let _refused = manager.connection.handle_input(&buffer[..*count]);
                let output = manager.connection.output().to_vec();
                let _hung_up = (&manager.stream).write_all(&output);
                manager.connection.sent(usize::MAX);
            }) {}
        });
        let failed = Program::connect(place, &editor()).err().unwrap();
        assert!(failed.contains("SESSION_MANAGER"), "{failed}");
    });
}
