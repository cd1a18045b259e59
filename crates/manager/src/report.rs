//! What the manager tells people and programs: the documented, stable JSON of `status` and
//! `watch`. Plain data; fields are added, never renamed or removed, while `version` is 1.

use std::collections::BTreeMap;

use endsession_core::{
    Answer, Blocker, CancelledBy, Coordinator, Going, Identity, Kind, Outcome, Phase, Responds,
    Signal, Silence, Vote, VoterId, Why,
};
use endsession_ice::Properties;
use serde::{Deserialize, Serialize};

use crate::adapter::jobs::Job;
use crate::adapter::portal::Portal;
use crate::adapter::xsmp::Xsmp;
use crate::adapter::{gnome, text};
use crate::hooks::Hooks;
use crate::removable::Removable;
use crate::rules::{By, Verdict};

/// The version of these shapes.
pub const VERSION: u32 = 1;

/// The answer to `endsession status --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`VERSION`].
    pub version: u32,
    /// The manager's process.
    pub manager_pid: u32,
    /// How windows are seen: `sway`, `hyprland`, `niri`, `wlr-foreign-toplevel`, `x11`, or why they are not.
    pub display: String,
    /// The program that is the session: which the manager started, or the compositor or window manager that it found.
    pub session: Option<String>,
    /// The other session manager that owns the session, where one does: what that one tells is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The request under way.
    pub request: Option<RequestInfo>,
    /// Every application known.
    pub applications: Vec<App>,
    /// Everything that holds something: inhibitors of every kind, jobs in terminals, and locks of
    /// others at logind.
    #[serde(default)]
    pub holds: Vec<Held>,
    /// Inhibitors of anything but log-off, which do not block one.
    pub other_inhibitors: Vec<Hold>,
    /// Clients of another display of the same user, who share the bus: never asked or ended.
    #[serde(default)]
    pub foreign: Vec<Foreign>,
    /// Work in terminals that outlives the session and does not hold it: under nohup, or in tmux or
    /// screen where nothing ends those.
    #[serde(default)]
    pub survivors: Vec<Survivor>,
    /// What blocks the request; without one, what would, as far as can be known without asking.
    pub blockers: Vec<BlockerInfo>,
    /// Whom the request waits for although they do not block: of kind `slow` who has not answered
    /// yet, of kind `asking-user` who is asking the user.
    #[serde(default)]
    pub waits: Vec<BlockerInfo>,
}

/// Work that outlives the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// Its terminal or multiplexer.
    pub name: String,
    /// That one's process.
    pub pid: Option<u32>,
    /// What runs.
    pub what: String,
    /// For how long, in milliseconds.
    pub running_ms: u64,
}

/// A client of another session on the same bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// The name that it gave.
    pub name: String,
    /// Its process.
    pub pid: Option<u32>,
}

/// A request under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// Its number, for `Choose`.
    pub id: u32,
    /// `logoff`, `restart` or `poweroff`.
    pub kind: String,
    /// `confirming`, `authorizing`, `asking`, `closing`, `imposed` or `ending`.
    pub phase: String,
    /// Why, in the caller's words.
    pub reason: String,
    /// Something shows the user what it waits for.
    pub shown: bool,
    /// The screen is locked: nothing counts as shown, and the request waits.
    #[serde(default)]
    pub locked: bool,
    /// Something is to show that to the user: the last `show` event said so.
    #[serde(default)]
    pub show: bool,
    /// Nobody can hold it up any more: "end all anyway" was chosen, or its caller forces it.
    #[serde(default)]
    pub forced: bool,
    /// What has gone so far.
    pub gone: Vec<String>,
    /// How many applications are still to go.
    #[serde(default)]
    pub to_go: usize,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// For `Choose`, and to tell two of one name apart.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its process, where it is verified.
    pub pid: Option<u32>,
    /// `org.gnome.SessionManager`, `portal`, `hook`, `removable`, `xsmp`, `window`, `inhibitor`, `job`.
    pub protocols: Vec<String>,
    /// Its clients' votes: `idle`, `asked`, `wants-user`, `asking-user`, `wants-last`, `abstained`, `accepted`,
    /// `refused`, `told`.
    pub votes: Vec<String>,
    /// What its XSMP clients tell of themselves.
    #[serde(default)]
    pub xsmp: Vec<XsmpInfo>,
    /// The titles of its windows.
    pub windows: Vec<String>,
    /// The reasons of its log-off inhibitors.
    pub inhibitors: Vec<String>,
    /// The jobs in its terminals.
    pub jobs: Vec<String>,
    /// A title carries a modified mark.
    pub unsaved: bool,
    /// It answers pings, as far as is known, and is not stopped.
    pub responding: bool,
    /// `running`, `closing`, `stays`, `saving`, `forced`, `terminated`, `killed`, `unkillable`.
    pub state: String,
    /// What the rules of the configuration and the built-in ones say about it.
    #[serde(default)]
    pub rule: Option<RuleInfo>,
    /// A rule has overridden what it says against its end.
    #[serde(default)]
    pub overridden_by_rule: bool,
}

