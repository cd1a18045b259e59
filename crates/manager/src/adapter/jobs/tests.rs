//! Jobs among processes that a test makes up.

use super::*;

const DEVICE: u64 = 0x8803;
const TERMINAL: u32 = 100;
const SHELL: u32 = 101;

/// Processes that are made up, each with its command line.
#[derive(Default)]
struct Desk {
    stats: BTreeMap<u32, (Stat, Vec<String>)>,
    applications: BTreeSet<u32>,
    requesters: BTreeSet<u32>,
    root: Option<u32>,
    fates: BTreeMap<u32, Fate>,
    configured: crate::config::Jobs,
}

/// foot with an idle shell in it.
fn foot() -> Desk {
    let mut desk = Desk::default();
    desk.add(TERMINAL, 1, TERMINAL, 0, "foot");
    desk.applications.insert(TERMINAL);
    desk.add(SHELL, TERMINAL, SHELL, DEVICE, "-bash");
    desk
}

impl Desk {
    /// Adds a process that leads its group; in a terminal its session is the shell's.
    fn add(&mut self, pid: u32, ppid: u32, session: u32, tty: u64, command: &str) -> &mut Stat {
        let arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let comm = arguments[0].trim_start_matches('-').chars().take(15);
        let stat = Stat {
            pid,
            comm: comm.collect(),
            state: 'S',
            ppid,
            pgrp: pid,
            session,
            tty,
            tpgid: if tty == 0 { -1 } else { i64::from(session) },
            start: u64::from(pid) * 10,
            ignores_hangup: false,
        };
        self.stats.remove(&pid);
        &mut self.stats.entry(pid).or_insert((stat, arguments)).0
    }

    /// Adds a job of the first terminal's shell.
    fn job(&mut self, pid: u32, command: &str) -> &mut Stat {
        self.add(pid, SHELL, SHELL, DEVICE, command)
    }

    fn foreground(&mut self, tty: u64, group: i64) {
        let stats = self.stats.values_mut().map(|(stat, _)| stat);
        stats
            .filter(|stat| stat.tty == tty)
            .for_each(|stat| stat.tpgid = group);
    }

    fn find(&self) -> Found {
        let table = Table::of(self.stats.values().map(|(stat, _)| stat.clone()));
        find(&Context {
            table: &table,
            root: self.root,
            applications: &self.applications,
            requesters: &self.requesters,
            programs: &Programs::new(&self.configured),
            inside: &|_| false,
            fate: &|s| self.fates.get(&s.pid).copied().unwrap_or(Fate::Survives),
            arguments: &|s| self.stats[&s.pid].1.clone(),
        })
    }

    fn told(&self) -> Vec<String> {
        let jobs = self.find().jobs.into_iter();
        jobs.map(|j| format!("{}: {}", j.name, j.what)).collect()
    }
}

#[test]
fn an_idle_shell_is_no_job_and_what_it_runs_is() {
    let mut desk = foot();
    assert_eq!(desk.told(), [""; 0]);
    desk.job(110, "/usr/bin/cargo build --release");
    desk.foreground(DEVICE, 110);
    assert_eq!(desk.told(), ["foot: cargo build --release"]);
    let job = &desk.find().jobs[0];
    assert_eq!((job.began, job.terminal.pid()), (1100, Some(TERMINAL)));
    assert_eq!(job.members.len(), 1);
}

#[test]
fn a_pipeline_is_called_by_its_first_program_while_that_runs() {
    let mut desk = foot();
    desk.job(110, "make");
    desk.job(111, "tee log").pgrp = 110;
    desk.job(112, "less").pgrp = 110;
    desk.foreground(DEVICE, 110);
    assert_eq!(desk.told(), ["foot: make"]);
    assert_eq!(
        desk.find().jobs[0].members.len(),
        2,
        "the pager is not waited for"
    );
    // A leader that has ended and was not waited for yet.
    desk.stats.get_mut(&110).unwrap().0.state = 'Z';
    assert_eq!(desk.told(), ["foot: tee log"]);
    desk.stats.remove(&111);
    assert_eq!(desk.told(), [""; 0]);
}

#[test]
fn background_and_stopped_jobs_are_work_too() {
    let mut desk = foot();
    desk.job(110, "make");
    assert_eq!(desk.told(), ["foot: make &"]);
    desk.job(120, "vim report.txt").state = 'T';
    assert_eq!(
        desk.told(),
        ["foot: 2 jobs (make &, vim report.txt (stopped))"]
    );
    desk.job(130, "cat");
    desk.foreground(DEVICE, 130);
    assert_eq!(
        desk.told(),
        ["foot: 3 jobs (cat, make &, vim report.txt (stopped))"]
    );
    desk.job(140, "gcc");
    assert!(
        desk.told()[0].starts_with("foot: 4 jobs (cat, "),
        "{:?}",
        desk.told()
    );
    assert!(desk.told()[0].ends_with(", …)"), "{:?}", desk.told());
}

