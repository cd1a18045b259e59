//! The command line: the one definition behind help, man page and completions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use endsession_manager::config::parse_duration;

use crate::exit::{Exit, Failure, Result};
pub(crate) use crate::options::Ask;
use crate::options::Hold;

const EXIT_STATUS: &str = "Exit status: 0 ended (or under way, once nothing can stop it), 1 refused or cancelled, \
                           2 wrong usage or configuration, or a machine that cannot, 3 no session or no manager to talk to.";

const POWER: &str = "Whether it is permitted is settled before anybody is asked: polkit may want a password. Programs \
                     that hold a shutdown up (systemd-inhibit --list) are shown like applications that do.\n\n\
                     Exit status: 0 ended (or under way, once nothing can stop it), 1 refused, not permitted or \
                     cancelled, 2 wrong usage or a machine that cannot, 3 no session or no manager to talk to.";

const HOLD: &str = "It holds for as long as COMMAND itself runs, however that ends. Whoever ends the session sees COMMAND's name and \
                    TEXT, and may end it all the same: COMMAND gets SIGTERM then. What cannot be held up here is said, and COMMAND \
                    runs all the same. Signals that are sent to this program are passed on to COMMAND.\n\n\
                    Exit status: COMMAND's own, or 128 and the number of the signal that ended it; 127 COMMAND was not found, \
                    126 it could not be started, 2 wrong usage, 3 no way to hold as ENDSESSION_BACKEND says.";

/// Ends your session the way it should end: every application is asked, the user decides, nothing
/// is lost.
#[derive(Debug, Parser)]
#[command(name = "endsession", version, after_help = EXIT_STATUS, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log off: ask every application, then end the session
    ///
    /// Where another session manager owns the session (GNOME, MATE, Cinnamon, KDE Plasma, Xfce, LXQt, COSMIC), that
    /// one is asked, and what became of it is told. An option that it cannot keep is refused before anybody is
    /// asked.
    #[command(after_help = EXIT_STATUS)]
    Logoff(Logoff),
    /// Restart the machine: ask every application first, as for a log-off
    #[command(after_help = POWER)]
    Restart(Logoff),
    /// Power the machine off: ask every application first, as for a log-off
    #[command(after_help = POWER)]
    Poweroff(Logoff),
    /// Show who is asked, who holds the session open, and what is under way
    Status(Status),
    /// Print every change, one a line, until interrupted
    Watch(Status),
    /// Cancel the log-off, restart or power-off under way
    Cancel(At),
    /// Answer the log-off, restart or power-off under way, as in its window
    #[command(after_help = CHOICES)]
    Choose(Choose),
    /// Start a session: a bus if there is none, the manager, then COMMAND; ends last of all
    #[command(
        after_help = "COMMAND finds the session in DBUS_SESSION_BUS_ADDRESS, SESSION_MANAGER and ICEAUTHORITY.\n\n\
                            Exit status: 0 after an ordered log-off, else COMMAND's own; 128 and the signal's number \
                            where a signal ended it; 2 and 3 as for every command."
    )]
    Run(Run),
    /// Manage a session that something else started
    #[command(
        after_help = "Programs that D-Bus and systemd start from then on find it in SESSION_MANAGER and ICEAUTHORITY.\n\n\
                      It ends the compositor or window manager behind WAYLAND_DISPLAY, SWAYSOCK or DISPLAY last of all. \
                      Where that is not what it looks like, ENDSESSION_COMPOSITOR or the configuration says what it \
                      is: sway, i3, hyprland, niri, labwc, river, wayfire, openbox, x11, wayland, or process for \
                      SIGTERM to whatever it is.\n\n\
                      As a service of systemd (endsession.service) it says when it is ready, and stopping or \
                      restarting that alone ends no session.\n\n\
                      Exit status of --check: 0 the session needs a manager, 1 it has one, 3 no session bus."
    )]
    Manager(ManagerOptions),
    /// The manager of one request, where the session has none
    #[command(hide = true)]
    OneRequest(OneRequest),
    /// Runs a command as the user of a session
    #[command(hide = true)]
    Inside(Inside),
    /// Show a menu of the ways to end this session: log off, restart, power off, as far as it can
    #[command(after_help = EXIT_STATUS)]
    Menu,
    /// Ask the user a question with Yes and No, in a window or else at the terminal
    #[command(
        after_help = "Exit status: 0 for Yes, 1 for No or a closed window, 2 wrong usage, 3 neither a display nor a \
                      terminal to ask on."
    )]
    Ask(Ask),
    /// Hold the session open while a command runs, or list who holds it
    #[command(after_help = HOLD)]
    Hold(HoldOptions),
    #[command(hide = true)]
    Dialog,
    /// What the configuration says
    Config(ConfigOptions),
    /// See it work, with no desktop at all: three small applications are asked
    Demo(Demo),
    #[command(hide = true)]
    DemoApp(DemoApp),
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// As JSON, in the shape that docs/json.md describes
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which session, where it is not the one around us.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct At {
    /// In this login session, as `loginctl` counts them: one of yours, as root anybody's
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// In the session on this display, as in :1 or wayland-1: one of yours, as root anybody's
    #[arg(long, value_name = "NAME", conflicts_with = "session")]
    pub(crate) display: Option<String>,
    /// One of these two led here: whoever typed it is not the session's user at its screen
    #[arg(long, hide = true)]
    pub(crate) from_elsewhere: bool,
}