/// What rules say about an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// It is never asked, and goes with what is left of the session.
    pub ignore: bool,
    /// `sigterm` or `close`.
    pub end_by: Option<By>,
    /// What it says against its end does not count.
    pub end_anyway: bool,
    /// Its own time for each step, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Where they stand: `FILE:LINE`, or `built in`.
    pub from: Vec<String>,
}

/// What an XSMP client tells of itself (xsmp.xml, "Predefined Properties"). All of it is claimed,
/// none of it is verified, and its commands are never run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XsmpInfo {
    /// The id that the manager gave it.
    pub client_id: String,
    /// Its properties and their values, made fit to show and cut at 16 KiB in all.
    pub properties: BTreeMap<String, Vec<String>>,
}

/// An inhibitor that does not concern log-off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Whose.
    pub name: String,
    /// Its reason.
    pub reason: String,
    /// `switch-user`, `suspend`, `idle`, `automount`.
    pub what: Vec<String>,
}

/// Somebody holds something: it is not to happen meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The application, as in [`App::id`]; empty for a lock of somebody outside of the session.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its process, where it is verified.
    pub pid: Option<u32>,
    /// In its words; a job's command.
    pub reason: String,
    /// `logoff`, `sleep`, `idle`, `switch-user`, `automount`; of a lock at logind `restart`, `poweroff`.
    pub what: Vec<String>,
}

/// Something that blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockerInfo {
    /// The application.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its process, where it is verified.
    pub pid: Option<u32>,
    /// `refused`, `inhibitor`, `job`, `window`, `not-responding` or `asks-user`; in
    /// [`Status::waits`] `slow` or `asking-user`.
    pub kind: String,
    /// In the application's words; a window's title, a job's command.
    pub reason: String,
    /// It answers pings, as far as is known, and is not stopped.
    pub responding: bool,
    /// For how long, in milliseconds; 0 without a request.
    pub waiting_ms: u64,
    /// For how long a job has run by now, in milliseconds; 0 of what is none.
    #[serde(default)]
    pub running_ms: u64,
}

