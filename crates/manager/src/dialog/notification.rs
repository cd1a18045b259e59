//! The notification that stands in for the dialog: `org.freedesktop.Notifications` of the Desktop
//! Notifications Specification 1.2. Builds calls and reads what comes back; sends nothing itself.
//!
//! It counts as shown from when the server has taken it until it is closed. One that the user
//! dismissed shows nothing any more, and the request then waits as one that nobody is shown.

use endsession_core::Phase;
use zbus::Message;
use zbus::Variant;

use crate::bus::{DBUS, DBUS_PATH};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// Applications told of; a notification has room for a few lines.
const MAX_ROWS: usize = 4;

/// Characters of each line.
const MAX_ROW: usize = 120;

/// What the user is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) summary: String,
    pub(crate) body: String,
    /// The action's key, which is the choice it stands for, and its label.
    pub(crate) actions: Vec<(&'static str, &'static str)>,
}

impl Text {
    /// What a request in this phase waits for: these applications, each with its reason.
    pub(crate) fn of(phase: Phase, rows: &[(String, String)]) -> Self {
        let row = |(name, reason): &(String, String)| {
            let text = match reason.as_str() {
                "" => name.clone(),
                reason => format!("{name}: {reason}"),
            };
            plain(&text).chars().take(MAX_ROW).collect::<String>()
        };
        let mut lines: Vec<String> = rows.iter().take(MAX_ROWS).map(row).collect();
        if rows.len() > MAX_ROWS {
            lines.push(format!("and {} more", rows.len() - MAX_ROWS));
        }
        let how = "The window for this could not be shown. In a terminal: endsession status, endsession \
                   choose, endsession cancel.";
        if phase == Phase::Confirming {
            return Self {
                summary: "Log off?".to_owned(),
                body: how.to_owned(),
                actions: vec![("confirm", "Log off"), ("cancel", "Cancel")],
            };
        }
        Self {
            summary: "The log-off is held up".to_owned(),
            body: format!("{}\n{how}", lines.join("\n")),
            actions: vec![("cancel", "Cancel log-off")],
        }
    }
}

/// Servers may read a body as markup (section "Markup"), and names are strangers' words: what could
/// begin markup is left out.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if "<>&".contains(c) { ' ' } else { c })
        .collect()
}

/// Where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    None,
    /// Sent, and the server has not said its number.
    Sent,
    /// Sent, and no longer needed: closed as soon as its number is known.
    Unwanted,
    Up {
        id: u32,
        /// The server, by its unique name: nobody else's word counts.
        server: String,
    },
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// The user is shown it.
    Up,
    /// No longer.
    Closed,
    /// The user chose this action.
    Chosen(String),
    /// No program shows notifications.
    Nobody,
}

/// At most one notification.
#[derive(Debug, Default)]
pub(crate) struct Notification {
    state: State,
    follows: bool,
}

impl Notification {
    /// The calls that show it: the last one is to be answered with [`Notification::answered`].
    pub(crate) fn show(&mut self, text: &Text) -> (Vec<Message>, Option<Message>) {
        let mut before = Vec::new();
        if !std::mem::replace(&mut self.follows, true) {
            // Both before the call, so that no click is missed.
            before.extend(
                ["ActionInvoked", "NotificationClosed"]
                    .iter()
                    .filter_map(follow),
            );
        }
        self.state = State::Sent;
        let actions: Vec<&str> = text.actions.iter().flat_map(|(k, l)| [*k, *l]).collect();
        let hints = std::collections::HashMap::from([
            // Critical: shown until it is answered.
            ("urgency", Variant::from(2_u8)),
            ("category", Variant::from("presence")),
        ]);
        // 0 replaces none; a time-out of 0 is never.
        let body = (
            "endsession",
            0_u32,
            "system-log-out",
            text.summary.as_str(),
            text.body.as_str(),
            actions,
            hints,
            0_i32,
        );
        (before, call("Notify", &body))
    }

