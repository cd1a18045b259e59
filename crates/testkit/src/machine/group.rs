//! [`Group`]: the control group that holds all processes of a machine, so that they can be ended as
//! one, and found by whoever comes after a test process that was killed.

use std::{
    fs, io,
    mem::MaybeUninit,
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::inotify;

use crate::wait::{Deadline, is_alive};

/// What the names of our groups begin with; the mark of the sandbox follows, which begins with the
/// number of the test's process. The watcher of [`crate::sweep`] knows the name too.
const PREFIX: &str = "endsession-test.";

/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// Where the unified hierarchy is mounted, and what of it: "/" but in some containers.
pub(super) struct Hierarchy {
    mounted: PathBuf,
    root: String,
}

impl Hierarchy {
    /// Looks it up in the kernel's list.
    pub(super) fn find() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        mounts.lines().find_map(|line| {
            let (place, kind) = line.split_once(" - ")?;
            let mut place = place.split(' ').skip(3);
            let (root, mounted) = (place.next()?, place.next()?);
            kind.starts_with("cgroup2 ").then(|| Self {
                mounted: mounted.into(),
                root: root.trim_end_matches('/').to_owned(),
            })
        })
    }

    /// Ends what test processes left that were killed together with their watchers.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.mounted).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let mark = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let owner = mark.and_then(|mark| mark.split('-').next()?.parse().ok());
            if owner.is_some_and(|pid| !is_alive(pid)) {
                end(&entry.path());
            }
        }
    }
}

/// A group directly below the hierarchy's root. Dropping it ends all that is in it.
#[derive(Debug)]
pub(super) struct Group {
    dir: PathBuf,
    path: String,
}

impl Group {
    /// A group of the sandbox with this mark.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub(super) fn new(hierarchy: &Hierarchy, mark: &str) -> io::Result<Self> {
        hierarchy.sweep();
        let name = format!("{PREFIX}{mark}");
        let dir = hierarchy.mounted.join(&name);
        fs::create_dir(&dir)?;
        let path = format!("{}/{name}", hierarchy.root);
        let group = Self { dir, path };
        // Linux 5.14; without it nothing could be ended for certain.
        match group.dir.join("cgroup.kill").exists() {
            true => Ok(group),
            false => Err(io::Error::other("groups cannot be killed as one here")),
        }
    }

    /// Its path from the root of the hierarchy, without the slash it begins with.
    pub(super) fn path(&self) -> &str {
        self.path.trim_start_matches('/')
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(&self.dir);
    }
}

/// Kills all in `group`, waits until it is gone, and removes it.
fn end(group: &Path) {
    let deadline = Deadline::after(GONE);
    let _ = fs::write(group.join("cgroup.kill"), "1");
    let events = group.join("cgroup.events");
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).ok();
    let watch = watch
        .filter(|watch| inotify::add_watch(watch, &events, inotify::WatchFlags::MODIFY).is_ok());
    if let Some(watch) = watch {
        // Read only after the watch is there, so no change is missed.
        while fs::read_to_string(&events).is_ok_and(|text| text.contains("populated 1")) {
            if !deadline.readable(watch.as_fd()) {
                eprintln!("testkit: {} was killed and is not empty", group.display());
                break;
            }
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let _ = inotify::Reader::new(&watch, &mut buffer).next();
        }
    }
    remove(group);
}

/// Removes a group with all below it, the innermost first.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