/// One line of `endsession watch --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum News {
    /// The request entered a phase.
    Phase {
        /// The request.
        request: u32,
        /// The phase.
        phase: String,
    },
    /// Another request joined this one, as when the user presses the key for it once more.
    Joined {
        /// The request.
        request: u32,
        /// Which end it is now: that of the two that includes the other.
        kind: String,
    },
    /// Something is to show the user what the request waits for, or no longer.
    Show {
        /// The request.
        request: u32,
        /// Whether.
        on: bool,
    },
    /// The application's window was shown to the user, as somebody chose.
    Activated(Who),
    /// A client was asked.
    Asked(Who),
    /// A client answered: `accept`, `refuse`, `user-refused`, or how far it is: `asking-user`,
    /// `wants-user`, `user-answered`, `wants-last`.
    Answered {
        /// Which.
        #[serde(flatten)]
        who: Who,
        /// What.
        answer: String,
        /// In its words.
        reason: String,
    },
    /// A client has not answered yet.
    Slow(Who),
    /// A client never answered: its windows are closed in its turn, so that it can ask then.
    Abstained(Who),
    /// The application was closed or told to end.
    Closing(Who),
    /// It has gone.
    Gone(Who),
    /// Something blocks.
    Blocked(BlockerInfo),
    /// It no longer does.
    Cleared(BlockerInfo),
    /// It may no longer block.
    Overridden {
        /// Which.
        #[serde(flatten)]
        who: Who,
        /// A rule of the user's says so.
        #[serde(default)]
        by_rule: bool,
    },
    /// Its process was signalled.
    Signalled {
        /// Which.
        #[serde(flatten)]
        who: Who,
        /// `SIGTERM` or `SIGKILL`.
        signal: String,
    },
    /// The request has ended.
    Finished(Finished),
    /// An inhibitor was taken.
    Held(Held),
    /// One was released, or its holder has gone.
    Released(Held),
    /// Work was found that outlives the session, and does not hold the request.
    Survives(Survivor),
}

/// An application in an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The request; 0 for what "end this one" does after it.
    pub request: u32,
    /// The application.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its process, where it is verified.
    pub pid: Option<u32>,
}

/// How a request ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The request.
    pub request: u32,
    /// `logoff`, `restart` or `poweroff`.
    #[serde(default)]
    pub kind: String,
    /// `over`, `cancelled` or `failed`.
    pub outcome: String,
    /// For `cancelled`: `user`, `application`, `blocked`, `timeout`, `nobody-shown`, `restored`,
    /// `not-authorized`.
    pub by: String,
    /// What an application's user said, why it is not permitted, or what failed.
    pub why: String,
    /// What blocked when it was cancelled.
    pub blockers: Vec<BlockerInfo>,
    /// What had closed by then.
    pub gone: Vec<String>,
    /// What had been closed or told to end and was still there.
    pub told: Vec<String>,
    /// What was ended over its objection.
    pub overridden: Vec<String>,
    /// Those of them that a rule overrode.
    #[serde(default)]
    pub overridden_by_rule: Vec<String>,
}

/// What a hook reads on its standard input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// [`VERSION`].
    pub version: u32,
    /// `asking`, `ending` or `cancelled`.
    pub hook: String,
    /// The request's number.
    pub request: u32,
    /// `logoff`, `restart` or `poweroff`.
    pub kind: String,
    /// Why, in the caller's words.
    pub reason: String,
    /// Where the request stands, or stood when it was cancelled: as in [`RequestInfo`].
    pub phase: String,
    /// Nobody can hold it up any more.
    pub forced: bool,
    /// The end cannot be refused and comes within a time that is not ours.
    pub imposed: bool,
    /// What blocks.
    pub blockers: Vec<BlockerInfo>,
    /// What has gone so far.
    pub gone: Vec<String>,
    /// How the request ended, for `cancelled`.
    pub outcome: Option<Finished>,
}

/// A text of a stranger's on one line, wherever people see it: one with line breaks of its own would
/// write rows of its own, and one with controls or with overrides of the direction would redraw or
/// turn around what stands beside it.
#[must_use]
pub fn one_line(text: &str) -> String {
    text::from_str(text)
}

fn lines<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    texts.into_iter().map(|t| one_line(t)).collect()
}

/// What an inhibitor of `org.gnome.SessionManager` with these flags holds, as [`Held::what`].
#[must_use]
pub fn what(flags: u32) -> Vec<String> {
    let names = [
        (gnome::LOG_OFF, "logoff"),
        (gnome::SUSPEND, "sleep"),
        (gnome::IDLE, "idle"),
        (gnome::SWITCH_USER, "switch-user"),
        (gnome::AUTOMOUNT, "automount"),
    ];
    let held = names.iter().filter(|(flag, _)| flags & flag != 0);
    held.map(|(_, name)| (*name).to_owned()).collect()
}

