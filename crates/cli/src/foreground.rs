//! A command where no manager runs: it brings one along, for this one request. It is a
//! process of its own without a terminal, so that it survives the one that the command was typed in,
//! and the command follows it as it follows any manager.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use endsession_manager::adapter::display::DisplayError;
use endsession_manager::config::Config;
use endsession_manager::display_of::{self, Unusable};
use endsession_manager::process::Table;
use endsession_manager::sessions::{self, Session};
use endsession_manager::{BusError, Manager, Options};
use rustix::process::getuid;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::args::OneRequest;
use crate::bus::{Embedded, Meeting};
use crate::control::{Control, session_bus};
use crate::exit::{Exit, Failure, Result};

/// How long a bus of our own stays for whoever has not read the outcome from it yet.
const READING_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of the line in which our own process says where it listens.
const MAX_ADDRESS: u64 = 4096;

/// What a command is going to do where a compositor tells nobody of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ask every application, which cannot be done then; `--force` could be given.
    Ask,
    /// The same, chosen in a menu.
    Menu,
    /// Ask nobody.
    Force,
    /// Only look.
    Look,
}

impl Purpose {
    /// What there is to do instead, where windows have to be seen for it.
    fn instead(self) -> Option<&'static str> {
        match self {
            Self::Ask => Some("close your windows yourself and use --force"),
            Self::Menu => Some("`endsession logoff` says what can be done all the same"),
            Self::Force | Self::Look => None,
        }
    }
}

/// The manager of this session, or one for this command alone where there is none; and what has to be
/// said then.
pub(crate) async fn connect(purpose: Purpose) -> Result<(Control, Option<&'static str>)> {
    match Control::connect().await {
        Err(failure) if failure.is_without_manager() => {
            let hint = failure.without_manager();
            match start(purpose).await {
                Ok(control) => Ok((control, Some(hint))),
                Err(Failure::NoSession(display)) => {
                    let manager = Box::new(failure);
                    Err(Failure::Nothing { manager, display })
                }
                Err(error) => Err(error),
            }
        }
        connected => Ok((connected?, None)),
    }
}

/// Makes sure that there is a session that could be ended, and starts a manager for it. Nothing has
/// been touched where that fails.
async fn start(purpose: Purpose) -> Result<Control> {
    check(purpose).await?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("endsession")
        .arg("one-request")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut process = tokio::process::Command::from(command)
        .spawn()
        .map_err(|e| Failure::io("cannot start a manager for this request", e))?;
    // Open as long as this process: that one's bus stays until we have read what came over it.
    std::mem::forget(process.stdin.take());
    let mut line = String::new();
    if let Some(stdout) = process.stdout.take() {
        let mut stdout = BufReader::new(stdout.take(MAX_ADDRESS));
        // What went wrong there is seen by its status.
        let _broken = stdout.read_line(&mut line).await;
    }
    let Some(address) = line.strip_suffix('\n') else {
        // It has said why on stderr, which is ours too.
        let status = process.wait().await;
        let code = status.ok().and_then(|s| s.code()).unwrap_or(3);
        return Err(Failure::Said(u8::try_from(code).unwrap_or(3)));
    };
    Control::connect_to(address).await
}

/// The manager for one request: says where it listens once it does, and ends with that request.
pub(crate) async fn run(options: OneRequest) -> Result<Exit> {
    // Whatever becomes of the terminal, this is no part of it any more.
    rustix::process::setsid().map_err(|e| Failure::io("cannot leave the terminal", e.into()))?;
    let config = crate::manager::read_config(options.config.as_deref())?;
    let (manager, address, bus) = match begin(config).await? {
        Begun::Ours(manager, address, bus) => (*manager, address, bus),
        Begun::Theirs(address) => {
            tell(&address)?;
            return Ok(Exit::Done);
        }
    };
    tell(&address)?;
    manager.run().await;
    if let Some(mut bus) = bus {
        // For the next request; this one's outcome may still be read.
        bus.leave_place();
        let ended = tokio::time::timeout(READING_LIMIT, starter_has_ended()).await;
        if ended.is_err() {
            tracing::debug!("whoever started this manager is still there");
        }
    }
    Ok(Exit::Done)
}

