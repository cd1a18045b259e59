//! Which hooks there are: the executables in the directories of one occasion. Reads directories.
//!
//! By the names of files, as run-parts(8) goes through a directory: in order, without what is hidden
//! or a backup; a file above takes the place of one of the same name below, and a link to /dev/null
//! takes it away (as systemd.unit(5) masks).

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::adapter::text;

/// More hooks than these are not run on one occasion.
const MAX_HOOKS: usize = 64;

/// One hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Its file's name.
    pub(crate) name: String,
    /// Its file.
    pub(crate) path: PathBuf,
}

/// The hooks in these directories, the first above the others, in the order in which they are run;
/// and a sentence for each file that is refused.
pub(crate) fn find(directories: &[PathBuf]) -> (Vec<Hook>, Vec<String>) {
    let mut all = BTreeMap::new();
    let mut refused = Vec::new();
    for directory in directories {
        let Ok(entries) = std::fs::read_dir(directory) else {
            continue;
        };
        if let Err(why) = std::fs::metadata(directory).map_or(Ok(()), |m| is_safe(&m)) {
            refused.push(format!("no hook in {} is run: {why}", directory.display()));
            continue;
        }
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !is_backup(&name.to_string_lossy()) {
                all.entry(name).or_insert_with(|| entry.path());
            }
        }
    }
    let mut hooks = Vec::new();
    for (name, path) in all {
        match is_hook(&path) {
            Ok(true) if hooks.len() < MAX_HOOKS => hooks.push(Hook {
                name: text::from_str(&name.to_string_lossy()),
                path,
            }),
            Ok(true) => {
                refused.push(format!(
                    "more than {MAX_HOOKS} hooks: {} and what follows is not run",
                    path.display()
                ));
                break;
            }
            Ok(false) => {}
            Err(why) => refused.push(format!("the hook {} is not run: {why}", path.display())),
        }
    }
    (hooks, refused)
}

/// Hidden, or left behind by an editor or a package manager.
fn is_backup(name: &str) -> bool {
    const ENDS: [&str; 11] = [
        "~",
        ".bak",
        ".old",
        ".orig",
        ".swp",
        ".tmp",
        ".rpmsave",
        ".rpmnew",
        ".rpmorig",
        ".disabled",
        ".sample",
    ];
    name.starts_with(['.', '#'])
        || name.contains(".dpkg-")
        || ENDS.iter().any(|e| name.ends_with(e))
}

/// Whether a file is to be run; why not, where somebody has to put something right.
fn is_hook(path: &Path) -> Result<bool, String> {
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) => return Err(error.to_string()),
    };
    // A directory, or /dev/null.
    if !about.is_file() {
        return Ok(false);
    }
    if about.permissions().mode() & 0o111 == 0 {
        tracing::debug!("{} is not executable, and not run", path.display());
        return Ok(false);
    }
    is_safe(&about).map(|()| true)
}

/// What others may write would let them do as the user.
fn is_safe(about: &Metadata) -> Result<(), String> {
    let own = rustix::process::getuid().as_raw();
    let own_group = rustix::process::getgid().as_raw();
    if about.uid() != own && about.uid() != 0 {
        return Err(format!(
            "it belongs to user {}, neither you nor root",
            about.uid()
        ));
    }
    let mode = about.permissions().mode();
    // Many systems give each user a group of his own, and let that write.
    let by_group = mode & 0o020 != 0 && about.gid() != own_group && about.gid() != 0;
    if mode & 0o002 != 0 || by_group {
        return Err(format!(
            "others may write it (mode {:o}); use chmod go-w",
            mode & 0o7777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    struct Dirs(tempfile::TempDir);

    impl Dirs {
        fn new() -> Self {
            let dirs = Self(tempfile::tempdir().unwrap());
            for dir in ["user", "system"] {
                std::fs::create_dir(dirs.0.path().join(dir)).unwrap();
            }
            dirs
        }

        fn put(&self, path: &str, mode: u32) {
            let path = self.0.path().join(path);
            std::fs::write(&path, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }

        fn find(&self) -> (Vec<String>, Vec<String>) {
            let dirs = ["user", "system", "missing"].map(|d| self.0.path().join(d));
            let (hooks, refused) = find(&dirs);
            let below = |hook: Hook| {
                let path = hook.path.strip_prefix(self.0.path()).unwrap().to_owned();
                path.display().to_string()
            };
            (hooks.into_iter().map(below).collect(), refused)
        }
    }

    #[test]
    fn they_are_run_in_the_order_of_their_names_and_the_users_own_takes_the_place_of_another() {
        let dirs = Dirs::new();
        for path in [
            "system/20-b",
            "user/10-a",
            "system/10-a",
            "system/05-z",
            "user/30.sh",
        ] {
            dirs.put(path, 0o755);
        }
        let (hooks, refused) = dirs.find();
        assert_eq!(
            hooks,
            ["system/05-z", "user/10-a", "system/20-b", "user/30.sh"]
        );
        assert_eq!(refused, [""; 0]);
    }

    #[test]
    fn a_link_to_dev_null_masks() {
        let dirs = Dirs::new();
        dirs.put("system/10-a", 0o755);
        std::os::unix::fs::symlink("/dev/null", dirs.0.path().join("user/10-a")).unwrap();
        assert_eq!(dirs.find(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_hidden_a_backup_or_not_executable_is_not_run() {
        let dirs = Dirs::new();
        for name in [
            ".a",
            "a~",
            "#a#",
            "a.bak",
            "a.dpkg-old",
            "a.orig",
            "a.rpmsave",
        ] {
            dirs.put(&format!("user/{name}"), 0o755);
        }
        dirs.put("user/readme", 0o644);
        std::fs::create_dir(dirs.0.path().join("user/dir")).unwrap();
        assert_eq!(dirs.find(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_others_may_write_is_refused() {
        let dirs = Dirs::new();
        dirs.put("user/10-a", 0o757);
        let (hooks, refused) = dirs.find();
        assert_eq!(hooks, [""; 0]);
        assert!(
            refused[0].contains("10-a") && refused[0].contains("chmod go-w"),
            "{refused:?}"
        );
        dirs.put("user/10-a", 0o755);
        let dir = dirs.0.path().join("user");
        std::fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
        let (hooks, refused) = dirs.find();
        assert_eq!((hooks.len(), refused.len()), (0, 1));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_told() {
        let dirs = Dirs::new();
        std::os::unix::fs::symlink("/nowhere", dirs.0.path().join("user/10-a")).unwrap();
        let (hooks, refused) = dirs.find();
        assert_eq!((hooks.len(), refused.len()), (0, 1));
    }
}