/// An identity as one word. Unique among the applications of one moment.
#[must_use]
pub fn id(of: &Identity) -> String {
    match of {
        Identity::Process { pid, .. } => pid.to_string(),
        Identity::AppId(name) => format!("app:{name}"),
        Identity::Peer(n) => format!("peer:{n}"),
        Identity::Hook(name) => format!("hook:{name}"),
    }
}

/// A phase as one word.
#[must_use]
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Confirming => "confirming",
        Phase::Authorizing => "authorizing",
        Phase::Asking => "asking",
        Phase::Closing => "closing",
        Phase::Imposed => "imposed",
        Phase::Ending => "ending",
    }
}

/// A kind of end as one word.
#[must_use]
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::LogOff => "logoff",
        Kind::Restart => "restart",
        Kind::PowerOff => "poweroff",
    }
}

/// A signal's name.
#[must_use]
pub fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Term => "SIGTERM",
        Signal::Kill => "SIGKILL",
    }
}

/// An answer as one word, and its reason.
#[must_use]
pub fn answer(answer: &Answer) -> (&'static str, &str) {
    match answer {
        Answer::Accept => ("accept", ""),
        Answer::Refuse(why) => ("refuse", why),
        Answer::UserRefused(why) => ("user-refused", why),
        Answer::AskingUser => ("asking-user", ""),
        Answer::WantsUser => ("wants-user", ""),
        Answer::UserAnswered => ("user-answered", ""),
        Answer::WantsLast => ("wants-last", ""),
    }
}

/// A blocker, waiting for so long.
#[must_use]
pub fn blocker(b: &Blocker, waiting_ms: u64) -> BlockerInfo {
    let (kind, reason, responding) = match &b.why {
        Why::Refused(_, why) => ("refused", why.as_str(), true),
        Why::Inhibitor(_, why) => ("inhibitor", why.as_str(), true),
        Why::Job(_, what) => ("job", what.as_str(), true),
        Why::Window { title, hung } => ("window", title.as_str(), !hung),
        Why::NotResponding => ("not-responding", "", false),
        Why::AsksUser => ("asks-user", "", true),
    };
    BlockerInfo {
        id: id(&b.of),
        name: one_line(&b.name),
        pid: b.of.pid(),
        kind: kind.to_owned(),
        reason: one_line(reason),
        responding,
        waiting_ms,
        running_ms: 0,
    }
}

/// Work that outlives the session.
#[must_use]
pub fn survivor(job: &Job) -> Survivor {
    Survivor {
        name: one_line(&job.name),
        pid: job.terminal.pid(),
        what: one_line(&job.what),
        running_ms: crate::process::age(job.began),
    }
}

/// Whom a request waits for although they do not block; `waiting` tells for how long.
#[must_use]
pub(crate) fn waits(core: &Coordinator, waiting: impl Fn(&Identity) -> u64) -> Vec<BlockerInfo> {
    let row = |a: endsession_core::AppView<'_>| {
        let is = |vote: fn(&Vote) -> bool| a.voters.iter().any(|(_, v)| vote(v));
        let kind = if is(|v| *v == Vote::AskingUser) {
            "asking-user"
        } else if is(|v| matches!(v, Vote::Asked(Silence::Slow | Silence::Silent))) {
            "slow"
        } else {
            return None;
        };
        let hung = matches!(a.responds, Responds::No | Responds::Stopped);
        // One that hangs is a blocker.
        if a.overridden || (hung && kind == "slow") {
            return None;
        }
        Some(BlockerInfo {
            id: id(a.of),
            name: one_line(a.name),
            pid: a.of.pid(),
            kind: kind.to_owned(),
            reason: String::new(),
            responding: true,
            waiting_ms: waiting(a.of),
            running_ms: 0,
        })
    };
    core.apps().filter_map(row).collect()
}

