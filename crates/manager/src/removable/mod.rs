//! Disks that may be taken away as soon as the session has ended: a log-off waits until what was
//! copied to them is there.
//!
//! Each is asked like an application. Its file systems are synced (syncfs(2)) by a process of its
//! own, since a dying stick can keep whoever waits for it from ever ending; within [`SLOW`] that
//! is an assent, later a hold that tells how far it is and goes by itself. Starts `sync` of
//! coreutils, reads `/proc` and `/sys`.

mod find;

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use endsession_core::{Answer, Event, Identity, InhibitorId, Round, VoterId};
use rustix::process::Pid;

use crate::manager::Manager;
use find::Disk;

/// How long it may take unnoticed.
const SLOW: Duration = Duration::from_millis(500);

/// How often a hold tells how far it is: nobody looks more often, and it stands for seconds.
const TELLS: Duration = Duration::from_secs(1);

/// Numbers of ours, apart from those of other voters, inhibitors and peers.
const NUMBERS: u64 = 1 << 60;

/// One disk of the request under way, or one that is still written to.
#[derive(Debug)]
struct Medium {
    number: u64,
    disk: Disk,
    voter: Option<VoterId>,
    /// It is to answer.
    asked: bool,
    inhibitor: Option<InhibitorId>,
    syncs: Option<Sync>,
}

#[derive(Debug)]
struct Sync {
    pid: u32,
    /// What had been written before.
    before: u64,
    /// When there is something to tell.
    due: Instant,
}

/// What is known of disks that may be taken away.
#[derive(Debug, Default)]
pub(crate) struct Removable {
    media: Vec<Medium>,
    last: u64,
}

impl Removable {
    /// Whether this voter is a disk.
    pub(crate) fn owns(voter: VoterId) -> bool {
        voter.0 & !(NUMBERS - 1) == NUMBERS
    }

    /// Whether an application is a disk.
    pub(crate) fn is(of: &Identity) -> bool {
        matches!(of, Identity::Peer(number) if Self::owns(VoterId(*number)))
    }

    /// When there is something to tell.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waits = self
            .media
            .iter()
            .filter(|m| m.asked || m.inhibitor.is_some());
        waits.filter_map(|m| m.syncs.as_ref()).map(|s| s.due).min()
    }

    /// The processes to be waited for.
    pub(crate) fn processes(&self) -> impl Iterator<Item = Pid> {
        let pids = self.media.iter().filter_map(|m| m.syncs.as_ref());
        pids.filter_map(|s| Pid::from_raw(i32::try_from(s.pid).ok()?))
    }

    /// Whether a process is one of those: it is none of the session, and is let be.
    pub(crate) fn owns_process(&self, pid: u32) -> bool {
        self.media
            .iter()
            .filter_map(|m| m.syncs.as_ref())
            .any(|s| s.pid == pid)
    }

    fn of_voter(&mut self, voter: VoterId) -> Option<&mut Medium> {
        self.media.iter_mut().find(|m| m.voter == Some(voter))
    }
}

impl Medium {
    fn of(&self) -> Identity {
        Identity::Peer(self.number)
    }

    fn begin(&mut self) -> std::io::Result<()> {
        let before = self.disk.written();
        let child = Command::new("sync")
            .arg("-f")
            .arg("--")
            .args(&self.disk.mounts)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.syncs = Some(Sync {
            pid: child.id(),
            before,
            due: Instant::now() + SLOW,
        });
        Ok(())
    }
}

impl Manager {
    /// Makes the disks known that a request is to wait for.
    pub(crate) fn register_removable(&mut self) {
        // Of those the last request left behind, the ones that still hang.
        self.removable.media.retain(|m| m.syncs.is_some());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for disk in find::all(&mounts, Path::new("/sys")) {
            self.removable.last += 1;
            let number = NUMBERS | self.removable.last;
            let (voter, name) = (VoterId(number), disk.name.clone());
            let media = &mut self.removable.media;
            match media.iter_mut().find(|m| m.disk == disk) {
                Some(hangs) => {
                    hangs.number = number;
                    hangs.voter = Some(voter);
                }
                None => media.push(Medium {
                    number,
                    disk,
                    voter: Some(voter),
                    asked: false,
                    inhibitor: None,
                    syncs: None,
                }),
            }
            self.event(Event::Registered {
                voter,
                of: Identity::Peer(number),
                name,
                round: Round::early(Round::DEFAULT_LEVEL),
            });
        }
    }

