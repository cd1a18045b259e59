//! Which programs in a terminal are no work: shells that wait, what only shows, what only carries
//! another program. Pure.

use std::collections::BTreeSet;

use crate::config;
use crate::process::Stat;

/// Shells, which wait for their user when they have no script to run.
const SHELLS: [&str; 15] = [
    "sh", "bash", "rbash", "dash", "ash", "busybox", "zsh", "fish", "ksh", "ksh93", "mksh", "tcsh",
    "csh", "nu", "elvish",
];

/// Pagers, monitors and readers of logs: they show what is elsewhere, and lose nothing. And the agent that asks for a password in a terminal: it is there for
/// the very request that it would hold up.
const SHOWS: [&str; 31] = [
    "less",
    "more",
    "most",
    "lv",
    "man",
    "info",
    "pinfo",
    "apropos",
    "top",
    "htop",
    "btop",
    "bpytop",
    "btm",
    "atop",
    "glances",
    "nvtop",
    "radeontop",
    "intel_gpu_top",
    "powertop",
    "iotop",
    "iftop",
    "nethogs",
    "nload",
    "bmon",
    "vmstat",
    "iostat",
    "watch",
    "tail",
    "journalctl",
    "dmesg",
    "pkttyagent",
];

/// Pagers, as far as another program may wait for one that it started itself.
const PAGERS: [&str; 4] = ["less", "more", "most", "lv"];

/// Programs that show by a pager of their own, and wait for it.
const PAGES: [&str; 14] = [
    "git",
    "hg",
    "man",
    "systemctl",
    "loginctl",
    "machinectl",
    "networkctl",
    "resolvectl",
    "timedatectl",
    "coredumpctl",
    "busctl",
    "bat",
    "delta",
    "gh",
];

/// Programs that another one is run by: what that does is what counts.
const CARRIES: [&str; 20] = [
    "sudo", "su", "doas", "pkexec", "run0", "login", "newgrp", "sg", "script", "env", "nice",
    "time", "timeout", "unshare", "nsenter", "chroot", "bwrap", "firejail", "fakeroot", "runuser",
];

/// Log-ins on other machines.
const REMOTE: [&str; 4] = ["ssh", "mosh", "mosh-client", "telnet"];

/// The options of ssh(1) that take a word after them.
const SSH_TAKES: &str = "BbcDEeFIiJLlmOoPpQRSWw";

/// What a process in a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its end would lose something.
    Work,
    /// It waits, or shows.
    Nothing,
    /// A pager.
    Pager,
    /// Nothing while a pager that it started runs, else work.
    Pages,
    /// Nothing while it has a child, else work.
    Carries,
}

/// Which programs count, as built in and as configured.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    ignore: BTreeSet<String>,
    count: BTreeSet<String>,
}

impl Programs {
    /// The built-in ones, and what the configuration says besides.
    #[must_use]
    pub fn new(configured: &config::Jobs) -> Self {
        let set = |list: &Option<Vec<String>>| list.iter().flatten().cloned().collect();
        Self {
            ignore: set(&configured.ignore),
            count: set(&configured.count),
        }
    }

    /// What a process is, by its name in the kernel and by the name that it was started under: of a
    /// script the first is the script's.
    pub(super) fn part(&self, stat: &Stat, arguments: &[String]) -> Part {
        let name = name(stat, arguments);
        let is_in = |list: &BTreeSet<String>| list.contains(name) || list.contains(&stat.comm);
        if is_in(&self.count) {
            return Part::Work;
        }
        if is_in(&self.ignore) || is_idle_shell(name, arguments) || is_client(stat) {
            return Part::Nothing;
        }
        let is = |list: &[&str]| list.contains(&name) || list.contains(&stat.comm.as_str());
        if is(&PAGERS) {
            Part::Pager
        } else if is(&PAGES) {
            Part::Pages
        } else if is(&SHOWS) || (is(&REMOTE) && is_log_in(name, arguments)) {
            Part::Nothing
        } else if is(&CARRIES) {
            Part::Carries
        } else {
            Part::Work
        }
    }
}

/// What a program was started as, without its directories and a log-in's dash.
fn name<'a>(stat: &'a Stat, arguments: &'a [String]) -> &'a str {
    let name = arguments.first().map_or(stat.comm.as_str(), String::as_str);
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.trim_start_matches('-');
    if name.is_empty() { &stat.comm } else { name }
}