/// Every application known to the coordinator; `about` tells what is known of an XSMP client.
#[must_use]
pub(crate) fn applications<'a>(
    core: &Coordinator,
    about: impl Fn(VoterId) -> Option<(&'a str, &'a Properties)>,
    rules: impl Fn(&Identity) -> Option<&'a Verdict>,
) -> Vec<App> {
    let texts = |list: &[(_, &str)]| {
        list.iter()
            .map(|(_, t): &(u64, &str)| one_line(t))
            .collect::<Vec<_>>()
    };
    core.apps()
        .map(|a| {
            let windows: Vec<_> = a.windows.iter().map(|(w, t)| (w.0, *t)).collect();
            let inhibitors: Vec<_> = a.inhibitors.iter().map(|(i, t)| (i.0, *t)).collect();
            let jobs: Vec<_> = a.jobs.iter().map(|(j, t)| (j.0, *t)).collect();
            let protocols = [
                (
                    "org.gnome.SessionManager",
                    a.voters.iter().any(|(v, _)| {
                        !Xsmp::owns(*v)
                            && !Hooks::owns_voter(*v)
                            && !Portal::owns(*v)
                            && !Removable::owns(*v)
                    }),
                ),
                ("portal", a.voters.iter().any(|(v, _)| Portal::owns(*v))),
                ("hook", a.of.is_hook()),
                ("removable", Removable::is(a.of)),
                ("xsmp", a.voters.iter().any(|(v, _)| Xsmp::owns(*v))),
                ("window", !windows.is_empty()),
                ("inhibitor", !inhibitors.is_empty()),
                ("job", !jobs.is_empty()),
            ];
            App {
                id: id(a.of),
                name: one_line(a.name),
                pid: a.of.pid(),
                protocols: protocols
                    .iter()
                    .filter(|(_, has)| *has)
                    .map(|(p, _)| (*p).to_owned())
                    .collect(),
                votes: a.voters.iter().map(|(_, v)| vote(v).to_owned()).collect(),
                xsmp: a
                    .voters
                    .iter()
                    .filter_map(|(v, _)| about(*v))
                    .map(|(id, properties)| xsmp_info(id, properties))
                    .collect(),
                windows: texts(&windows),
                inhibitors: texts(&inhibitors),
                jobs: texts(&jobs),
                unsaved: a.unsaved,
                responding: !matches!(a.responds, Responds::No | Responds::Stopped),
                state: going(a.going).to_owned(),
                rule: rules(a.of).map(rule),
                overridden_by_rule: a.by_rule,
            }
        })
        .collect()
}

fn rule(verdict: &Verdict) -> RuleInfo {
    RuleInfo {
        ignore: verdict.rule.ignore,
        end_by: verdict.end_by,
        end_anyway: verdict.rule.end_anyway,
        deadline_ms: verdict.rule.deadline,
        from: verdict.from.clone(),
    }
}

/// More of what a client keeps with us would make the status of a session long to read.
const MAX_PROPERTIES: usize = 16 << 10;

fn xsmp_info(client_id: &str, properties: &Properties) -> XsmpInfo {
    let mut room = MAX_PROPERTIES;
    let mut shown = BTreeMap::new();
    for property in properties.iter() {
        let is_number = property.kind == endsession_ice::property::CARD8;
        let mut values = Vec::new();
        for value in &property.values {
            let value = match value.as_slice() {
                [number] if is_number => number.to_string(),
                // Qt sends an int of this machine.
                [a, b, c, d] if is_number => u32::from_ne_bytes([*a, *b, *c, *d]).to_string(),
                // xterm counts the NUL at the end of a C string as part of it.
                bytes => text::from_utf8(bytes.strip_suffix(b"\0").unwrap_or(bytes)),
            };
            // A value of no bytes costs its place in the list.
            let Some(left) = room.checked_sub(value.len() + 1) else {
                break;
            };
            room = left;
            values.push(value);
        }
        shown.insert(text::from_utf8(&property.name), values);
    }
    XsmpInfo {
        client_id: text::from_str(client_id),
        properties: shown,
    }
}

