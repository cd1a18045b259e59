//! What a process costs, read from /proc: for benchmarks and records. A test must not fail for it,
//! because none of it is the same on another machine.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{measure, session::Sandbox};
//!
//! let dialog = Sandbox::new().spawn(["endsession", "menu"]);
//! println!("{} kB, {} threads", measure::pss_kb(dialog.pid()), measure::threads(dialog.pid()));
//! let idle = measure::over(dialog.pid(), Duration::from_secs(5));
//! println!("woken up {} times, {:?} of CPU", idle.wakeups, idle.cpu);
//! ```

use std::{fs, time::Duration};

/// What a process did in a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// How often one of its threads went to sleep and so had been awake: voluntary context switches.
    pub wakeups: u64,
    /// How often one of its threads was made to wait for others: involuntary context switches.
    pub preempted: u64,
    /// The time that its threads ran, in the program and in the kernel.
    pub cpu: Duration,
}

/// The memory of process `pid` in kB, with what it shares divided among those who share it.
///
/// # Panics
/// When there is no such process, or it may not be read.
#[track_caller]
pub fn pss_kb(pid: u32) -> u64 {
    number(&read(pid, "smaps_rollup"), "Pss:")
}

/// The memory of process `pid` in kB that is its alone.
///
/// # Panics
/// When there is no such process, or it may not be read.
#[track_caller]
pub fn private_kb(pid: u32) -> u64 {
    let text = read(pid, "smaps_rollup");
    number(&text, "Private_Clean:") + number(&text, "Private_Dirty:")
}

/// How many threads process `pid` has.
///
/// # Panics
/// When there is no such process.
#[track_caller]
pub fn threads(pid: u32) -> u64 {
    number(&read(pid, "status"), "Threads:")
}

/// What the threads of process `pid` did so far. Those that have ended are not counted.
///
/// # Panics
/// When there is no such process.
#[track_caller]
pub fn activity(pid: u32) -> Activity {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.unwrap_or_else(|error| panic!("process {pid}: {error}"));
    let mut sum = Activity::default();
    for task in tasks.flatten() {
        // A thread may end while it is read.
        let Ok(status) = fs::read_to_string(task.path().join("status")) else {
            continue;
        };
        let times = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = times.split(' ').next().and_then(|word| word.parse().ok());
        sum.wakeups += number(&status, "voluntary_ctxt_switches:");
        sum.preempted += number(&status, "nonvoluntary_ctxt_switches:");
        sum.cpu += Duration::from_nanos(nanoseconds.unwrap_or_default());
    }
    sum
}

/// What the threads of process `pid` do from now on for `window`. This is the one place that lets time
/// pass: nothing is awaited in it.
///
/// # Panics
/// When there is no such process.
#[track_caller]
pub fn over(pid: u32, window: Duration) -> Activity {
    let before = activity(pid);
    std::thread::sleep(window);
    let after = activity(pid);
    Activity {
        wakeups: after.wakeups.saturating_sub(before.wakeups),
        preempted: after.preempted.saturating_sub(before.preempted),
        cpu: after.cpu.saturating_sub(before.cpu),
    }
}

#[track_caller]
fn read(pid: u32, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The number in the line of `text` that begins with `key`; 0 where there is none.
fn number(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    let word = value.and_then(|value| value.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}
