//! Variables for what others start: the programs that the session bus activates, and the units of
//! the user's systemd. They are not our children, and hear of the session only through this.
//!
//! May touch the session bus, and reads the environment of the bus's own process. Nothing is waited
//! for while the session runs, and what fails is logged once: a session without it works.
//!
//! Who forgets, and who cannot:
//! - systemd (`org.freedesktop.systemd1.Manager`) tells what it has, sets and unsets. It is never
//!   started by us.
//! - dbus-daemon takes `UpdateActivationEnvironment` and can neither tell nor unset what it has:
//!   what stands there in the end is [`Afterwards`]. With `--systemd-activation` it passes every
//!   update on to systemd, before it reads our next message.
//! - dbus-broker has no environment; its launcher passes updates on to systemd, some time later,
//!   and starts what it starts as units.
//! - busd knows no such method, and need not even answer.
//!
//! gnome-session restarts the bus to be rid of its variables. A bus may serve other sessions of the
//! same user too, so that is not for us to do.

use std::collections::BTreeMap;
use std::time::Duration;

use zbus::Message;
use zbus::message::Flags;

use crate::bus::{Bus, DBUS, DBUS_PATH, Question};
use crate::process;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const SYSTEMD_PATH: &str = "/org/freedesktop/systemd1";
const SYSTEMD_MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// How long the end of the session may wait for systemd: it answers within milliseconds, unless it
/// is stopped or about to end itself.
const LIMIT: Duration = Duration::from_secs(1);

/// A variable that tells of this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) afterwards: Afterwards,
}

/// What there is in a variable's place once the session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Nothing, whatever was there before: only we own the session, so that it named one that is
    /// over. An empty value where the bus cannot unset it. For `SESSION_MANAGER`: libICE connects to
    /// nobody then, which is worth a line on standard error to some Qt.
    Nothing,
    /// What was there before. Where that was nothing and the bus cannot unset it, this. For
    /// `ICEAUTHORITY`, which libICE believes even when it is empty: the file it would use anyway.
    Before(String),
}

/// The variables that were given away, to be taken back by [`Activation::unset`].
#[derive(Debug)]
pub(crate) struct Activation {
    variables: Vec<Variable>,
    /// Which process the bus is.
    bus_pid: Option<Question>,
    /// What systemd had before. Without an answer there is no systemd.
    before: Option<Question>,
    /// systemd has taken them.
    taken: Option<Question>,
}

impl Activation {
    /// Queues what gives these variables to the bus and to systemd, where that is on the bus.
    pub(crate) fn set(bus: &mut Bus, variables: Vec<Variable>) -> Self {
        let bus_pid = to_bus("GetConnectionUnixProcessID", &DBUS);
        let bus_pid = bus_pid.map(|message| bus.ask(message, "the session bus tells no process"));
        // In this order: what systemd had is asked before anything is passed on to it.
        let before = environment();
        let before = before.map(|message| bus.ask(message, NO_ENVIRONMENT));
        let values = variables.iter().map(|v| (v.name, v.value.clone()));
        let values = values.collect();
        update_bus(bus, &values);
        let taken = set_in_systemd(bus, &values);
        Self {
            variables,
            bus_pid,
            before,
            taken,
        }
    }

    /// Whether what systemd starts now may still lack them.
    pub(crate) fn is_open(&self, bus: &Bus) -> bool {
        self.taken.is_some_and(|question| bus.is_open(question))
    }

    /// Takes back what [`Activation::set`] gave, but nothing that somebody else has set since: that
    /// is seen in systemd, and where there is none, cannot be seen. For when the loop has ended, as
    /// calls that arrive meanwhile are dropped. Waits for systemd alone, and no more than a second.
    pub(crate) async fn unset(self, bus: &mut Bus) {
        match tokio::time::timeout(LIMIT, self.take_back(bus)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("variables are left behind: {error}"),
            Err(_) => tracing::warn!(
                "systemd does not answer; what it starts may still be told of this session"
            ),
        }
    }

    async fn take_back(self, bus: &mut Bus) -> zbus::Result<()> {
        while let Some(message) = bus.try_next() {
            bus.sort(message);
        }
        let bus_pid = self.bus_pid.and_then(|q| bus.answer(q)).and_then(number);
        let before = self.before.and_then(|question| bus.answer(question));
        let before = before.map(|answer| values(answer, &self.variables));
        let mut now = None;
        if let (Some(_), Some(question)) = (&before, environment()) {
            let question = bus.ask(question, NO_ENVIRONMENT);
            bus.flush().await?;
            let Some(answer) = bus.wait_for(question).await else {
                return Ok(());
            };
            now = Some(values(answer, &self.variables));
        }
        let started_with = |name: &str| process::variable(bus_pid?, name);
        let plan = Plan::new(&self.variables, before.as_ref(), now.as_ref(), started_with);
        // The launcher passes updates on whenever it gets to it: an empty value would come after
        // the variable was unset.
        if before.is_none() || !bus_pid.is_some_and(is_broker) {
            update_bus(bus, &plan.on_bus);
        }
        let mut open = Vec::new();
        if before.is_some() {
            open.extend(set_in_systemd(bus, &plan.put_back));
            open.extend(unset_in_systemd(bus, &plan.gone));
        }
        bus.flush().await?;
        // systemd asks the bus who we are before it does what we say: until then we have to be on it.
        for question in open {
            bus.wait_for(question).await;
        }
        Ok(())
    }
}