/// Says where the manager listens.
fn tell(address: &str) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let told = writeln!(out, "{address}").and_then(|()| out.flush());
    told.map_err(|e| Failure::io("cannot say where this manager listens", e))
}

async fn starter_has_ended() {
    use std::os::fd::AsFd as _;
    let Ok(stdin) = std::io::stdin().as_fd().try_clone_to_owned() else {
        return;
    };
    if let Ok(pipe) = tokio::net::unix::pipe::Receiver::from_owned_fd(stdin) {
        // Nobody writes there: it is readable at its end.
        let _end = pipe.readable().await;
    }
}

/// Who serves the request.
enum Begun {
    /// This process, at this address, on a bus of its own where there is none.
    Ours(Box<Manager>, String, Option<Embedded>),
    /// Another one of us that was faster: the command joins that one, at this address.
    Theirs(String),
}

/// On the session's bus where there is one, so that a bar or a second command finds it; else on one
/// that it brings along.
async fn begin(config: Config) -> Result<Begun> {
    let options = |address: &str| Options {
        bus_address: address.to_owned(),
        config: config.clone(),
        dialog: Some(crate::manager::dialog()),
    };
    if let Some(address) = session_bus() {
        match Manager::start_once(options(&address)).await {
            Ok(manager) => {
                let manager = Box::new(reaching_out(manager).await);
                return Ok(Begun::Ours(manager, address, None));
            }
            Err(BusError::Owned { owner, .. }) => {
                tracing::debug!("{owner} was faster");
                return Ok(Begun::Theirs(address));
            }
            Err(error) => tracing::warn!("{error}; inhibitors on it cannot be seen"),
        }
    }
    let bus = match Embedded::start_at_meeting_place()? {
        Meeting::Ours(bus) => bus,
        Meeting::Theirs(address) => return Ok(Begun::Theirs(address)),
    };
    let address = bus.address().to_owned();
    let manager = Manager::start_once(options(&address)).await?;
    bus.is_ready()?;
    let manager = Box::new(reaching_out(manager).await);
    Ok(Begun::Ours(manager, address, Some(bus)))
}

/// It has to know what shows the session before it asks logind which login that is.
async fn reaching_out(manager: Manager) -> Manager {
    manager.watching_its_compositor().await.with_logind()
}

/// Whether the environment names one display of this user's that can be reached, and its windows
/// seen where that is needed.
async fn check(purpose: Purpose) -> Result<()> {
    let ways = display_of::usable(&Table::read()).map_err(|why| Failure::NoSession(hint(&why)))?;
    let mut first = None;
    for way in &ways {
        match way.connect().await {
            Ok(_) => return Ok(()),
            // It is there, and tells nobody of its windows.
            Err(DisplayError::Unsupported { .. }) if purpose.instead().is_none() => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(Failure::NoSession(match first {
        Some(error @ DisplayError::Unsupported { .. }) => format!(
            "{error}, so nobody could be asked about unsaved work; {}",
            purpose.instead().unwrap_or_default()
        ),
        Some(error) => format!("the display that the environment names cannot be reached: {error}"),
        None => hint(&Unusable::None),
    }))
}

/// What is wrong with the environment, and which sessions could be named instead.
fn hint(why: &Unusable) -> String {
    let own = getuid().as_raw();
    let mine: Vec<Session> = sessions::all()
        .into_iter()
        .filter(|s| s.uid == own || own == 0)
        .collect();
    if mine.is_empty() {
        return format!("{why}");
    }
    format!(
        "{why}; name the session that is meant with --display or --session: {}",
        crate::at::describe(&mine)
    )
}
