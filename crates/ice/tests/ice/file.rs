//! The authority file on disk, in a directory of the test's own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use endsession_ice::authority::file::{FileError, Lock, default_path, read};
use endsession_ice::authority::{Entry, merge, parse, remove};

use crate::authority::others;
use crate::harness::pair::cookies;

const ID: &str = "local/box:@/tmp/.ICE-unix/1";
const MINUTE: Duration = Duration::from_secs(60);

/// A directory that goes when the test ends, however it ends.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let name = format!("endsession-ice-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("ICEauthority")
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lock(path: &Path) -> Option<Lock> {
    Lock::try_acquire(path, SystemTime::now(), MINUTE).unwrap()
}

fn add(old: Vec<Entry>) -> Vec<Entry> {
    merge(old, Entry::of_listener(ID, &cookies()).to_vec())
}

#[test]
fn the_default_file_is_where_libice_looks() {
    let path = |ice: &str, runtime: &str, home: &str| {
        default_path(
            Some(OsStr::new(ice)),
            Some(OsStr::new(runtime)),
            Some(OsStr::new(home)),
        )
    };
    assert_eq!(path("/a", "/r", "/h"), Some("/a".into()));
    assert_eq!(path("", "/r", "/h"), Some("/r/ICEauthority".into()));
    assert_eq!(path("", "", "/h"), Some("/h/.ICEauthority".into()));
    assert_eq!(path("", "", ""), None);
    assert_eq!(default_path(None, None, None), None);
}

#[test]
fn a_file_that_is_not_there_is_made_for_its_owner_alone() {
    let directory = Directory::new("made");
    let file = directory.file();
    assert!(read(&file).unwrap().is_empty());
    lock(&file).unwrap().update(add).unwrap();
    assert_eq!(read(&file).unwrap(), Entry::of_listener(ID, &cookies()));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(directory.names(), ["ICEauthority"]);
}

#[test]
fn entries_go_in_and_out_and_others_stay_byte_for_byte() {
    let directory = Directory::new("others");
    let file = directory.file();
    fs::write(&file, others()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    lock(&file).unwrap().update(add).unwrap();
    assert!(fs::read(&file).unwrap().ends_with(&others()));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    lock(&file)
        .unwrap()
        .update(|old| remove(old, &[ID]))
        .unwrap();
    assert_eq!(fs::read(&file).unwrap(), others());
}

#[test]
fn where_nothing_changes_nothing_is_written() {
    let directory = Directory::new("unchanged");
    let file = directory.file();
    fs::write(&file, others()).unwrap();
    let before = fs::metadata(&file).unwrap().ino();
    lock(&file)
        .unwrap()
        .update(|old| remove(old, &[ID]))
        .unwrap();
    assert_eq!(fs::metadata(&file).unwrap().ino(), before);
}

#[test]
fn of_two_who_want_the_lock_one_waits_until_it_is_given_back() {
    let directory = Directory::new("two");
    let file = directory.file();
    let first = lock(&file).unwrap();
    assert_eq!(directory.names(), ["ICEauthority-c", "ICEauthority-l"]);
    assert!(lock(&file).is_none());
    assert!(lock(&file).is_none());
    drop(first);
    assert!(directory.names().is_empty());
    let second = lock(&file).unwrap();
    assert_eq!(second.path(), file);
}

#[test]
fn many_who_want_the_lock_lose_no_entry() {
    let directory = Directory::new("many");
    let file = directory.file();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let file = &file;
            scope.spawn(move || {
                let id = format!("unix/box:/{n}");
                let entries = Entry::of_listener(&id, &cookies()).to_vec();
                let lock = loop {
                    match lock(file) {
                        Some(lock) => break lock,
                        None => std::thread::yield_now(),
                    }
                };
                lock.update(|old| merge(old, entries)).unwrap();
            });
        }
    });
    assert_eq!(read(&file).unwrap().len(), 16);
    assert_eq!(directory.names(), ["ICEauthority"]);
}

#[test]
fn a_lock_that_libice_holds_is_respected() {
    // Both files, of whatever content; and the first alone, as while it waits.
    let directory = Directory::new("libice");
    let file = directory.file();
    fs::write(directory.0.join("ICEauthority-c"), "").unwrap();
    assert!(lock(&file).is_none());
    let (c, l) = (
        directory.0.join("ICEauthority-c"),
        directory.0.join("ICEauthority-l"),
    );
    fs::hard_link(&c, &l).unwrap();
    assert!(lock(&file).is_none());
    // It is about to be given back: the second is still there.
    fs::remove_file(&c).unwrap();
    assert!(lock(&file).is_none());
    assert_eq!(directory.names(), ["ICEauthority-l"]);
    fs::remove_file(&l).unwrap();
    assert!(lock(&file).is_some());
}

