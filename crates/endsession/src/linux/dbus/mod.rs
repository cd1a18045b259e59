//! Everything that is spoken over D-Bus, on one thread: who is there is looked for, spoken to until it goes or a better one comes, and looked for again.
//!
//! What wakes the thread: a message that is for us, a change of one of four names' owners, the application. Never a clock. A session bus that is lost has nothing
//! left to wake us with: it is tried again when the application takes a hold, and not before.

mod bus;
mod find;
mod gnome;
mod json;
mod leases;
mod logind;
mod plan;
mod portal;
mod request;
mod world;

#[cfg(feature = "xsmp")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::{sync::Arc, sync::mpsc, time::Duration};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{
    Backend, Error,
    backend::{Application, Command, Commands, Started},
    shared::Shared,
};
pub(crate) use request::request;

use find::{Found, find};
use world::{Closed, Heard, Left, Order, World};

/// How long the backend that was asked for by name may take to be there.
const FIRST: Duration = Duration::from_secs(2);

/// How long a program waits until its last words are said. They are, unless the bus hangs.
const SAID_LIMIT: Duration = Duration::from_millis(500);

/// The way to the thread.
struct Sender(UnboundedSender<Order>);

impl Commands for Sender {
    fn send(&self, command: Command) {
        // A program that is done exits; a manager that never hears of it waits in vain (MATE's for 30 s).
        let is_last = matches!(command, Command::Ended(_) | Command::Close);
        let (waits, said) = mpsc::sync_channel(1);
        // A thread that has ended has nothing left to do with it.
        let sent = self.0.send((command, is_last.then_some(waits)));
        if is_last && sent.is_ok() {
            let _said = said.recv_timeout(SAID_LIMIT);
        }
    }
}

pub(crate) fn start(
    application: Application,
    forced: Option<Backend>,
    shared: Arc<Shared>,
) -> Result<Started, Error> {
    let (commands, orders) = unbounded_channel();
    let (first, result) = mpsc::sync_channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let failed = |error: std::io::Error| Error::Failed {
        what: "starting a thread",
        why: error.to_string(),
    };
    let runtime = runtime.map_err(failed)?;
    let first = forced.map(|_| first);
    std::thread::Builder::new()
        .name("endsession".into())
        .spawn(move || {
            let world = World::new(application, forced, shared, orders, first);
            runtime.block_on(live(world));
        })
        .map_err(failed)?;
    let sender = Box::new(Sender(commands));
    let Some(backend) = forced else {
        return Ok(sender);
    };
    let why = match result.recv_timeout(FIRST) {
        Ok(Ok(())) => return Ok(sender),
        Ok(Err(why)) => why,
        Err(_) => format!("it has not answered within {} s", FIRST.as_secs()),
    };
    sender.send(Command::Close);
    Err(Error::Unavailable { backend, why })
}

async fn live(mut world: World) {
    loop {
        match speak(&mut world).await {
            Left::Closed(Closed) => break,
            Left::Again => {}
            Left::Failed(why) => {
                let backend = world.current.backend();
                tracing::info!("the backend {backend} cannot be used: {why}");
                let failed = std::mem::replace(&mut world.current, Found::None);
                world.failed.push(failed);
                world.why = why;
            }
        }
    }
    world.leave().await;
}

/// Looks for whoever is there, and speaks to it.
async fn speak(world: &mut World) -> Left {
    if let Err(closed) = world.reach_session().await {
        return closed.into();
    }
    world.current = match find(world).await {
        Ok(found) => found,
        Err(closed) => return closed.into(),
    };
    match world.current.clone() {
        Found::Gnome(backend, manager) => gnome::run(world, &gnome::GNOME, backend, &manager).await,
        Found::Xfce(manager) => gnome::run(world, &gnome::XFCE, Backend::Xfce, &manager).await,
        #[cfg(feature = "xsmp")]
        Found::Xsmp => xsmp(world).await,
        #[cfg(not(feature = "xsmp"))]
        Found::Xsmp => Left::Failed("this program was built without XSMP".to_owned()),
        Found::Portal(_) => portal::run(world).await,
        Found::Logind => logind::run(world).await,
        Found::None => nobody(world).await,
    }
}

/// XSMP has threads of its own; here it is only watched.
#[cfg(feature = "xsmp")]
async fn xsmp(world: &mut World) -> Left {
    let (application, shared) = (world.application.clone(), Arc::clone(&world.shared));
    let notices = world.notices();
    let has_gone = Arc::<AtomicBool>::default();
    let gone = Arc::clone(&has_gone);
    let gone = move || {
        gone.store(true, Ordering::SeqCst);
        // We may have ended before.
        let _ended = notices.send(());
    };
    // It waits for the manager, on a thread that may.
    let connecting = tokio::task::spawn_blocking(move || {
        super::xsmp::connect(&application, &shared, Box::new(gone))
    });
    let commands = match world.orders.patiently(connecting).await {
        Ok(Ok(Ok(commands))) => commands,
        Ok(Ok(Err(why))) => return Left::Failed(why),
        Ok(Err(_)) => return Left::Failed("its thread ended".to_owned()),
        Err(closed) => return closed.into(),
    };
    world.is_at_work(Backend::Xsmp);
    loop {
        match world.next().await {
            Heard::Command(command) => commands.send(command),
            Heard::Close => {
                commands.send(Command::Close);
                return Closed.into();
            }
            // Nothing would tell that it is back at the same place.
            Heard::Again if has_gone.load(Ordering::SeqCst) => {
                return Left::Failed("the session manager has gone".to_owned());
            }
            Heard::Again => {
                commands.send(Command::Close);
                return Left::Again;
            }
            Heard::Session(_) | Heard::System(_) => {}
        }
    }
}

/// Nobody is there: waits until somebody is.
async fn nobody(world: &mut World) -> Left {
    if let Some(forced) = world.forced
        && forced != Backend::None
        && world.is_first()
    {
        let why = match std::mem::take(&mut world.why) {
            why if why.is_empty() => missing(forced, world.session.is_some()),
            why => why,
        };
        world.tell_first(Err(why));
        return Closed.into();
    }
    world.is_at_work(Backend::None);
    loop {
        match world.next().await {
            Heard::Close => return Closed.into(),
            Heard::Again => return Left::Again,
            // Something happens in this program: perhaps the bus is back.
            Heard::Command(Command::Hold { .. })
                if world.session.is_none() && world.may_try_session_again() =>
            {
                return Left::Again;
            }
            _ => {}
        }
    }
}

/// What is missing where a backend is not there.
fn missing(backend: Backend, has_bus: bool) -> String {
    match backend {
        Backend::Windows | Backend::Console => "this is not Windows".to_owned(),
        Backend::Xsmp => "SESSION_MANAGER names no session manager that answers".to_owned(),
        Backend::Logind => "systemd-logind does not answer".to_owned(),
        _ if !has_bus => {
            "there is no session bus that answers at DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR"
                .to_owned()
        }
        _ => "nobody on the session bus owns its name for this session".to_owned(),
    }
}