#[test]
fn what_shows_by_a_pager_of_its_own_is_no_job() {
    let mut desk = foot();
    desk.job(110, "git log");
    desk.foreground(DEVICE, 110);
    assert_eq!(desk.told(), ["foot: git log"]);
    let pager = desk.add(111, 110, SHELL, DEVICE, "less");
    (pager.pgrp, pager.tpgid) = (110, 110);
    assert_eq!(desk.told(), [""; 0]);
}

#[test]
fn who_carries_another_program_is_judged_by_that() {
    let mut desk = foot();
    desk.job(110, "sudo make");
    desk.foreground(DEVICE, 110);
    // It waits for a password.
    assert_eq!(desk.told(), ["foot: sudo make"]);
    desk.add(111, 110, SHELL, DEVICE, "make").pgrp = 110;
    desk.foreground(DEVICE, 110);
    assert_eq!(desk.told(), ["foot: sudo make"]);
    desk.add(111, 110, SHELL, DEVICE, "htop").pgrp = 110;
    desk.foreground(DEVICE, 110);
    assert_eq!(desk.told(), [""; 0]);
    // `su -`: the shell inside takes the terminal.
    desk.add(111, 110, SHELL, DEVICE, "-bash");
    desk.foreground(DEVICE, 111);
    assert_eq!(desk.told(), [""; 0]);
}

#[test]
fn a_terminal_within_a_terminal_is_told_as_the_outer_ones() {
    const INNER: u64 = 0x8804;
    for (carrier, command) in [
        ("script", "make"),
        ("sudo make", "make"),
        ("expect", "make"),
    ] {
        let mut desk = foot();
        desk.job(110, carrier);
        desk.foreground(DEVICE, 110);
        desk.add(120, 110, 120, INNER, "-bash");
        assert_eq!(desk.told(), [""; 0], "{carrier}");
        desk.add(121, 120, 120, INNER, command);
        desk.foreground(INNER, 121);
        assert_eq!(desk.told(), ["foot: make"], "{carrier}");
        // Where another user's processes are hidden, what carries them is all there is to see.
        desk.stats.remove(&120);
        desk.stats.remove(&121);
        assert_eq!(desk.told().len(), 1, "{carrier}");
    }
}

#[test]
fn an_editor_waits_behind_the_shell_that_it_started() {
    let mut desk = foot();
    desk.job(110, "vim report.txt");
    desk.add(111, 110, SHELL, DEVICE, "bash");
    desk.foreground(DEVICE, 111);
    assert_eq!(desk.told(), ["foot: vim report.txt &"]);
}

#[test]
fn applications_and_the_requesters_terminal_are_none() {
    let mut desk = foot();
    desk.job(110, "mousepad");
    desk.applications.insert(110);
    assert_eq!(desk.told(), [""; 0]);
    desk.applications.remove(&110);
    assert_eq!(desk.told().len(), 1);
    desk.requesters.insert(SHELL);
    assert_eq!(desk.told(), [""; 0]);
}

#[test]
fn a_server_of_many_windows_has_one_job_a_terminal() {
    let mut desk = foot();
    desk.job(110, "make");
    desk.add(201, TERMINAL, 201, 0x8804, "bash");
    desk.add(210, 201, 201, 0x8804, "vim x");
    desk.foreground(0x8804, 210);
    let jobs = desk.find().jobs;
    let what: Vec<&str> = jobs.iter().map(|j| j.what.as_str()).collect();
    assert_eq!(what, ["make &", "vim x"]);
    assert_ne!(jobs[0].id, jobs[1].id);
    assert_eq!(jobs[0].terminal, jobs[1].terminal);
}

#[test]
fn terminals_of_one_number_in_two_namespaces_are_two() {
    let mut desk = foot();
    desk.job(110, "make");
    desk.foreground(DEVICE, 110);
    // In a container the same device number is another terminal, whose group has no number here.
    desk.add(301, 1, 301, DEVICE, "bash").tpgid = 0;
    assert_eq!(desk.told(), ["foot: make"]);
}

#[test]
fn a_multiplexer_holds_once_where_it_ends_and_is_listed_where_it_stays() {
    for (server, name) in [
        ("tmux: server", "tmux"),
        ("screen", "screen"),
        ("SCREEN", "screen"),
    ] {
        let mut desk = foot();
        // Its client shows it in a window of this session.
        desk.job(110, "tmux attach").comm = "tmux: client".to_owned();
        desk.foreground(DEVICE, 110);
        desk.add(200, 1, 200, 0, server).comm = server.to_owned();
        for (shell, tty, job) in [(201, 0x8804, "make"), (202, 0x8805, "vim x")] {
            desk.add(shell, 200, shell, tty, "-zsh");
            desk.add(shell + 10, shell, shell, tty, job);
            desk.foreground(tty, i64::from(shell + 10));
        }
        desk.fates.insert(200, Fate::Ends);
        assert_eq!(desk.told(), [format!("{name}: 2 jobs (make, vim x)")]);
        desk.fates.insert(200, Fate::Survives);
        let found = desk.find();
        assert_eq!((found.jobs.len(), found.survivors.len()), (0, 1));
        assert_eq!(found.survivors[0].what, "2 jobs (make, vim x)");
        desk.fates.insert(200, Fate::Unrelated);
        assert_eq!(desk.find(), Found::default());
    }
}

