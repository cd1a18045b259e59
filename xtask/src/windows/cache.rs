//! The cache: what takes a minute to make and never changes, in directories outside the tree. Each is named after all that it was made from,
//! made under another name and renamed when it is whole, so that nobody takes half of one; a lock lets one process at a time make any.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail};

/// What nobody has used for that long is removed when another of its kind is made.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Names another place for the cache.
const VARIABLE: &str = "ENDSESSION_CACHE";

/// Where the cache is: `ENDSESSION_CACHE`, else as the XDG Base Directory Specification says.
///
/// # Errors
/// When there is no home directory, or a variable is not an absolute path.
pub(super) fn dir() -> Result<PathBuf> {
    dir_from(|name| std::env::var_os(name))
}

fn dir_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(dir) = path(VARIABLE) {
        if !dir.is_absolute() {
            bail!("{VARIABLE}={}: a path from / on is needed", dir.display());
        }
        return Ok(dir);
    }
    // The specification says to ignore one that is relative.
    let cache = path("XDG_CACHE_HOME").filter(|dir| dir.is_absolute());
    let cache = cache.or_else(|| path("HOME").map(|home| home.join(".cache")));
    let cache = cache.with_context(|| format!("neither HOME nor {VARIABLE} is set"))?;
    Ok(cache.join("endsession"))
}

/// One directory of the cache.
#[derive(Debug)]
pub(super) struct Entry {
    /// What it is called in messages, and how its name begins.
    pub(super) what: &'static str,
    /// All that it is made from: versions, and the text of the recipe.
    pub(super) made_from: Vec<String>,
}

impl Entry {
    /// The name of its directory: the first version, for people, and a number of all of them.
    fn name(&self) -> String {
        let version = self.made_from.first().map_or("", String::as_str);
        let version: String = version
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        format!("{}-{version}-{:016x}", self.what, number(&self.made_from))
    }

    /// Its directory below `cache`, if it was made already; that counts as a use of it.
    pub(super) fn find(&self, cache: &Path) -> Option<PathBuf> {
        let dir = cache.join(self.name());
        let file = File::open(&dir).ok()?;
        // Another user's cache can be read all the same.
        let _ = file.set_modified(SystemTime::now());
        Some(dir)
    }

    /// Removes those of its kind below `cache` that nobody has used since `then`.
    fn remove_unused(&self, cache: &Path, then: SystemTime) -> Result<()> {
        let begin = format!("{}-", self.what);
        for other in fs::read_dir(cache)? {
            let other = other?;
            let is_kind = other.file_name().to_string_lossy().starts_with(&begin);
            if is_kind && other.metadata()?.modified()? < then {
                eprintln!(
                    "xtask: removing {}: not used for a month",
                    other.path().display()
                );
                remove(&other.path())?;
            }
        }
        Ok(())
    }