impl At {
    /// Whether another session is named.
    pub(crate) fn is_named(&self) -> bool {
        self.session.is_some() || self.display.is_some()
    }
}

impl Command {
    /// Which session it is for, where it can be for another.
    pub(crate) fn at(&self) -> Option<&At> {
        match self {
            Self::Logoff(options) | Self::Restart(options) | Self::Poweroff(options) => {
                Some(&options.at)
            }
            Self::Status(options) | Self::Watch(options) => Some(&options.at),
            Self::Cancel(at) => Some(at),
            Self::Choose(options) => Some(&options.at),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct HoldOptions {
    /// List what is held now, by whom and why, and hold nothing
    #[arg(long, conflicts_with_all = ["why", "command"])]
    pub(crate) list: bool,
    /// The list as JSON: an array, as `holds` of `status --json`
    #[arg(long, requires = "list")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) hold: Hold,
}

#[derive(Debug, Args)]
pub(crate) struct OneRequest {
    /// The configuration, instead of ~/.config/endsession/config.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inside {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    #[arg(last = true)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Logoff {
    /// Ask the user first whether to begin at all
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Ask nobody; everybody still has their time to end
    #[arg(long, conflicts_with_all = ["force_if_hung", "force_after", "confirm"])]
    pub(crate) force: bool,
    /// End what is not responding without asking the user
    #[arg(long, conflicts_with = "force_after")]
    pub(crate) force_if_hung: bool,
    /// After DURATION end everything that still blocks (for kiosks and reboot scripts)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) force_after: Option<Duration>,
    /// Why, to be shown to the user
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Cancel if the session has not ended after DURATION, as in 90s or 2m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Ask the user nothing: whatever blocks cancels at once, and is listed
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) no_dialog: bool,
    /// Print the outcome as JSON, in the shape that docs/json.md describes
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

const CHOICES: &str = "end-one and end-all lose what the applications have not saved.\n\n\
                       Exit status: 0 taken, 1 not open now or no such application, 2 wrong usage, 3 no session or \
                       no manager to talk to.";

#[derive(Debug, Args)]
pub(crate) struct Choose {
    /// The answer
    #[arg(value_enum)]
    pub(crate) choice: Choice,
    /// The application: its id or pid as `endsession status` shows them, or its name where that is the only one
    pub(crate) application: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// The user's word, as `Choose` of the control interface takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// Yes, begin (after --confirm)
    Confirm,
    /// No: the session goes on
    Cancel,
    /// End APPLICATION now, whatever becomes of the request
    EndOne,
    /// End all that hold the session open, and all that will
    EndAll,
    /// Ask APPLICATION again, or all that hold the session open
    AskAgain,
    /// Show the window of APPLICATION
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The configuration, instead of ~/.config/endsession/config.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What is the session: a compositor, a window manager, an application
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ManagerOptions {
    /// The configuration, instead of ~/.config/endsession/config.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only say whether this session needs a manager, or has one or brings its own
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong in the configuration and where, what each rule does, and which values hold
    #[command(
        after_help = "Without FILE: ~/.config/endsession/config.toml, and below it endsession/config.toml in each of \
                      XDG_CONFIG_DIRS (/etc/xdg).\n\nExit status: 0 all is right, 2 something is wrong."
    )]
    Check {
        /// This file alone
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Answer "End the session?" with Yes, and end what hangs
    #[arg(long, conflicts_with = "no")]
    pub(crate) yes: bool,
    /// Answer "End the session?" with No
    #[arg(long)]
    pub(crate) no: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoApp {
    #[arg(value_enum)]
    pub(crate) manner: Manner,
    /// It has a display to ask on
    #[arg(long)]
    pub(crate) window: bool,
}

/// The demo's applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Manner {
    /// Agrees at once.
    Clock,
    /// Has unsaved work and asks "End the session?".
    Editor,
    /// Hangs.
    Player,
}

/// Prints completions to stdout.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    // The generator itself panics where it cannot write: a buffer always can be written to.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "endsession", &mut text);
    print(&text, "the completions")
}

/// Prints the manual page to stdout.
pub(crate) fn man() -> Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|e| Failure::io("cannot write the manual page", e))?;
    print(&page, "the manual page")
}

/// Writes to stdout. A reader that has gone is no error.
fn print(text: &[u8], what: &str) -> Result<Exit> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io(format!("cannot write {what}"), e))
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_duration_is_wrong_usage_and_says_what_is_right() {
        let error = Cli::try_parse_from(["endsession", "logoff", "--timeout", "soon"]).unwrap_err();
        assert!(error.to_string().contains("30s"), "{error}");
    }

    #[test]
    fn what_follows_run_is_the_commands_own() {
        let cli =
            Cli::try_parse_from(["endsession", "run", "--", "sway", "-c", "x", "--json"]).unwrap();
        let Command::Run(run) = cli.command else {
            panic!("{cli:?}")
        };
        assert_eq!(run.command, ["sway", "-c", "x", "--json"]);
    }
}