    /// It is no longer needed: the call that closes it.
    pub(crate) fn close(&mut self) -> (Option<Message>, bool) {
        match std::mem::take(&mut self.state) {
            State::None => (None, false),
            State::Sent | State::Unwanted => {
                self.state = State::Unwanted;
                (None, false)
            }
            State::Up { id, .. } => (call("CloseNotification", &id), true),
        }
    }

    /// The server's answer to the call that shows it.
    pub(crate) fn answered(&mut self, answer: &Message) -> (Option<Happened>, Option<Message>) {
        let id = answer.body().deserialize::<u32>().ok();
        let is_error = answer.message_type() == zbus::message::Type::Error;
        let state = std::mem::take(&mut self.state);
        let Some(id) = id.filter(|_| !is_error) else {
            return (Some(Happened::Nobody), None);
        };
        match state {
            State::Sent => {
                let server = sender(answer);
                self.state = State::Up { id, server };
                (Some(Happened::Up), None)
            }
            // Withdrawn and shown again before the server had answered: the newer one stays.
            State::Up { id: older, server } => {
                self.state = State::Up { id, server };
                (None, call("CloseNotification", &older))
            }
            State::Unwanted | State::None => (None, call("CloseNotification", &id)),
        }
    }

    /// A signal that may be the server's.
    pub(crate) fn heard(&mut self, signal: &Message) -> Option<Happened> {
        let State::Up { id, server } = &self.state else {
            return None;
        };
        let (id, member) = (*id, signal.header().member()?.to_string());
        if sender(signal) != *server {
            return None;
        }
        let body = signal.body();
        match member.as_str() {
            "ActionInvoked" => {
                let (of, action): (u32, &str) = body.deserialize().ok()?;
                (of == id).then(|| Happened::Chosen(action.to_owned()))
            }
            "NotificationClosed" => {
                let (of, _reason): (u32, u32) = body.deserialize().ok()?;
                (of == id).then(|| {
                    self.state = State::None;
                    Happened::Closed
                })
            }
            _ => None,
        }
    }

    /// A peer left the bus; if it was the server, so did what it showed.
    pub(crate) fn left(&mut self, name: &str) -> Option<Happened> {
        if matches!(&self.state, State::Up { server, .. } if server == name) {
            self.state = State::None;
            return Some(Happened::Closed);
        }
        None
    }
}

fn sender(message: &Message) -> String {
    let header = message.header();
    header.sender().map(|s| s.to_string()).unwrap_or_default()
}

fn follow(member: &&str) -> Option<Message> {
    let rule = format!("type='signal',sender='{NAME}',interface='{NAME}',member='{member}'");
    Message::method_call(DBUS_PATH, "AddMatch")
        .destination(DBUS)
        .interface(DBUS)
        .build(&rule.as_str())
        .ok()
}

fn call<B>(member: &str, body: &B) -> Option<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    Message::method_call(PATH, member)
        .destination(NAME)
        .interface(NAME)
        .build(body)
        .inspect_err(|error| tracing::error!("{member} of {NAME} could not be built: {error}"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_is_no_markup_and_a_list_has_an_end() {
        let row = |n| (format!("<b>{n}&"), "why ".repeat(1_000));
        let rows: Vec<(String, String)> = (0..9).map(row).collect();
        let text = Text::of(Phase::Asking, &rows);
        assert!(!text.body.contains(['<', '>', '&']), "{text:?}");
        assert!(text.body.contains("\nand 5 more\n"), "{text:?}");
        assert!(text.body.len() < 1_000, "{text:?}");
        assert_eq!(text.actions, [("cancel", "Cancel log-off")]);
    }

    #[test]
    fn one_that_is_no_longer_needed_is_closed_when_its_number_is_known() {
        let mut notification = Notification::default();
        let (follows, call) = notification.show(&Text::of(Phase::Confirming, &[]));
        assert_eq!(follows.len(), 2);
        assert!(notification.close().0.is_none());
        let call = call.unwrap();
        let answer = Message::method_return(&call.header())
            .build(&7_u32)
            .unwrap();
        let (happened, close) = notification.answered(&answer);
        assert_eq!(happened, None);
        let id: u32 = close.unwrap().body().deserialize().unwrap();
        assert_eq!(id, 7);
    }
}
