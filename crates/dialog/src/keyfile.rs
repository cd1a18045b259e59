//! Small files that others wrote: read without ever waiting, up to a bound, and the format of
//! groups, keys and values that desktop files and icon themes share (Desktop Entry Specification,
//! "Basic format of the file").

use std::{fs::File, io::Read as _, path::Path};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// A regular file's bytes, if it has at most `most`. A pipe or a device in its place is not read:
/// it could make us wait for ever.
pub(crate) fn read(path: &Path, most: usize) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(openat(CWD, path, flags, Mode::empty()).ok()?);
    let about = file.metadata().ok()?;
    let size = usize::try_from(about.len()).ok()?;
    if !about.is_file() || size > most {
        return None;
    }
    let mut bytes = Vec::with_capacity(size);
    file.take(u64::try_from(most).ok()?.saturating_add(1))
        .read_to_end(&mut bytes)
        .ok()?;
    // It may have grown meanwhile.
    (bytes.len() <= most).then_some(bytes)
}

/// A file's text, if it has at most `most` bytes; what is no UTF-8 in it is replaced.
pub(crate) fn read_text(path: &Path, most: usize) -> Option<String> {
    let bytes = read(path, most)?;
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Each key with the name of its group and its value, as they are written. What is no such line is
/// passed over.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut group = "";
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            group = name;
            return None;
        }
        if line.starts_with('#') {
            return None;
        }
        let (key, value) = line.split_once('=')?;
        Some((group, key.trim_end(), value.trim_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keys_and_values_are_found() {
        let text = "\u{feff}x\n[One]\r\nName = a=b \n#Name=no\n\nName[es]=ñ\n[Two\nnonsense\n[Two]\n=v\nk=";
        let seen: Vec<_> = entries(text).collect();
        assert_eq!(
            seen,
            [
                ("One", "Name", "a=b"),
                ("One", "Name[es]", "ñ"),
                ("Two", "", "v"),
                ("Two", "k", "")
            ]
        );
    }

    #[test]
    fn only_regular_files_up_to_the_bound_are_read() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("file");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).as_deref(), Some(&b"four"[..]));
        assert_eq!(read(&path, 3), None);
        assert_eq!(read(temp.path(), 100), None);
        assert_eq!(read(Path::new("/dev/zero"), 100), None);
        assert_eq!(read(&temp.path().join("none"), 100), None);
        std::fs::write(&path, b"a\xffb").unwrap();
        assert_eq!(read_text(&path, 100).as_deref(), Some("a\u{fffd}b"));
        // Opening a pipe with nobody at its other end would wait.
        let pipe = temp.path().join("pipe");
        rustix::fs::mknodat(
            CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(read(&pipe, 100), None);
    }
}
