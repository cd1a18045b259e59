//! Small sessions, each with three applications of mixed kinds or more, and each with another
//! menu of what may happen at any time. Together they hold every kind of input, beside those with
//! which it interacts. Small means some hundred thousand states: what does not interact belongs
//! in a session of its own.

use endsession_core::*;

use crate::support::Op;

/// A session, by the inputs that may come at any time.
pub(crate) struct Session {
    pub(crate) name: &'static str,
    /// What is there before anything happens.
    setup: Vec<Op>,
    /// What may happen at any time, as often as it likes.
    pub(crate) ops: Vec<Op>,
}

impl Session {
    fn new(name: &'static str, setup: impl IntoIterator<Item = Op>) -> Self {
        let ops = vec![
            plain(),
            Op::Event(Event::Looked),
            Op::Event(Event::HooksEnded),
            Op::Event(Event::RestGone),
            Op::Event(Event::Backend(Ok(()))),
            Op::Event(Event::Backend(Err("refused".into()))),
            Op::Choose(Choice::Cancel),
        ];
        Self {
            name,
            setup: setup.into_iter().collect(),
            ops,
        }
    }

    fn may(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.ops.extend(ops);
        self
    }

    /// The session before anything happens.
    pub(crate) fn setup(&self) -> &[Op] {
        &self.setup
    }
}

fn app(n: u32) -> Identity {
    Identity::Process { pid: n, start: 1 }
}

/// An application of which no process is known.
fn tray() -> Identity {
    Identity::AppId("tray".into())
}

pub(crate) fn plain() -> Op {
    Op::Request(Request::default())
}

fn ask(of: Request) -> Op {
    Op::Request(of)
}

fn early() -> Round {
    Round::early(Round::DEFAULT_LEVEL)
}

fn late() -> Round {
    Round::late(Round::DEFAULT_LEVEL)
}

fn register(n: u64, of: u32, round: Round) -> Op {
    let name = format!("app{of}");
    Op::Event(Event::Registered {
        voter: VoterId(n),
        of: app(of),
        name,
        round,
    })
}

fn leave(n: u64) -> Op {
    Op::Event(Event::Unregistered(VoterId(n)))
}

/// `y`es, `n`o, the `u`ser's no, `a`sking the user, `w`ants to, has its user's answer (`d`one), and
/// wants to be asked `l`ast.
fn answers(n: u64, which: &str) -> Vec<Op> {
    let answer = |c| match c {
        'y' => Answer::Accept,
        'n' => Answer::Refuse("no".into()),
        'u' => Answer::UserRefused("no".into()),
        'w' => Answer::WantsUser,
        'd' => Answer::UserAnswered,
        'l' => Answer::WantsLast,
        _ => Answer::AskingUser,
    };
    which
        .chars()
        .map(|c| Op::Event(Event::Answered(VoterId(n), answer(c))))
        .collect()
}

fn window(n: u64, of: Identity) -> Op {
    seen(n, of, Window::default())
}

fn seen(n: u64, of: Identity, about: Window) -> Op {
    Op::Event(Event::WindowSeen {
        window: WindowId(n),
        of,
        about,
    })
}

fn unsaved() -> Window {
    Window {
        title: "* text".into(),
        unsaved: true,
        ..Window::default()
    }
}

fn dialog() -> Window {
    Window {
        title: "Save?".into(),
        dialog: true,
        ..Window::default()
    }
}

fn ruled(of: Identity, rule: Rule) -> Op {
    Op::Event(Event::Ruled { of, rule })
}

/// A browser.
fn by_term() -> Rule {
    Rule {
        end_by: EndBy::Term,
        ..Rule::default()
    }
}

fn ignored() -> Rule {
    Rule {
        ignore: true,
        ..Rule::default()
    }
}

fn end_anyway() -> Rule {
    Rule {
        end_anyway: true,
        ..Rule::default()
    }
}

fn hook() -> Identity {
    Identity::Hook("10-backup".into())
}

fn gone(n: u64) -> Op {
    Op::Event(Event::WindowGone(WindowId(n)))
}

fn exited(n: u32) -> Op {
    Op::Event(Event::Exited(app(n)))
}