#[test]
fn a_multiplexer_that_the_session_was_started_in_is_none_of_it() {
    let mut desk = Desk::default();
    let own = std::process::id();
    desk.add(200, 1, 200, 0, "tmux: server");
    desk.add(201, 200, 201, 0x8804, "bash");
    desk.add(own, 201, 201, 0x8804, "endsession run");
    desk.add(202, 200, 202, 0x8805, "make");
    desk.fates.insert(200, Fate::Ends);
    assert_eq!(desk.find(), Found::default());
}

#[test]
fn a_job_under_nohup_holds_only_where_something_else_ends_it() {
    let mut desk = foot();
    desk.job(110, "make").ignores_hangup = true;
    let found = desk.find();
    assert_eq!((found.jobs.len(), found.survivors.len()), (0, 1));
    desk.fates.insert(110, Fate::Ends);
    assert_eq!(desk.told(), ["foot: make &"]);
}

#[test]
fn the_terminal_that_the_session_runs_in_has_foreground_jobs_alone() {
    let own = std::process::id();
    let mut desk = Desk {
        root: Some(own),
        ..Desk::default()
    };
    desk.add(90, 1, 90, DEVICE, "-sh");
    desk.add(own, 90, 90, DEVICE, "endsession run");
    desk.add(SHELL, own, 90, DEVICE, "bash");
    desk.foreground(DEVICE, i64::from(SHELL));
    assert_eq!(desk.told(), [""; 0]);
    let job = desk.add(110, SHELL, 90, DEVICE, "vim x");
    job.pgrp = 110;
    // What an X session leaves in the background of its terminal is no job.
    assert_eq!(desk.told(), [""; 0]);
    desk.foreground(DEVICE, 110);
    assert_eq!(desk.told(), ["pts/3: vim x"]);
    // Whatever is in one group with us is the session itself.
    desk.foreground(DEVICE, i64::from(own));
    assert_eq!(desk.told(), [""; 0]);
}

#[test]
fn a_terminal_without_a_foreground_is_looked_at_all_the_same() {
    // That of the last is a group that has just ended, and the shell takes the terminal next.
    for (none, told) in [
        (0, "foot: make"),
        (-1, "foot: make"),
        (4242, "foot: make &"),
    ] {
        let mut desk = foot();
        desk.job(110, "make");
        desk.foreground(DEVICE, none);
        assert_eq!(desk.told(), [told], "{none}");
        desk.stats.remove(&110);
        assert_eq!(desk.told(), [""; 0], "{none}");
    }
}

#[test]
fn what_may_not_be_read_is_called_by_its_name_in_the_kernel() {
    let mut desk = foot();
    desk.job(110, "secret --word");
    desk.stats.get_mut(&110).unwrap().1.clear();
    assert_eq!(desk.told(), ["foot: secret &"]);
}

#[test]
fn a_command_line_is_one_row_and_cut() {
    let mut desk = foot();
    desk.job(110, "x");
    let words = ["/bin/a\x1b[2Jb\n\u{202e}".to_owned(), "é".repeat(1 << 20)];
    desk.stats.get_mut(&110).unwrap().1 = words.to_vec();
    let what = &desk.find().jobs[0].what;
    assert!(what.len() < 250, "{}", what.len());
    assert!(!what.contains(char::is_control), "{what:?}");
    assert!(!what.contains('\u{202e}'), "{what:?}");
    assert!(what.contains("é"), "{what}");
}

#[test]
fn a_thousand_terminals_and_a_thousand_processes_in_one() {
    let mut desk = foot();
    for n in 0..1000 {
        let (shell, tty) = (10_000 + 2 * n, 0x10_0000 + u64::from(n));
        desk.add(shell, TERMINAL, shell, tty, "bash");
        desk.add(shell + 1, shell, shell, tty, "make");
        desk.foreground(tty, i64::from(shell + 1));
        desk.job(100_000 + n, "sleep 1").pgrp = 100_000;
    }
    let jobs = desk.find().jobs;
    assert_eq!(jobs.len(), 1001);
    assert!(jobs.iter().all(|j| j.members.len() <= MAX_MEMBERS));
}

#[test]
fn a_circle_of_parents_ends() {
    let mut desk = Desk::default();
    desk.add(10, 11, 10, 0x8804, "a");
    desk.add(11, 10, 11, 0x8805, "b");
    assert_eq!(desk.find(), Found::default());
}

#[test]
fn the_configuration_has_the_last_word() {
    let mut desk = foot();
    desk.job(110, "ssh host");
    assert_eq!(desk.told(), [""; 0]);
    desk.configured.count = Some(vec!["ssh".to_owned()]);
    assert_eq!(desk.told(), ["foot: ssh host &"]);
    desk.job(110, "cmus");
    desk.configured.ignore = Some(vec!["cmus".to_owned()]);
    assert_eq!(desk.told(), [""; 0]);
}