    /// A disk is asked: it is written to the end.
    pub(crate) fn ask_removable(&mut self, voter: VoterId) {
        let Some(medium) = self.removable.of_voter(voter) else {
            return;
        };
        medium.asked = true;
        if let Some(sync) = &mut medium.syncs {
            sync.due = Instant::now() + SLOW;
            return;
        }
        let name = medium.disk.name.clone();
        match medium.begin() {
            Ok(()) => tracing::info!("writing out what is left for {name}"),
            Err(error) => {
                tracing::warn!("what is left for {name} cannot be written out: sync: {error}");
                self.removable_answers(voter);
            }
        }
    }

    /// Nobody wants its answer any more.
    pub(crate) fn cancel_removable(&mut self, voter: VoterId) {
        if let Some(medium) = self.removable.of_voter(voter) {
            medium.asked = false;
        }
    }

    /// It was overridden, or has nothing more to do.
    pub(crate) fn end_removable(&mut self, voter: VoterId) {
        self.cancel_removable(voter);
        if let Some(medium) = self.removable.of_voter(voter) {
            medium.voter = None;
        }
        self.event(Event::Unregistered(voter));
    }

    /// It has nothing against the end, but for what it holds, and no part in what follows.
    fn removable_answers(&mut self, voter: VoterId) {
        if self.removable.of_voter(voter).is_some_and(|m| m.asked) {
            self.event(Event::Answered(voter, Answer::Accept));
        }
        self.end_removable(voter);
    }

    /// Some are slow, and hold the request from now on; others are to tell how far they are.
    pub(crate) fn removable_is_due(&mut self) {
        let now = Instant::now();
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let left = find::unwritten(&meminfo);
        let (mut events, mut answers) = (Vec::new(), Vec::new());
        for medium in &mut self.removable.media {
            let waited_for = medium.asked || medium.inhibitor.is_some();
            let (of, number) = (medium.of(), medium.number);
            let Some(sync) = medium.syncs.as_mut().filter(|s| waited_for && s.due <= now) else {
                continue;
            };
            sync.due = now + TELLS;
            let written = medium.disk.written().saturating_sub(sync.before);
            let inhibitor = *medium.inhibitor.get_or_insert(InhibitorId(number));
            events.push(Event::Inhibited {
                inhibitor,
                of,
                name: medium.disk.name.clone(),
                reason: find::progress(written, left),
            });
            answers.extend(medium.voter);
        }
        events.into_iter().for_each(|event| self.event(event));
        for voter in answers {
            self.removable_answers(voter);
        }
    }

    /// A child of ours has ended; it may be one of these.
    pub(crate) fn sync_exited(&mut self, pid: u32, status: ExitStatus) {
        let media = &mut self.removable.media;
        let is = |m: &&mut Medium| m.syncs.as_ref().is_some_and(|s| s.pid == pid);
        let Some(medium) = media.iter_mut().find(is) else {
            return;
        };
        medium.syncs = None;
        let (voter, inhibitor) = (medium.voter, medium.inhibitor.take());
        let name = medium.disk.name.clone();
        if status.success() {
            tracing::info!("{name} is written");
        } else {
            tracing::warn!("{name} may not be written to the end: sync ended with {status}");
        }
        if let Some(voter) = voter {
            self.removable_answers(voter);
        }
        if let Some(inhibitor) = inhibitor {
            self.event(Event::Uninhibited(inhibitor));
        }
    }

    /// The request has its outcome.
    pub(crate) fn removable_after(&mut self) {
        for at in 0..self.removable.media.len() {
            let medium = &mut self.removable.media[at];
            medium.asked = false;
            let (voter, inhibitor) = (medium.voter.take(), medium.inhibitor.take());
            if let Some(voter) = voter {
                self.event(Event::Unregistered(voter));
            }
            if let Some(inhibitor) = inhibitor {
                self.event(Event::Uninhibited(inhibitor));
            }
        }
        self.removable.media.retain(|m| m.syncs.is_some());
    }
}