/// Names and values.
type Values<'a> = BTreeMap<&'a str, String>;

/// What is to be done to take variables back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan<'a> {
    /// The bus is to give these to what it starts.
    on_bus: Values<'a>,
    /// systemd is to have these again, and these no longer.
    put_back: Values<'a>,
    gone: Vec<&'a str>,
}

impl<'a> Plan<'a> {
    /// `before`, `now`: what systemd had and has, where it is. `started_with`: what the bus was.
    fn new(
        variables: &'a [Variable],
        before: Option<&Values<'a>>,
        now: Option<&Values<'a>>,
        started_with: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut plan = Self::default();
        for variable in variables {
            let name = variable.name;
            let of =
                |values: Option<&Values<'a>>| values.and_then(|values| values.get(name)).cloned();
            match of(now) {
                // Somebody else's. Whoever sets it in systemd sets it on the bus as well, and if
                // not, it is better there than ours.
                Some(theirs) if theirs != variable.value => {
                    plan.on_bus.insert(name, theirs);
                    continue;
                }
                // Where systemd lacks it, it was refused or unset since, and is still on the bus.
                _ => {}
            }
            let (found, otherwise) = match &variable.afterwards {
                Afterwards::Nothing => (None, String::new()),
                Afterwards::Before(otherwise) => {
                    let otherwise = || otherwise.clone();
                    (of(before), started_with(name).unwrap_or_else(otherwise))
                }
            };
            match &found {
                Some(found) => drop(plan.put_back.insert(name, found.clone())),
                None => plan.gone.push(name),
            }
            plan.on_bus.insert(name, found.unwrap_or(otherwise));
        }
        plan
    }
}

const NO_ENVIRONMENT: &str = "systemd's environment cannot be read";

fn update_bus(bus: &mut Bus, values: &Values<'_>) {
    if let Some(message) = to_bus("UpdateActivationEnvironment", values) {
        bus.ask(message, "what the session bus starts is told nothing new");
    }
}

fn set_in_systemd(bus: &mut Bus, values: &Values<'_>) -> Option<Question> {
    let lines = values.iter().map(|(name, value)| format!("{name}={value}"));
    let lines: Vec<String> = lines.collect();
    let any = !lines.is_empty();
    let message = any.then(|| to_systemd(SYSTEMD_MANAGER, "SetEnvironment", &lines));
    Some(bus.ask(message??, "systemd takes no variables"))
}

fn unset_in_systemd(bus: &mut Bus, names: &[&str]) -> Option<Question> {
    let any = !names.is_empty();
    let message = any.then(|| to_systemd(SYSTEMD_MANAGER, "UnsetEnvironment", &names));
    Some(bus.ask(message??, "systemd keeps variables"))
}

/// Asks for all of systemd's variables, those of its configuration included.
fn environment() -> Option<Message> {
    let property = (SYSTEMD_MANAGER, "Environment");
    to_systemd("org.freedesktop.DBus.Properties", "Get", &property)
}

fn to_bus<B>(method: &str, body: &B) -> Option<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    let message = Message::method_call(DBUS_PATH, method)
        .destination(DBUS)
        .interface(DBUS);
    built(message.build(body))
}

fn to_systemd<B>(interface: &str, method: &str, body: &B) -> Option<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    let message = Message::method_call(SYSTEMD_PATH, method)
        .destination(SYSTEMD)
        .interface(interface)
        .with_flags(Flags::NO_AUTO_START);
    built(message.build(body))
}

fn built(message: zbus::Result<Message>) -> Option<Message> {
    message
        .inspect_err(|error| tracing::error!("a message could not be built: {error}"))
        .ok()
}

fn number(answer: &Message) -> Option<u32> {
    answer.body().deserialize().ok()
}

/// dbus-broker's launcher is the process that the broker names as its own.
fn is_broker(pid: u32) -> bool {
    process::Stat::read(pid).is_some_and(|stat| stat.comm.starts_with("dbus-broker"))
}

/// The values of these variables in systemd's `Environment`.
fn values(answer: &Message, of: &[Variable]) -> Values<'static> {
    let body = answer.body();
    let all = body.deserialize::<zbus::Variant<'_>>().ok();
    let all: Vec<String> = all.and_then(|all| all.try_into().ok()).unwrap_or_default();
    let value = |v: &Variable| {
        let value = |line: &String| Some(line.strip_prefix(v.name)?.strip_prefix('=')?.to_owned());
        Some((v.name, all.iter().find_map(value)?))
    };
    of.iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests;
