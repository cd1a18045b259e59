//! The notification that stands in for the dialog: `org.freedesktop.Notifications` of the Desktop
//! Notifications Specification 1.2. Builds calls and reads what comes back; sends nothing itself.
//!
//! It counts as shown from when the server has taken it until it is closed. One that the user
//! dismissed shows nothing any more, and the request then waits as one that nobody is shown.

use endsession_core::{Kind, Phase};
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
    /// What a request of this kind waits for in this phase: these applications, each with its reason.
    pub(crate) fn of(kind: Kind, phase: Phase, rows: &[(String, String)]) -> Self {
        let (question, yes, held, no) = match kind {
            Kind::LogOff => (
                "Log off?",
                "Log off",
                "The log-off is held up",
                "Cancel log-off",
            ),
            Kind::Restart => (
                "Restart?",
                "Restart",
                "The restart is held up",
                "Cancel restart",
            ),
            Kind::PowerOff => (
                "Power off?",
                "Power off",
                "The power-off is held up",
                "Cancel power-off",
            ),
        };
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
                summary: question.to_owned(),
                body: how.to_owned(),
                actions: vec![("confirm", yes), ("cancel", "Cancel")],
            };
        }
        Self {
            summary: held.to_owned(),
            body: format!("{}\n{how}", lines.join("\n")),
            actions: vec![("cancel", no)],
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
    /// The user has seen it and closed it.
    Dismissed,
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
    /// What it last said.
    text: Option<Text>,
    /// There is something else to say, and the server has not answered yet.
    outdated: bool,
}

/// The signals that are followed while there is one.
const SIGNALS: [&str; 2] = ["ActionInvoked", "NotificationClosed"];

impl Notification {
    /// The calls that show it, in place of what it said before: the last one is to be answered with
    /// [`Notification::answered`]. None where it says so already, or the user has dismissed it.
    pub(crate) fn show(&mut self, text: &Text) -> (Vec<Message>, Option<Message>) {
        let mut before = Vec::new();
        if self.text.as_ref() == Some(text) {
            return (before, None);
        }
        let replaces = match &self.state {
            State::None | State::Unwanted => 0,
            State::Up { id, .. } => *id,
            State::Dismissed => return (before, None),
            State::Sent => {
                self.outdated = true;
                return (before, None);
            }
        };
        self.text = Some(text.clone());
        self.outdated = false;
        if !std::mem::replace(&mut self.follows, true) {
            // Both before the call, so that no click is missed.
            before.extend(SIGNALS.iter().filter_map(|s| follow("AddMatch", s)));
        }
        if replaces == 0 {
            self.state = State::Sent;
        }
        let actions: Vec<&str> = text.actions.iter().flat_map(|(k, l)| [*k, *l]).collect();
        let hints = std::collections::HashMap::from([
            // Critical: shown until it is answered.
            ("urgency", Variant::from(2_u8)),
            ("category", Variant::from("presence")),
        ]);
        // 0 replaces none; a time-out of 0 is never.
        let body = (
            "endsession",
            replaces,
            "system-log-out",
            text.summary.as_str(),
            text.body.as_str(),
            actions,
            hints,
            0_i32,
        );
        (before, call("Notify", &body))
    }