    /// Its directory below `cache`; `make` fills it where it is not there yet.
    ///
    /// # Errors
    /// When `make` fails, or the cache cannot be written.
    pub(super) fn get(
        &self,
        cache: &Path,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        if let Some(dir) = self.find(cache) {
            return Ok(dir);
        }
        fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
        let path = cache.join("lock");
        let lock =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        if lock.try_lock().is_err() {
            eprintln!(
                "xtask: waiting for another process that fills {}",
                cache.display()
            );
            lock.lock()
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        // Made meanwhile by whoever held the lock.
        if let Some(dir) = self.find(cache) {
            return Ok(dir);
        }
        let (whole, part) = (
            cache.join(self.name()),
            cache.join(format!("{}.part", self.name())),
        );
        eprintln!("xtask: making {}", whole.display());
        let start = Instant::now();
        // Left by one that was interrupted: the lock is ours, so nobody is at it.
        remove(&part)?;
        fs::create_dir(&part).with_context(|| format!("cannot create {}", part.display()))?;
        make(&part)?;
        fs::rename(&part, &whole).with_context(|| format!("cannot rename {}", part.display()))?;
        eprintln!(
            "xtask: made in {:.0} s: {}",
            start.elapsed().as_secs_f32(),
            whole.display()
        );
        self.remove_unused(cache, SystemTime::now() - UNUSED)?;
        Ok(whole)
    }
}

/// Removes `path` with all that is in it, if it is there.
///
/// # Errors
/// When something of it cannot be removed.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A number of all `parts`, the same on every machine (FNV-1a, 64 bits). It tells versions apart; nobody's security rests on it.
fn number(parts: &[String]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |number, byte| {
        (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(made_from: &[&str]) -> Entry {
        Entry {
            what: "toolchain",
            made_from: made_from.iter().map(|&part| part.to_owned()).collect(),
        }
    }

    fn scratch(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("endsession-test-{name}-{}", std::process::id()));
        remove(&dir).unwrap();
        dir
    }

    #[test]
    fn the_cache_is_where_the_variables_say() {
        let dir = |variables: &[(&str, &str)]| {
            let variables: Vec<_> = variables.to_vec();
            dir_from(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let home = ("HOME", "/h");
        assert_eq!(dir(&[home]).unwrap(), Path::new("/h/.cache/endsession"));
        assert_eq!(
            dir(&[home, ("XDG_CACHE_HOME", "/c")]).unwrap(),
            Path::new("/c/endsession")
        );
        assert_eq!(
            dir(&[home, ("XDG_CACHE_HOME", "c")]).unwrap(),
            Path::new("/h/.cache/endsession")
        );
        assert_eq!(
            dir(&[home, (VARIABLE, "/e"), ("XDG_CACHE_HOME", "/c")]).unwrap(),
            Path::new("/e")
        );
        assert!(dir(&[home, (VARIABLE, "e")]).is_err());
        assert!(dir(&[]).is_err());
    }

    #[test]
    fn another_version_or_recipe_has_another_name() {
        let name = entry(&["1.96.0+dfsg1-1~deb12u2", "recipe"]).name();
        assert!(
            name.starts_with("toolchain-1.96.0-dfsg1-1-deb12u2-"),
            "{name}"
        );
        assert_ne!(name, entry(&["1.96.0+dfsg1-1~deb12u2", "recipe 2"]).name());
        assert_ne!(name, entry(&["1.96.0+dfsg1-1~deb12u3", "recipe"]).name());
        // Where one part ends counts too.
        assert_ne!(entry(&["a", "bc"]).name(), entry(&["a", "b", "c"]).name());
    }

    #[test]
    fn one_is_made_once_and_only_a_whole_one_is_taken() {
        let cache = scratch("cache");
        let failed = entry(&["1"]).get(&cache, |dir| {
            fs::write(dir.join("half"), "").unwrap();
            bail!("interrupted")
        });
        assert!(failed.is_err());
        assert_eq!(entry(&["1"]).find(&cache), None);
        let made = entry(&["1"])
            .get(&cache, |dir| Ok(fs::write(dir.join("whole"), "")?))
            .unwrap();
        assert!(made.join("whole").exists() && !made.join("half").exists());
        let again = entry(&["1"]).get(&cache, |_| bail!("made twice")).unwrap();
        assert_eq!(again, made);
        remove(&cache).unwrap();
    }

    #[test]
    fn what_nobody_uses_any_more_is_removed_when_another_is_made() {
        let cache = scratch("cache-unused");
        let old = SystemTime::now() - UNUSED - Duration::from_secs(60);
        let make = |version| entry(&[version]).get(&cache, |_| Ok(())).unwrap();
        let other_kind = cache.join("wine-1");
        let (unused, used) = (make("1"), make("2"));
        fs::create_dir(&other_kind).unwrap();
        for dir in [&unused, &used, &other_kind] {
            File::open(dir).unwrap().set_modified(old).unwrap();
        }
        assert_eq!(make("2"), used);
        let new = make("3");
        assert!(!unused.exists());
        assert!([used, other_kind, new].iter().all(|dir| dir.is_dir()));
        remove(&cache).unwrap();
    }

    #[test]
    fn two_at_once_make_one() {
        let cache = scratch("cache-two");
        let makes = std::sync::atomic::AtomicU32::new(0);
        let get = || {
            entry(&["1"]).get(&cache, |_| {
                makes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Ok(())
            })
        };
        let both: Vec<_> = std::thread::scope(|scope| {
            let both = [scope.spawn(get), scope.spawn(get)];
            both.into_iter()
                .map(|one| one.join().unwrap().unwrap())
                .collect()
        });
        assert_eq!(both[0], both[1]);
        assert_eq!(makes.load(std::sync::atomic::Ordering::SeqCst), 1);
        remove(&cache).unwrap();
    }
}
