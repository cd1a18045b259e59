//! `endsession demo`: the seed's own story with no desktop at all. A bus of our own, the real
//! manager, and three applications: one agrees, one has unsaved work and asks "End the session?",
//! one hangs.

pub(crate) mod app;

use std::collections::{HashMap, VecDeque};
use std::process::Stdio;

use endsession_manager::backend::Backend;
use endsession_manager::config::{Config, Deadlines};
use endsession_manager::report::News;
use endsession_manager::{Manager, Options};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use zbus::Variant;

use crate::args::Demo;
use crate::control::Control;
use crate::exit::{Exit, Failure, Result};
use crate::show;
use crate::terminal::Terminal;

/// Runs the story.
pub(crate) async fn run(options: Demo) -> Result<Exit> {
    let bus = crate::bus::Embedded::start()?;
    // A demo is watched by somebody: what takes half a minute on a desktop takes seconds here.
    let deadlines = Deadlines {
        slow: Some(1_000),
        not_responding: Some(3_000),
        forced: Some(1_000),
        ..Deadlines::default()
    };
    let manager = Manager::start(Options {
        bus_address: bus.address().to_owned(),
        config: Config {
            deadlines,
            ..Config::default()
        },
        // Whoever only watches is not to be asked.
        dialog: (display_is_there() && Player::of(&options) == Player::User)
            .then(crate::manager::dialog),
    })
    .await?;
    let local = tokio::task::LocalSet::new();
    let story = async {
        let manager = tokio::task::spawn_local(manager.with_backend(Backend::Nothing).run());
        let told = Story::begin(bus.address(), &options).await?.tell().await;
        manager.abort();
        told
    };
    local.run_until(story).await
}

/// How the user's part is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Player {
    /// By the user at the terminal.
    User,
    /// By the demo itself: this answer, and whatever hangs is ended.
    Script { yes: bool },
}

impl Player {
    fn of(options: &Demo) -> Self {
        let somebody = crate::terminal::is_there() || display_is_there();
        if options.yes || options.no || !somebody {
            Self::Script { yes: !options.no }
        } else {
            Self::User
        }
    }
}

struct Story {
    control: Control,
    clock: Child,
    editor: Child,
    player: Child,
    editor_says: Lines<BufReader<ChildStdout>>,
    editor_hears: ChildStdin,
    editor_is_silent: bool,
    terminal: Option<Terminal>,
    part: Player,
    /// The user is being asked this.
    question: Option<Question>,
    keys: VecDeque<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    EndTheSession,
    Hangs { id: String, name: String },
}

impl Story {
    async fn begin(address: &str, options: &Demo) -> Result<Self> {
        let display = display_is_there();
        let part = Player::of(options);
        show::line(
            "A session with three applications: a clock, an editor with unsaved text, a player that will hang.",
        );
        let control = Control::connect_to(address).await?;
        control.watch().await?;
        let (clock, _, _) = start(address, "clock", false).await?;
        let (editor, editor_says, editor_hears) =
            start(address, "editor", display && part == Player::User).await?;
        let (player, _, _) = start(address, "player", false).await?;
        let terminal = match part {
            Player::User => Terminal::open().ok(),
            Player::Script { .. } => None,
        };
        // On a display the manager shows its dialog; the terminal takes the same answers.
        if terminal.is_some() && !display {
            control.show().await?;
        }
        Ok(Self {
            control,
            clock,
            editor,
            player,
            editor_says,
            editor_hears,
            editor_is_silent: false,
            terminal,
            part,
            question: None,
            keys: VecDeque::new(),
        })
    }

    async fn tell(mut self) -> Result<Exit> {
        show::line(
            "Logging off: every application is asked, and nobody is ended before all have agreed.",
        );
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|e| Failure::io("cannot wait for signals", e))?;
        let (request, _) = self
            .control
            .request("logoff", HashMap::<&str, Variant<'_>>::new())
            .await?;
        loop {
            tokio::select! {
                event = self.control.next() => {
                    let Some((_, news)) = event else { return Err(Failure::ManagerLeft) };
                    let Some(news) = news else { continue };
                    if let News::Finished(f) = &news {
                        for line in show::finished(f) {
                            show::line(&line);
                        }
                        return Ok(self.end(f.outcome == "over"));
                    }
                    self.happened(request, &news).await?;
                }
                line = self.editor_says.next_line(), if !self.editor_is_silent => match line {
                    Ok(Some(line)) if line == "ask" => self.editor_asks().await,
                    Ok(Some(line)) if line == "ask-in-window" => {
                        show::line("  The editor has unsaved text. It asks in its window: \"End the session?\"");
                    }
                    Ok(Some(line)) if line == "saved" => show::line("  the editor saves its text"),
                    Ok(Some(_)) => {}
                    // It has ended; the manager tells that in its own words.
                    _ => self.editor_is_silent = true,
                },
                keys = crate::terminal::keys(self.terminal.as_ref()), if self.question.is_some() => {
                    let Some(keys) = keys else {
                        self.control.choose(request, "cancel", "").await?;
                        continue;
                    };
                    self.keys.extend(keys);
                    self.answer(request).await?;
                }
                Some(()) = interrupt.recv() => self.control.choose(request, "cancel", "").await?,
            }
        }
    }