fn inhibit(n: u64, of: u32) -> Op {
    Op::Event(Event::Inhibited {
        inhibitor: InhibitorId(n),
        of: app(of),
        name: format!("app{of}"),
        reason: "busy".into(),
    })
}

fn release(n: u64) -> Op {
    Op::Event(Event::Uninhibited(InhibitorId(n)))
}

fn job(n: u64, of: u32) -> Op {
    Op::Event(Event::JobSeen {
        job: JobId(n),
        of: app(of),
        name: format!("app{of}"),
        what: "make".into(),
    })
}

fn job_gone(n: u64) -> Op {
    Op::Event(Event::JobGone(JobId(n)))
}

fn hosted(guest: u32, host: u32) -> Op {
    let (guest, host) = (app(guest), app(host));
    Op::Event(Event::Hosted { guest, host })
}

fn bundled(n: u32, bundle: u64) -> Op {
    Op::Event(Event::Bundled {
        of: app(n),
        name: format!("app{n}"),
        bundle: BundleId(bundle),
    })
}

fn unbundled(n: u32) -> Op {
    Op::Event(Event::Unbundled(app(n)))
}

fn done(bundle: u64) -> Op {
    Op::Event(Event::BundleEnded(BundleId(bundle), BundleEnd::Done))
}

fn refused_by(bundle: u64, by: Option<u32>) -> Op {
    let end = BundleEnd::Refused {
        by: by.map(app),
        name: "bundle".into(),
        reason: "no".into(),
    };
    Op::Event(Event::BundleEnded(BundleId(bundle), end))
}

fn spared(n: u32) -> Op {
    Op::Event(Event::Spared(app(n)))
}

fn stopped(n: u32) -> Op {
    Op::Event(Event::Stopped(app(n)))
}

fn pong(n: u32) -> Op {
    Op::Event(Event::Pong(app(n)))
}

fn end_one(n: u32) -> Op {
    Op::Choose(Choice::EndOne(app(n)))
}

fn end_all() -> Op {
    Op::Choose(Choice::EndAll)
}

fn ask_again() -> Op {
    Op::Choose(Choice::AskAgain(None))
}

/// Three clients of three rounds: one that comes, goes and asks its user at any time, one that
/// refuses and is asked again, and an XSMP client that crashes.
pub(crate) fn votes() -> Session {
    Session::new(
        "votes",
        [register(2, 2, Round::early(0x100)), register(3, 3, late())],
    )
    .may([register(1, 1, early()), leave(1), exited(3)])
    .may(answers(1, "ynua"))
    .may(answers(2, "yn"))
    .may(answers(3, "ya"))
    .may([ask_again(), end_all()])
}

/// Two XSMP clients that ask their users, one dialog at a time; one leaves, one is ended alone.
pub(crate) fn turns() -> Session {
    Session::new("turns", [register(1, 1, late()), register(2, 2, late())])
        .may(answers(1, "ywdu"))
        .may(answers(2, "ywd"))
        .may([leave(1), exited(2), end_one(1), end_all()])
}

/// XSMP clients of which two want the last word, and one of those asks its user then.
pub(crate) fn last_words() -> Session {
    let setup = [register(1, 1, late()), register(2, 2, late())];
    Session::new("last words", setup)
        .may(answers(1, "yl"))
        .may(answers(2, "ywdl"))
        .may([leave(1), end_one(2)])
}

/// One dialog at a time, over the two kinds of protocol, with nobody there, and in an imposed end.
pub(crate) fn dialogs_of_clients() -> Session {
    let alone = Request {
        unattended: true,
        ..Request::default()
    };
    Session::new(
        "dialogs of clients",
        [register(1, 1, early()), register(2, 2, late())],
    )
    .may([ask(alone), register(3, 3, late()), leave(3)])
    .may(answers(1, "yna"))
    .may(answers(2, "ywdl"))
    .may(answers(3, "ywd"))
    .may([Op::Event(Event::Imposed(100)), Op::Event(Event::Restored)])
}

/// An XSMP client with a window that may never answer, and a window that cannot.
pub(crate) fn abstentions() -> Session {
    let alone = Request {
        unattended: true,
        ..Request::default()
    };
    let setup = [register(1, 1, late()), window(2, app(2))];
    Session::new("abstentions", setup)
        .may([ask(alone), window(1, app(1)), gone(1), leave(1), pong(1)])
        .may(answers(1, "ywu"))
        .may([gone(2), exited(1), exited(2), end_all(), ask_again()])
}