#[test]
fn a_stale_lock_is_taken_over_and_its_owner_takes_it_from_nobody() {
    let directory = Directory::new("stale");
    let file = directory.file();
    let dead = lock(&file).unwrap();
    let later = SystemTime::now() + 2 * MINUTE;
    let new = Lock::try_acquire(&file, later, MINUTE).unwrap().unwrap();
    // It was not dead, only slow.
    drop(dead);
    assert_eq!(directory.names(), ["ICEauthority-c", "ICEauthority-l"]);
    drop(new);
    assert!(directory.names().is_empty());
}

#[test]
fn the_second_half_of_a_stale_lock_is_taken_over_too() {
    let directory = Directory::new("half");
    let file = directory.file();
    fs::write(directory.0.join("ICEauthority-l"), "").unwrap();
    assert!(lock(&file).is_none());
    let later = SystemTime::now() + 2 * MINUTE;
    assert!(Lock::try_acquire(&file, later, MINUTE).unwrap().is_some());
}

#[test]
fn a_lock_from_the_future_is_not_stale() {
    let directory = Directory::new("future");
    let file = directory.file();
    let _held = lock(&file).unwrap();
    let earlier = SystemTime::now() - 10 * MINUTE;
    assert!(Lock::try_acquire(&file, earlier, MINUTE).unwrap().is_none());
}

#[test]
fn a_file_that_is_broken_stays_as_it_is() {
    let directory = Directory::new("broken");
    let file = directory.file();
    let broken = [others(), vec![0, 3, b'I']].concat();
    fs::write(&file, &broken).unwrap();
    let error = lock(&file).unwrap().update(add).unwrap_err();
    assert!(matches!(error, FileError::Format { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), broken);
    assert_eq!(directory.names(), ["ICEauthority"]);
    assert!(matches!(read(&file), Err(FileError::Format { .. })));
}

#[test]
fn a_change_that_cannot_be_written_leaves_the_file_as_it_is() {
    let directory = Directory::new("unwritten");
    let file = directory.file();
    fs::write(&file, others()).unwrap();
    // What it is written to first cannot be made.
    fs::create_dir(directory.0.join("ICEauthority-n")).unwrap();
    let error = lock(&file).unwrap().update(add).unwrap_err();
    assert!(matches!(error, FileError::Io { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), others());
}

#[test]
fn what_a_dead_process_had_begun_to_write_is_in_nobodys_way() {
    let directory = Directory::new("begun");
    let file = directory.file();
    fs::write(directory.0.join("ICEauthority-n"), "garbage").unwrap();
    lock(&file).unwrap().update(add).unwrap();
    assert_eq!(parse(&fs::read(&file).unwrap()).unwrap().len(), 2);
    assert_eq!(directory.names(), ["ICEauthority"]);
}

#[test]
fn a_symbolic_link_is_followed_and_stays() {
    let directory = Directory::new("link");
    let real = directory.0.join("real");
    fs::write(&real, others()).unwrap();
    let file = directory.file();
    symlink("real", &file).unwrap();
    lock(&file).unwrap().update(add).unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!(parse(&fs::read(&real).unwrap()).unwrap().len(), 4);
}

#[test]
fn a_loop_of_links_and_a_link_to_nowhere_are_told() {
    let directory = Directory::new("loop");
    let file = directory.file();
    symlink("ICEauthority", &file).unwrap();
    let error = lock(&file).unwrap().update(add).unwrap_err();
    assert!(matches!(error, FileError::Io { .. }), "{error}");
    assert!(error.to_string().contains("ICEauthority"), "{error}");
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    let error = lock(&file).unwrap().update(add).unwrap_err();
    assert!(matches!(error, FileError::BrokenLink { .. }), "{error}");
    assert!(matches!(read(&file), Err(FileError::BrokenLink { .. })));
}

#[test]
fn what_is_no_file_is_not_opened() {
    let directory = Directory::new("nofile");
    let file = directory.file();
    fs::create_dir(&file).unwrap();
    assert!(matches!(read(&file), Err(FileError::NotAFile { .. })));
    let error = lock(&file).unwrap().update(add).unwrap_err();
    assert!(matches!(error, FileError::NotAFile { .. }), "{error}");
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    let directory = Directory::new("nodir");
    let file = directory.0.join("missing/ICEauthority");
    let error = Lock::try_acquire(&file, SystemTime::now(), MINUTE).unwrap_err();
    assert!(
        error.to_string().contains("missing/ICEauthority-c"),
        "{error}"
    );
}

#[test]
fn somebody_elses_file_is_not_taken_from_them() {
    let directory = Directory::new("elses");
    let file = directory.file();
    fs::write(&file, others()).unwrap();
    // Only root can give a file away; for anybody else there is nothing to test.
    if std::os::unix::fs::chown(&file, Some(12_345), None).is_err() {
        return;
    }
    let error = lock(&file).unwrap().update(add).unwrap_err();
    assert!(
        matches!(error, FileError::NotOurs { owner: 12_345, .. }),
        "{error}"
    );
    assert_eq!(fs::read(&file).unwrap(), others());
}