    /// Whether it has something else to say now that the server has answered.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated && !matches!(self.state, State::Sent)
    }

    /// The bus is gone: whether that took away something that was shown.
    pub(crate) fn is_lost(&mut self) -> bool {
        let was = std::mem::take(self);
        matches!(was.state, State::Up { .. })
    }

    /// The calls after which the bus tells nothing of notifications any more.
    pub(crate) fn unfollow(&mut self) -> Vec<Message> {
        if !std::mem::take(&mut self.follows) {
            return Vec::new();
        }
        let calls = SIGNALS.iter().filter_map(|s| follow("RemoveMatch", s));
        calls.collect()
    }

    /// It is no longer needed: the call that closes it.
    pub(crate) fn close(&mut self) -> (Option<Message>, bool) {
        self.text = None;
        self.outdated = false;
        match std::mem::take(&mut self.state) {
            State::None | State::Dismissed => (None, false),
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
            // What is shown already stays, whatever became of what was to replace it.
            self.text = None;
            if matches!(state, State::Up { .. }) {
                self.state = state;
                return (None, None);
            }
            return (Some(Happened::Nobody), None);
        };
        match state {
            State::Dismissed => {
                self.state = State::Dismissed;
                (None, call("CloseNotification", &id))
            }
            State::Sent => {
                let server = sender(answer);
                self.state = State::Up { id, server };
                (Some(Happened::Up), None)
            }
            // Withdrawn and shown again before the server had answered, or replaced by another
            // number than its own: the newer one stays.
            State::Up { id: older, server } => {
                self.state = State::Up { id, server };
                let close = (older != id).then(|| call("CloseNotification", &older));
                (None, close.flatten())
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
                let (of, reason): (u32, u32) = body.deserialize().ok()?;
                /// "The notification was dismissed by the user": it is not put up again.
                const DISMISSED: u32 = 2;
                (of == id).then(|| {
                    self.text = None;
                    self.state = match reason {
                        DISMISSED => State::Dismissed,
                        _ => State::None,
                    };
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
            self.text = None;
            return Some(Happened::Closed);
        }
        None
    }
}

fn sender(message: &Message) -> String {
    let header = message.header();
    header.sender().map(|s| s.to_string()).unwrap_or_default()
}

fn follow(how: &str, member: &str) -> Option<Message> {
    let rule = format!("type='signal',sender='{NAME}',interface='{NAME}',member='{member}'");
    Message::method_call(DBUS_PATH, how)
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
    fn what_is_to_end_is_named() {
        let text = Text::of(Kind::PowerOff, Phase::Confirming, &[]);
        assert_eq!(text.summary, "Power off?");
        assert_eq!(text.actions[0], ("confirm", "Power off"));
        let text = Text::of(Kind::Restart, Phase::Asking, &[]);
        assert_eq!(text.summary, "The restart is held up");
    }

    #[test]
    fn a_strangers_name_is_no_markup_and_a_list_has_an_end() {
        let row = |n| (format!("<b>{n}&"), "why ".repeat(1_000));
        let rows: Vec<(String, String)> = (0..9).map(row).collect();
        let text = Text::of(Kind::LogOff, Phase::Asking, &rows);
        assert!(!text.body.contains(['<', '>', '&']), "{text:?}");
        assert!(text.body.contains("\nand 5 more\n"), "{text:?}");
        assert!(text.body.len() < 1_000, "{text:?}");
        assert_eq!(text.actions, [("cancel", "Cancel log-off")]);
    }

    fn rows(reason: &str) -> Text {
        Text::of(
            Kind::LogOff,
            Phase::Asking,
            &[("gedit".to_owned(), reason.to_owned())],
        )
    }

    /// The number that the call replaces.
    fn replaces(call: &Message) -> u32 {
        type Notify<'a> = (
            &'a str,
            u32,
            &'a str,
            &'a str,
            &'a str,
            Vec<&'a str>,
            std::collections::HashMap<&'a str, Variant<'a>>,
            i32,
        );
        call.body().deserialize::<Notify<'_>>().unwrap().1
    }

    fn answer(call: &Message, id: u32) -> Message {
        Message::method_return(&call.header()).build(&id).unwrap()
    }

    #[test]
    fn what_has_changed_replaces_what_was_said_and_the_same_is_said_once() {
        let mut notification = Notification::default();
        let first = notification.show(&rows("a")).1.unwrap();
        assert!(
            notification.show(&rows("b")).1.is_none(),
            "not answered yet"
        );
        assert!(!notification.is_outdated());
        let up = notification.answered(&answer(&first, 7)).0;
        assert_eq!(up, Some(Happened::Up));
        assert!(notification.is_outdated());
        let second = notification.show(&rows("b")).1.unwrap();
        assert_eq!((replaces(&first), replaces(&second)), (0, 7));
        assert!(notification.show(&rows("b")).1.is_none());
        let (happened, close) = notification.answered(&answer(&second, 7));
        assert!(happened.is_none() && close.is_none());
    }

    #[test]
    fn one_that_could_not_be_replaced_is_still_shown() {
        let mut notification = Notification::default();
        let first = notification.show(&rows("a")).1.unwrap();
        notification.answered(&answer(&first, 7));
        let second = notification.show(&rows("b")).1.unwrap();
        let error = Message::error(&second.header(), "org.freedesktop.DBus.Error.NoReply");
        let error = error.build(&"gone").unwrap();
        assert!(notification.answered(&error).0.is_none());
        assert!(notification.close().1, "the user still sees it");
    }

    #[test]
    fn one_that_is_no_longer_needed_is_closed_when_its_number_is_known() {
        let mut notification = Notification::default();
        let (follows, call) = notification.show(&Text::of(Kind::LogOff, Phase::Confirming, &[]));
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