/// Two clients of one application, of which one is pinged, and a third that is stopped.
pub(crate) fn silence() -> Session {
    Session::new(
        "silence",
        [
            register(1, 1, early()),
            register(2, 1, late()),
            register(3, 3, early()),
        ],
    )
    .may([leave(1), pong(1), stopped(3), pong(3), exited(3)])
    .may(answers(1, "yn"))
    .may(answers(2, "ya"))
    .may(answers(3, "yn"))
    .may([ask_again(), end_all()])
}

/// One of three is ended alone, at any moment, and outlives the request or does not.
pub(crate) fn alone() -> Session {
    Session::new(
        "alone",
        [
            register(1, 1, late()),
            window(1, app(1)),
            window(2, tray()),
            register(3, 3, early()),
        ],
    )
    .may([end_one(1), spared(1), gone(1), leave(1), exited(1)])
    .may([gone(2), stopped(1)])
    .may(answers(3, "yn"))
}

/// An editor with unsaved work and a save dialog, a voter whose window stays, and a window.
pub(crate) fn dialogs() -> Session {
    Session::new(
        "dialogs",
        [
            register(1, 1, early()),
            window(1, app(1)),
            seen(2, app(2), unsaved()),
            window(4, app(4)),
        ],
    )
    .may(answers(1, "yn"))
    .may([gone(1), gone(2), seen(3, app(2), dialog()), gone(3)])
    .may([seen(2, app(2), Window::default()), gone(4), exited(2)])
    .may([ask_again()])
}

/// Windows of which no process is known, closed again and again, one whose process becomes known
/// late, and a process that is not the session's.
pub(crate) fn trays() -> Session {
    let setup = [
        window(1, tray()),
        window(2, app(2)),
        register(4, 4, early()),
    ];
    Session::new("trays", setup)
        .may([
            window(1, tray()),
            gone(1),
            seen(3, tray(), dialog()),
            gone(3),
        ])
        .may([seen(3, app(2), dialog()), gone(2), spared(2)])
        .may(answers(4, "y"))
        .may([Op::Choose(Choice::AskAgain(Some(tray()))), end_all()])
        .may([Op::Choose(Choice::Show(tray()))])
}

/// Clients that register in any phase, on applications of which a window is being closed.
pub(crate) fn registrations() -> Session {
    Session::new(
        "registrations",
        [window(1, app(1)), window(2, app(2)), register(3, 3, late())],
    )
    .may([register(1, 1, early()), leave(1), gone(1), exited(1)])
    .may([register(2, 2, late()), gone(2), exited(2)])
    .may(answers(1, "yn"))
    .may(answers(2, "yu"))
    .may(answers(3, "y"))
}

/// An inhibitor taken while voting, a job in a terminal, unsaved work.
pub(crate) fn holds() -> Session {
    Session::new(
        "holds",
        [
            register(1, 1, early()),
            window(2, app(2)),
            seen(3, app(3), unsaved()),
        ],
    )
    .may([inhibit(1, 1), release(1), job(1, 2), job_gone(1)])
    .may(answers(1, "yn"))
    .may([gone(2), gone(3), exited(1)])
    .may([ask_again(), end_all()])
}

/// A terminal in a terminal and an editor inside, that go in any order; the inner one hangs.
pub(crate) fn hosts() -> Session {
    Session::new(
        "hosts",
        [
            window(1, app(1)),
            window(2, app(2)),
            register(3, 3, early()),
            hosted(2, 1),
            hosted(3, 2),
        ],
    )
    .may([gone(1), exited(1), gone(2), exited(2), exited(3)])
    .may([job(2, 2), job_gone(2), end_all(), end_one(2)])
    .may(answers(3, "yn"))
}

/// Guests that become known late, in circles too, and of which one is ended alone.
pub(crate) fn guests() -> Session {
    Session::new(
        "guests",
        [window(1, app(1)), window(2, app(2)), window(3, app(3))],
    )
    .may([hosted(2, 1), hosted(3, 2), hosted(1, 3)])
    .may([exited(1), gone(2), exited(2), exited(3), end_one(2)])
}