/// Shows what runs in a multiplexer's server.
fn is_client(stat: &Stat) -> bool {
    stat.comm == "tmux: client" || (stat.comm == "screen" && stat.tty != 0)
}

/// A shell that waits for its user: interactive, with neither a script nor a command to run.
fn is_idle_shell(name: &str, arguments: &[String]) -> bool {
    if !SHELLS.contains(&name) {
        return false;
    }
    let mut rest = arguments.iter().skip(1);
    if name == "busybox" {
        rest.next();
    }
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            // Options that take a file and still leave the shell interactive.
            "--rcfile" | "--init-file" | "-o" | "+o" | "-O" | "+O" | "--config" | "-C"
            | "--init-command" => {
                rest.next();
            }
            // A command or script is what it was started for.
            long if long.starts_with("--") => {
                if long.starts_with("--command") || long == "--commands" {
                    return false;
                }
            }
            short if short.starts_with('-') || short.starts_with('+') => {
                if short.contains('c') {
                    return false;
                }
            }
            _ => return false,
        }
    }
    true
}

/// Whether it only logs in: a shell on another machine waits there as one does here, and with a
/// command of its own it works.
fn is_log_in(name: &str, arguments: &[String]) -> bool {
    if name != "ssh" {
        return true;
    }
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        let Some(options) = argument.strip_prefix('-') else {
            // The host, and what is run there.
            return rest.next().is_none();
        };
        // The first of these ends the word, and has its own value in it or after it.
        if let Some(at) = options.find(|c| SSH_TAKES.contains(c))
            && at + 1 == options.len()
        {
            rest.next();
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_by(programs: &Programs, command: &str) -> Part {
        let arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        programs.part(&Stat::default(), &arguments)
    }

    fn part(command: &str) -> Part {
        part_by(&Programs::default(), command)
    }

    #[test]
    fn a_shell_without_a_script_is_idle() {
        for shell in [
            "-bash",
            "/bin/bash",
            "bash -i",
            "bash --login",
            "zsh -l",
            "fish",
            "sh -i",
            "bash --rcfile x",
        ] {
            assert_eq!(part(shell), Part::Nothing, "{shell}");
        }
    }

    #[test]
    fn a_shell_with_work_is_a_job() {
        for job in [
            "sh -c make",
            "bash build.sh",
            "bash -lc make",
            "vim report.txt",
            "dash -ec x",
            "python3",
        ] {
            assert_eq!(part(job), Part::Work, "{job}");
        }
    }

    #[test]
    fn what_only_shows_is_none() {
        for shows in ["htop", "/usr/bin/top -d 1", "tail -f log", "journalctl -f"] {
            assert_eq!(part(shows), Part::Nothing, "{shows}");
        }
        assert_eq!(part("less x"), Part::Pager);
        assert_eq!(part("git log"), Part::Pages);
        assert_eq!(part("sudo make"), Part::Carries);
    }

    #[test]
    fn a_log_in_elsewhere_is_none_and_a_command_there_is() {
        for login in [
            "ssh host",
            "ssh -p 22 me@host",
            "ssh -vp 22 host",
            "ssh -p22 -A host",
            "mosh host",
        ] {
            assert_eq!(part(login), Part::Nothing, "{login}");
        }
        for work in ["ssh host make", "ssh -p 22 host tar c .", "rsync a b:"] {
            assert_eq!(part(work), Part::Work, "{work}");
        }
    }

    #[test]
    fn the_configuration_says_of_each_program_whether_it_counts() {
        let list = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
        let programs = Programs::new(&config::Jobs {
            ignore: list(&["cmus", "bash", "backup.sh"]),
            count: list(&["ssh", "less"]),
        });
        assert_eq!(part_by(&programs, "cmus x"), Part::Nothing);
        assert_eq!(part_by(&programs, "ssh host"), Part::Work);
        assert_eq!(part_by(&programs, "less"), Part::Work);
        // A script by its own name, which the kernel has, and not by its interpreter's alone.
        let script = Stat {
            comm: "backup.sh".to_owned(),
            ..Stat::default()
        };
        let arguments = ["/bin/dash".to_owned(), "/opt/backup.sh".to_owned()];
        assert_eq!(programs.part(&script, &arguments), Part::Nothing);
        assert_eq!(Programs::default().part(&script, &arguments), Part::Work);
    }
}
