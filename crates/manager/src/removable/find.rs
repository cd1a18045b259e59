//! Which removable disks are mounted to be written to, and what an ordinary user can know of their
//! progress. Reads `/proc` and `/sys`, of which tests have their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::adapter::text;

/// A disk that may be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Its vendor and model, else the kernel's name for it.
    pub(crate) name: String,
    /// Where its file systems are mounted.
    pub(crate) mounts: Vec<PathBuf>,
    /// Its directory in `/sys`.
    directory: PathBuf,
}

/// Disks that are looked after at once; nobody has so many sticks.
const MAX_DISKS: usize = 32;

/// Mounts of one disk.
const MAX_MOUNTS: usize = 64;

/// Devices upon devices (encryption, LVM) that are followed down.
const MAX_DEPTH: usize = 8;

/// Where a system lives that was itself started from such a disk: that one is not taken away.
const SYSTEM: [&str; 6] = ["/", "/usr", "/boot", "/boot/efi", "/efi", "/nix/store"];

/// Finds them. `mounts`: `/proc/self/mountinfo`; `sys`: `/sys`.
pub(crate) fn all(mounts: &str, sys: &Path) -> Vec<Disk> {
    let mut disks: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut of_system = BTreeSet::new();
    for mount in mounts.lines().filter_map(Mount::parse) {
        let Some(disk) = mount.disk(sys) else {
            continue;
        };
        if SYSTEM.iter().any(|at| mount.point == Path::new(at)) {
            of_system.insert(disk);
        } else if mount.is_written {
            let points = disks.entry(disk).or_default();
            if points.len() < MAX_MOUNTS {
                points.push(mount.point);
            }
        }
    }
    disks
        .into_iter()
        .filter(|(disk, _)| !of_system.contains(disk) && is_removable(disk))
        .take(MAX_DISKS)
        .map(|(directory, mounts)| Disk {
            name: name(&directory),
            mounts,
            directory,
        })
        .collect()
}

/// One line of `/proc/PID/mountinfo` (proc(5)).
struct Mount<'a> {
    device: &'a str,
    point: PathBuf,
    source: &'a str,
    is_written: bool,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(2);
        let device = mount.next()?;
        let point = mount.nth(1)?;
        let own = mount.next()?;
        let mut system = system.split(' ').skip(1);
        let source = system.next()?;
        let all = system.next()?;
        let is_rw = |options: &str| options.split(',').any(|o| o == "rw");
        Some(Self {
            device,
            point: PathBuf::from(unescape(point)),
            source,
            is_written: is_rw(own) && is_rw(all),
        })
    }

    /// The directory of the whole disk that it lies on.
    fn disk(&self, sys: &Path) -> Option<PathBuf> {
        // btrfs has a number of its own for each of its trees.
        let device = if self.device.starts_with("0:") {
            let name = self.source.strip_prefix("/dev/")?.rsplit('/').next()?;
            sys.join("class/block").join(name)
        } else {
            sys.join("dev/block").join(self.device)
        };
        let mut at = fs::canonicalize(device).ok()?;
        for _ in 0..MAX_DEPTH {
            if at.join("partition").exists() {
                at = at.parent()?.to_owned();
            }
            let below = fs::read_dir(at.join("slaves"))
                .into_iter()
                .flatten()
                .flatten()
                .next();
            match below.and_then(|entry| fs::canonicalize(entry.path()).ok()) {
                Some(below) => at = below,
                None => break,
            }
        }
        Some(at)
    }
}

/// The kernel writes a space, a tab, a line feed and a backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.zip(part.get(3..)) {
            Some((code, rest)) => {
                whole.push(char::from(code));
                whole.push_str(rest);
            }
            None => {
                whole.push('\\');
                whole.push_str(part);
            }
        }
    }
    whole
}