/// Two that go as one, of which one asks its user or hangs and may be ended alone, beside a voter.
pub(crate) fn bundles() -> Session {
    let alone = Request {
        unattended: true,
        ..Request::default()
    };
    let setup = [
        bundled(1, 1),
        window(1, app(1)),
        bundled(2, 1),
        register(3, 3, early()),
    ];
    Session::new("bundles", setup)
        .may([ask(alone), done(1), refused_by(1, Some(1))])
        .may([seen(4, app(1), dialog()), gone(4), exited(1), exited(2)])
        .may([pong(1), stopped(1), end_one(1)])
        .may(answers(3, "yn"))
}

/// A bundle that grows, breaks and is taken back at any moment, closed by force too.
pub(crate) fn bundles_that_change() -> Session {
    let setup = [bundled(1, 1), window(1, app(1)), window(2, app(2))];
    Session::new("bundles that change", setup)
        .may([bundled(2, 1), unbundled(1), unbundled(2)])
        .may([ruled(app(2), ignored()), ruled(app(2), Rule::default())])
        .may([
            done(1),
            refused_by(1, None),
            gone(1),
            exited(1),
            gone(2),
            exited(2),
        ])
        .may([end_all(), spared(1), ask_again()])
}

/// Two bundles, one after the other, of which one asked for the end and one has a client and a guest.
pub(crate) fn two_bundles() -> Session {
    let requester = Request {
        requester: vec![app(1)],
        ..Request::default()
    };
    let setup = [
        bundled(1, 1),
        window(1, app(1)),
        bundled(2, 2),
        window(3, app(3)),
    ];
    Session::new("two bundles", setup)
        .may([ask(requester), register(2, 2, late()), leave(2)])
        .may(answers(2, "y"))
        .may([done(1), refused_by(2, Some(2)), exited(1), exited(2)])
        .may([exited(3), hosted(3, 2)])
}

/// A bundle in an end that nobody can refuse, and one of it that is ended alone.
pub(crate) fn imposed_bundles() -> Session {
    let setup = [bundled(1, 1), window(1, app(1)), bundled(2, 1)];
    Session::new("imposed bundles", setup)
        .may([Op::Event(Event::Imposed(100)), Op::Event(Event::Restored)])
        .may([
            done(1),
            refused_by(1, None),
            exited(1),
            exited(2),
            end_one(1),
        ])
        .may([seen(4, app(1), dialog()), gone(4)])
}

/// One application of each group: each goes before the next is touched.
pub(crate) fn groups() -> Session {
    let requester = Request {
        requester: vec![app(5)],
        ..Request::default()
    };
    Session::new(
        "groups",
        [
            seen(1, app(1), unsaved()),
            window(2, tray()),
            register(3, 3, late()),
            ruled(app(4), by_term()),
            window(4, app(4)),
            window(5, app(5)),
        ],
    )
    .may([ask(requester)])
    .may([exited(1), gone(2), exited(3), gone(4), exited(4), gone(5)])
    .may([seen(1, app(1), Window::default())])
    .may(answers(3, "yn"))
}

/// A request from within an application: it goes last, and its windows never count against it.
pub(crate) fn requester() -> Session {
    let from = |n| Request {
        requester: vec![app(n)],
        ..Request::default()
    };
    Session::new(
        "requester",
        [
            window(1, app(1)),
            register(1, 1, early()),
            window(2, app(2)),
            hosted(2, 1),
            seen(3, app(3), unsaved()),
        ],
    )
    .may([ask(from(1)), ask(from(3))])
    .may([gone(1), exited(1), exited(2), gone(3), exited(3)])
    .may(answers(1, "yn"))
    .may([job(1, 1), job_gone(1), end_all()])
}

/// Every kind of request, joined by every other, over one client each that votes, that has a
/// window, and that ends by SIGTERM.
pub(crate) fn requests() -> Session {
    let forced = |force| Request {
        force,
        ..Request::default()
    };
    Session::new(
        "requests",
        [
            register(1, 1, early()),
            window(2, app(2)),
            ruled(app(3), by_term()),
            window(3, app(3)),
        ],
    )
    .may([
        ask(forced(Force::Now)),
        ask(forced(Force::IfHung)),
        ask(forced(Force::After(9))),
        ask(Request {
            timeout: Some(9),
            ..Request::default()
        }),
    ])
    .may([stopped(1), gone(2), gone(3)])
    .may(answers(1, "yn"))
}