fn vote(vote: &Vote) -> &'static str {
    match vote {
        Vote::Idle => "idle",
        Vote::Asked(_) => "asked",
        Vote::WantsUser => "wants-user",
        Vote::AskingUser => "asking-user",
        Vote::WantsLast => "wants-last",
        Vote::Abstained => "abstained",
        Vote::Accepted => "accepted",
        Vote::Refused(_) => "refused",
        Vote::Told => "told",
    }
}

fn going(going: Going) -> &'static str {
    match going {
        Going::No => "running",
        Going::Polite => "closing",
        Going::Bundle { .. } => "closing",
        Going::Stays => "stays",
        Going::Empty => "saving",
        Going::Grace => "forced",
        Going::Term => "terminated",
        Going::Kill => "killed",
        Going::GaveUp => "unkillable",
    }
}

/// How a request ended.
#[must_use]
pub fn finished(
    request: u32,
    outcome: &Outcome,
    told: impl Fn(&Blocker) -> BlockerInfo,
) -> Finished {
    let mut f = Finished {
        request,
        ..Finished::default()
    };
    match outcome {
        Outcome::Over {
            overridden,
            by_rule,
        } => {
            f.overridden_by_rule = lines(by_rule);
            "over".clone_into(&mut f.outcome);
            f.overridden = lines(overridden);
        }
        Outcome::Failed { why, gone } => {
            "failed".clone_into(&mut f.outcome);
            f.why = one_line(why);
            f.gone = lines(gone);
        }
        Outcome::Cancelled {
            by,
            blockers,
            gone,
            told: had_been_told,
        } => {
            "cancelled".clone_into(&mut f.outcome);
            let (by, why) = match by {
                CancelledBy::User => ("user", String::new()),
                CancelledBy::InApplication { name, reason } if reason.is_empty() => {
                    ("application", name.clone())
                }
                CancelledBy::InApplication { name, reason } => {
                    ("application", format!("{name}: {reason}"))
                }
                CancelledBy::Blocked => ("blocked", String::new()),
                CancelledBy::TimedOut => ("timeout", String::new()),
                CancelledBy::NobodyShown => ("nobody-shown", String::new()),
                CancelledBy::Restored => ("restored", String::new()),
                CancelledBy::NotAuthorized(why) => ("not-authorized", why.clone()),
            };
            by.clone_into(&mut f.by);
            f.why = one_line(&why);
            f.blockers = blockers.iter().map(&told).collect();
            f.gone = lines(gone);
            f.told = lines(had_been_told);
        }
    }
    f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_name_and_an_unknown_one_has_none() {
        let all = ["logoff", "sleep", "idle", "switch-user", "automount"];
        assert_eq!(what(31), all);
        assert!(what(1 << 7).is_empty());
    }

    #[test]
    fn a_strangers_words_are_one_row_and_turn_nothing_around() {
        let b = Blocker {
            of: Identity::AppId("a".into()),
            name: "gedit\n  2  bank".into(),
            why: Why::Inhibitor(
                endsession_core::InhibitorId(1),
                "\u{202e}unsaved\u{2066}\r\n\x1b[2J".into(),
            ),
        };
        let info = blocker(&b, 0);
        assert_eq!(info.name, "gedit   2  bank");
        assert!(!info.reason.contains(char::is_control), "{info:?}");
        assert!(!info.reason.contains(['\u{202e}', '\u{2066}']), "{info:?}");
        let outcome = Outcome::Cancelled {
            by: CancelledBy::User,
            blockers: vec![b],
            gone: vec!["a\nb".into()],
            told: Vec::new(),
        };
        let finished = finished(1, &outcome, |b| blocker(b, 0));
        assert_eq!(finished.gone, ["a b"]);
        assert_eq!(finished.blockers[0].name, "gedit   2  bank");
    }
}