    async fn happened(&mut self, request: u32, news: &News) -> Result<()> {
        let text = show::news(news);
        match news {
            News::Phase { .. } => show::line(&format!("{text}.")),
            News::Blocked(b) => {
                show::line(&format!("  {text}"));
                match self.part {
                    Player::Script { .. } => {
                        show::line(&format!(
                            "The user is told, and chooses: end {} alone.",
                            b.name
                        ));
                        self.control.choose(request, "end-one", &b.id).await?;
                    }
                    Player::User => {
                        let (id, name) = (b.id.clone(), b.name.clone());
                        show::line(&format!(
                            "The {name} hangs.  e: end it   w: keep waiting   c: cancel the log-off"
                        ));
                        self.question = Some(Question::Hangs { id, name });
                    }
                }
            }
            _ => show::line(&format!("  {text}")),
        }
        Ok(())
    }

    async fn editor_asks(&mut self) {
        show::line("  The editor has unsaved text. It asks: \"End the session?\"");
        match self.part {
            Player::Script { yes } => {
                show::line(if yes {
                    "  The user answers: Yes."
                } else {
                    "  The user answers: No."
                });
                self.tell_editor(yes).await;
            }
            Player::User => {
                show::line("  y: Yes   n: No");
                self.question = Some(Question::EndTheSession);
            }
        }
    }

    async fn answer(&mut self, request: u32) -> Result<()> {
        while let (Some(question), Some(key)) = (self.question.clone(), self.keys.pop_front()) {
            match (question, key) {
                (Question::EndTheSession, b'y' | b'Y' | b'n' | b'N') => {
                    self.question = None;
                    self.tell_editor(matches!(key, b'y' | b'Y')).await;
                }
                (Question::Hangs { id, .. }, b'e') => {
                    self.question = None;
                    self.control.choose(request, "end-one", &id).await?;
                }
                (Question::Hangs { name, .. }, b'w') => {
                    show::line(&format!("Waiting for the {name}; e ends it, c cancels."));
                }
                (_, b'c' | 0x1b) => {
                    self.question = None;
                    self.control.choose(request, "cancel", "").await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn tell_editor(&mut self, yes: bool) {
        let word: &[u8] = if yes { b"yes\n" } else { b"no\n" };
        // If it has crashed, the manager knows before we do.
        let _crashed = self.editor_hears.write_all(word).await;
    }

    /// Shows what is left, and ends it: after a No everything is still there.
    fn end(mut self, over: bool) -> Exit {
        let mut alive = Vec::new();
        for (name, child) in [
            ("clock", &mut self.clock),
            ("editor", &mut self.editor),
            ("player", &mut self.player),
        ] {
            if matches!(child.try_wait(), Ok(None)) {
                alive.push(name);
                let _gone_meanwhile = child.start_kill();
            }
        }
        match (over, alive.is_empty()) {
            (_, true) => show::line("No application is left."),
            (false, false) => show::line(&format!(
                "Still running, nothing lost: {}.",
                alive.join(", ")
            )),
            (true, false) => show::line(&format!("Left running: {}.", alive.join(", "))),
        }
        if over { Exit::Done } else { Exit::Refused }
    }
}

/// Whether the environment names a display to show windows on.
fn display_is_there() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    set("WAYLAND_DISPLAY") || set("DISPLAY")
}

type Started = (Child, Lines<BufReader<ChildStdout>>, ChildStdin);

/// Starts one application from our own program file and waits until it has registered.
async fn start(address: &str, manner: &str, window: bool) -> Result<Started> {
    let failed = |e| Failure::io(format!("cannot start the demo's {manner}"), e);
    // The already open program: a replaced file on disk would be another version.
    let mut child = Command::new("/proc/self/exe")
        .arg0("endsession")
        .args(["demo-app", manner])
        .args(window.then_some("--window"))
        .env("DBUS_SESSION_BUS_ADDRESS", address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C in the terminal is the user's word to the demo, not to its applications.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let (Some(out), Some(hears)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
    };
    let mut says = BufReader::new(out).lines();
    match says.next_line().await {
        Ok(Some(line)) if line == "ready" => Ok((child, says, hears)),
        Ok(_) => Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
        Err(e) => Err(failed(e)),
    }
}