/// Nobody is there to choose, in every way in which a request can be without anybody, and joined
/// by one that has somebody.
pub(crate) fn unattended() -> Session {
    let alone = |force, timeout| {
        ask(Request {
            unattended: true,
            force,
            timeout,
            ..Request::default()
        })
    };
    Session::new(
        "unattended",
        [register(1, 1, early()), window(2, app(2)), inhibit(3, 3)],
    )
    .may([
        alone(Force::No, Some(9)),
        alone(Force::IfHung, None),
        alone(Force::After(9), None),
    ])
    .may([pong(1), stopped(1), stopped(2), gone(2), release(3)])
    .may(answers(1, "yna"))
}

/// Viewers, a locked screen and nobody at all, while three applications block in three ways.
pub(crate) fn viewers() -> Session {
    Session::new(
        "viewers",
        [register(1, 1, early()), window(2, app(2)), inhibit(3, 3)],
    )
    .may([
        ask(Request {
            confirm: true,
            ..Request::default()
        }),
        ask(Request {
            confirm: true,
            force: Force::Now,
            ..Request::default()
        }),
        ask(Request {
            confirm: true,
            force: Force::After(9),
            ..Request::default()
        }),
        Op::Choose(Choice::Confirm),
    ])
    .may([
        Op::Event(Event::ViewerCame),
        Op::Event(Event::ViewerLeft),
        Op::Event(Event::Locked(true)),
        Op::Event(Event::Locked(false)),
    ])
    .may(answers(1, "yna"))
    .may([pong(1), gone(2), release(3), end_all(), ask_again()])
}

/// An end that nobody can refuse, at any moment of a vote, called off at any moment.
pub(crate) fn imposed_votes() -> Session {
    let setup = [register(2, 2, late()), inhibit(3, 3), window(3, app(3))];
    Session::new("imposed votes", setup)
        .may([
            Op::Event(Event::Imposed(1000)),
            Op::Event(Event::Imposed(100)),
            Op::Event(Event::Restored),
            Op::Event(Event::BusLost),
        ])
        .may([register(1, 1, early()), leave(1)])
        .may(answers(1, "yna"))
        .may(answers(2, "y"))
        .may([release(3), gone(3), end_all()])
}

/// An imposed end over windows that are being closed, and over one that is ended alone.
pub(crate) fn imposed_windows() -> Session {
    Session::new(
        "imposed windows",
        [window(1, app(1)), window(2, tray()), register(3, 3, late())],
    )
    .may([Op::Event(Event::Imposed(100)), Op::Event(Event::Restored)])
    .may([gone(1), exited(1), end_one(1)])
    .may([gone(2), window(2, tray())])
    .may([Op::Choose(Choice::EndOne(tray()))])
    .may(answers(3, "yn"))
}

/// An application that a rule says to ignore, from the beginning or from any moment on, beside one
/// that is asked.
pub(crate) fn ignoring() -> Session {
    Session::new(
        "ignoring",
        [
            ruled(app(1), ignored()),
            register(1, 1, early()),
            window(1, app(1)),
            window(2, app(2)),
        ],
    )
    .may([ruled(app(1), Rule::default()), ruled(app(1), ignored())])
    .may(answers(1, "yn"))
    .may([gone(1), exited(1), gone(2), end_one(1)])
}

/// One that is ignored, that holds the session open, and that was started from within another.
pub(crate) fn ignored_guests() -> Session {
    let setup = [ruled(app(1), ignored()), window(1, app(1)), inhibit(1, 1)];
    Session::new(
        "ignored guests",
        setup.into_iter().chain([window(3, app(3)), hosted(1, 3)]),
    )
    .may([ruled(app(1), Rule::default()), ruled(app(1), ignored())])
    .may([
        gone(1),
        exited(1),
        gone(3),
        exited(3),
        release(1),
        end_all(),
    ])
}