/// Its medium can be taken out, or it hangs on a plug itself: a disk on USB says no to the first.
fn is_removable(disk: &Path) -> bool {
    let is = |file: &str, value: &str| {
        fs::read_to_string(disk.join(file)).is_ok_and(|text| text.trim() == value)
    };
    let is_on_usb = || {
        disk.components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            let number = part.strip_prefix("usb");
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    is("removable", "1") || is_on_usb() || is("device/type", "SD")
}

fn name(disk: &Path) -> String {
    let read = |file: &str| fs::read_to_string(disk.join(file)).unwrap_or_default();
    let vendor = read("device/vendor");
    let (vendor, model, card) = (vendor.trim(), read("device/model"), read("device/name"));
    // PCI and virtio have a number there.
    let vendor = if vendor.starts_with("0x") { "" } else { vendor };
    let told = [vendor, model.trim(), card.trim()].join(" ");
    let told = told.trim();
    let kernel = disk.file_name().unwrap_or_default().to_string_lossy();
    text::from_str(if told.is_empty() { &kernel } else { told })
}

impl Disk {
    /// Bytes written to it since it was plugged in: `/sys/block/DISK/stat`, in sectors of 512 bytes.
    pub(crate) fn written(&self) -> u64 {
        let stat = fs::read_to_string(self.directory.join("stat")).unwrap_or_default();
        let sectors = stat
            .split_ascii_whitespace()
            .nth(6)
            .and_then(|n| n.parse().ok());
        sectors.unwrap_or(0_u64).saturating_mul(512)
    }
}

/// Bytes of all disks that are still to be written: how many of one disk the kernel tells root
/// alone. `meminfo`: `/proc/meminfo`.
pub(crate) fn unwritten(meminfo: &str) -> u64 {
    let value = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
        let kilobytes = line.and_then(|l| l.split_ascii_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or_default().saturating_mul(1024)
    };
    value("Dirty:").saturating_add(value("Writeback:"))
}

/// What is still to be done, in a sentence.
pub(crate) fn progress(written: u64, left: u64) -> String {
    let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
    format!(
        "at most {} MB to write, {} MB written",
        megabytes(left),
        written >> 20
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree like that of `/sys`.
    struct Sys(tempfile::TempDir);

    impl Sys {
        fn new() -> Self {
            let sys = Self(tempfile::tempdir().unwrap());
            for dir in ["dev/block", "class/block"] {
                fs::create_dir_all(sys.0.path().join(dir)).unwrap();
            }
            sys
        }

        /// Adds a device below `devices`, with these files.
        fn add(&self, number: &str, path: &str, files: &[(&str, &str)]) -> PathBuf {
            let at = self.0.path().join("devices").join(path);
            for (name, text) in files {
                let file = at.join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            let kernel = at.file_name().unwrap();
            for link in [
                self.0.path().join("dev/block").join(number),
                self.0.path().join("class/block").join(kernel),
            ] {
                std::os::unix::fs::symlink(&at, link).unwrap();
            }
            at
        }

        fn disks(&self, mounts: &str) -> Vec<(String, Vec<PathBuf>)> {
            let disks = all(mounts, self.0.path()).into_iter();
            disks.map(|d| (d.name, d.mounts)).collect()
        }
    }

    const STICK: &[(&str, &str)] = &[
        ("removable", "1\n"),
        ("device/vendor", "Kingston\n"),
        ("device/model", "DataTraveler 3.0 \n"),
        ("stat", "1 2 3 4 5 6 4096 8 0 9 10\n"),
    ];

    fn stick(sys: &Sys) -> PathBuf {
        let disk = sys.add("8:16", "pci0/usb2/2-1/block/sdb", STICK);
        sys.add(
            "8:17",
            "pci0/usb2/2-1/block/sdb/sdb1",
            &[("partition", "1")],
        );
        disk
    }

    #[test]
    fn a_mounted_stick_is_found_by_its_partition_and_called_by_its_maker() {
        let sys = Sys::new();
        stick(&sys);
        let line = "60 27 8:17 / /media/a\\040b rw,nosuid shared:5 - vfat /dev/sdb1 rw,uid=1000\n\
                    61 27 8:17 /x /srv rw - vfat /dev/sdb1 rw\n";
        let mounts = vec![PathBuf::from("/media/a b"), PathBuf::from("/srv")];
        assert_eq!(
            sys.disks(line),
            [("Kingston DataTraveler 3.0".to_owned(), mounts)]
        );
        assert_eq!(all(line, sys.0.path())[0].written(), 4096 * 512);
    }

    #[test]
    fn what_is_not_written_to_or_not_taken_away_does_not_count() {
        let sys = Sys::new();
        stick(&sys);
        sys.add("253:0", "virtio0/block/vda", &[("removable", "0\n")]);
        for line in [
            "60 27 8:17 / /media/a ro - vfat /dev/sdb1 rw",
            "60 27 8:17 / /media/a rw - vfat /dev/sdb1 ro",
            "60 27 253:0 / /home rw - ext4 /dev/vda rw",
            "60 27 0:45 / /tmp rw - tmpfs tmpfs rw",
            "60 27 0:46 / /net rw - nfs host:/dev/sdb1 rw",
            "60 27 9:99 / /x rw - ext4 /dev/gone rw",
            "60 27 8:17 / /media/a rw",
            "nonsense",
            "",
        ] {
            assert_eq!(sys.disks(line), [], "{line}");
        }
        // A system that was started from a stick.
        let live =
            "1 0 8:17 / / rw - ext4 /dev/sdb1 rw\n2 1 8:17 /home /home rw - ext4 /dev/sdb1 rw";
        assert_eq!(sys.disks(live), []);
    }

    #[test]
    fn a_disk_on_usb_a_card_btrfs_and_an_encrypted_stick_are_found_too() {
        let sys = Sys::new();
        sys.add("8:32", "pci0/usb10/block/sdc", &[("removable", "0")]);
        let card = [
            ("removable", "0"),
            ("device/type", "SD\n"),
            ("device/name", "SC64G"),
        ];
        sys.add("179:0", "pci0/mmc0/block/mmcblk0", &card);
        let disk = stick(&sys);
        let mapped = sys.add("254:0", "virtual/block/dm-0", &[("removable", "0")]);
        fs::create_dir(mapped.join("slaves")).unwrap();
        std::os::unix::fs::symlink(disk.join("sdb1"), mapped.join("slaves/sdb1")).unwrap();
        let name = |line: &str| sys.disks(line).into_iter().map(|d| d.0).collect::<Vec<_>>();
        assert_eq!(name("6 2 8:32 / /a rw - ext4 /dev/sdc rw"), ["sdc"]);
        assert_eq!(name("6 2 179:0 / /b rw - vfat /dev/mmcblk0 rw"), ["SC64G"]);
        assert_eq!(name("6 2 0:50 / /c rw - btrfs /dev/sdc rw"), ["sdc"]);
        let stick = ["Kingston DataTraveler 3.0"];
        assert_eq!(
            name("6 2 254:0 / /d rw - ext4 /dev/mapper/luks-1 rw"),
            stick
        );
    }

    #[test]
    fn progress_is_what_an_ordinary_user_can_know() {
        let meminfo = "MemTotal: 9 kB\nDirty:            120000 kB\nWriteback:          2880 kB\n";
        assert_eq!(unwritten(meminfo), 122_880 << 10);
        assert_eq!(unwritten("nonsense"), 0);
        assert_eq!(
            progress(5 << 20, unwritten(meminfo)),
            "at most 120 MB to write, 5 MB written"
        );
    }

    #[test]
    fn mount_points_are_read_as_the_kernel_writes_them() {
        for (written, meant) in [
            ("/a\\040b", "/a b"),
            ("/a\\134040", "/a\\040"),
            ("/a\\", "/a\\"),
        ] {
            assert_eq!(unescape(written), meant);
        }
    }
}