/// The same in an end that nobody can refuse.
pub(crate) fn ignoring_imposed() -> Session {
    Session::new(
        "ignoring, imposed",
        [
            ruled(app(1), ignored()),
            register(1, 1, late()),
            window(1, app(1)),
            window(2, app(2)),
        ],
    )
    .may([ruled(app(1), Rule::default()), ruled(app(1), ignored())])
    .may([Op::Event(Event::Imposed(100)), Op::Event(Event::Restored)])
    .may(answers(1, "yw"))
    .may([gone(1), exited(1), gone(2), exited(2), end_one(1)])
}

/// Applications whose no a rule overrides, beside one whose no counts; with nobody there too.
pub(crate) fn anyway() -> Session {
    let alone = Request {
        unattended: true,
        ..Request::default()
    };
    Session::new(
        "anyway",
        [
            ruled(app(1), end_anyway()),
            register(1, 1, early()),
            window(1, app(1)),
            register(2, 2, early()),
        ],
    )
    .may([ask(alone), ruled(app(2), end_anyway())])
    .may(answers(1, "ynua"))
    .may(answers(2, "yn"))
    .may([inhibit(1, 1), release(1), gone(1), exited(1), stopped(1)])
    .may([seen(3, app(1), dialog()), gone(3)])
}

/// A hook that is asked beside an application, leaves when it has agreed, and may be ended alone.
pub(crate) fn hooks() -> Session {
    let asked = Op::Event(Event::Registered {
        voter: VoterId(1),
        of: hook(),
        name: "10-backup".into(),
        round: early(),
    });
    let alone = Request {
        unattended: true,
        ..Request::default()
    };
    Session::new("hooks", [asked, register(2, 2, late())])
        .may([ask(alone), leave(1), Op::Choose(Choice::EndOne(hook()))])
        .may(answers(1, "yn"))
        .may(answers(2, "y"))
        .may([ask_again(), end_all(), Op::Event(Event::Imposed(100))])
}

fn of_kind(kind: Kind) -> Request {
    Request {
        kind,
        ..Request::default()
    }
}

fn leave_for(kind: Kind) -> [Op; 2] {
    [Ok(()), Err("no".to_owned())].map(|word| Op::Event(Event::Authorized(kind, word)))
}

/// Ends that have to be permitted first, joined by one another, over a client that votes and a
/// window that stays.
pub(crate) fn leave_to_power_off() -> Session {
    Session::new("leave", [register(1, 1, early()), window(2, app(2))])
        .may([ask(of_kind(Kind::Restart)), ask(of_kind(Kind::PowerOff))])
        .may([
            ask(Request {
                confirm: true,
                timeout: Some(9),
                ..of_kind(Kind::PowerOff)
            }),
            Op::Choose(Choice::Confirm),
        ])
        .may(leave_for(Kind::Restart))
        .may(leave_for(Kind::PowerOff))
        .may(answers(1, "yn"))
        .may([gone(2), exited(2), end_one(2), Op::Event(Event::BusLost)])
}

/// The same by force, at once and after a while, with nobody there, and in an imposed end.
pub(crate) fn leave_by_force() -> Session {
    let by = |confirm, force| {
        ask(Request {
            confirm,
            force,
            ..of_kind(Kind::PowerOff)
        })
    };
    Session::new(
        "leave by force",
        [register(1, 1, early()), inhibit(2, 2), window(2, app(2))],
    )
    .may([
        by(false, Force::Now),
        by(true, Force::Now),
        by(true, Force::After(9)),
        ask(Request {
            unattended: true,
            ..of_kind(Kind::PowerOff)
        }),
        Op::Choose(Choice::Confirm),
        end_all(),
    ])
    .may(leave_for(Kind::PowerOff))
    .may(answers(1, "yn"))
    .may([release(2), gone(2), Op::Event(Event::Imposed(100))])
}

/// A machine that goes down with the session, by our request or by another's, and one whose end
/// is called off, at any moment.
pub(crate) fn goes_down() -> Session {
    Session::new("goes down", [register(1, 1, early()), window(2, app(2))])
        .may([ask(of_kind(Kind::PowerOff))])
        .may(leave_for(Kind::PowerOff))
        .may([
            Op::Event(Event::GoesDown(9)),
            Op::Event(Event::Imposed(100)),
            Op::Event(Event::Restored),
        ])
        .may(answers(1, "y"))
        .may([gone(2), exited(2), exited(1), window(2, app(2))])
}
