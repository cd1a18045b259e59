//! Lookup in trees of the tests' own.

use std::{
    io::Read as _,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::*;

/// Two directories of applications, the first one the user's.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, lines: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(
            path,
            format!("[Desktop Entry]\nType=Application\n{lines}\n"),
        )
        .unwrap();
        self
    }

    fn apps(&self) -> Apps {
        let directories = ["own", "system"].map(|name| self.0.path().join(name));
        Apps::below("es_MX.UTF-8", directories.into())
    }
}

fn name(apps: &mut Apps, id: &str) -> String {
    apps.find(id, None).name
}

#[test]
fn a_file_of_that_name_is_found_without_reading_others() {
    let tree = Tree::new();
    tree.write(
        "system/org.gnome.gedit.desktop",
        "Name=Text Editor\nName[es]=Editor\nIcon=gedit-icon",
    )
    .write("system/kde/more/foo-bar.desktop", "Name=Foo")
    .write("system/z.desktop", "Name=Zed\nNoDisplay=true");
    let mut apps = tree.apps();
    let expected = App {
        name: "Editor".into(),
        icon: "gedit-icon".into(),
    };
    assert_eq!(apps.find("org.gnome.gedit", None), expected);
    assert_eq!(apps.find("org.gnome.gedit.desktop", None), expected);
    assert_eq!(name(&mut apps, "kde-more-foo-bar"), "Foo");
    assert_eq!(name(&mut apps, "z"), "Zed");
    assert!(apps.all.is_none());
}

#[test]
fn the_users_files_come_first_and_hidden_ones_are_gone() {
    let tree = Tree::new();
    tree.write("own/a.desktop", "Name=Own")
        .write("system/a.desktop", "Name=System")
        .write("own/b.desktop", "Name=Hidden\nHidden=true")
        .write("system/b.desktop", "Name=Was removed");
    let mut apps = tree.apps();
    assert_eq!(name(&mut apps, "a"), "Own");
    assert_eq!(name(&mut apps, "b"), "");
    assert_eq!(name(&mut apps, "B"), "");
}

#[test]
fn an_application_may_call_itself_otherwise() {
    let tree = Tree::new();
    tree.write(
        "system/org.gnome.TextEditor.desktop",
        "Name=By last part\nExec=gnome-text-editor %U",
    )
    .write(
        "system/firefox-esr.desktop",
        "Name=Firefox\nExec=/usr/lib/firefox-esr/firefox-esr %u",
    )
    .write(
        "system/code.desktop",
        "Name=Code\nStartupWMClass=Code - OSS\nExec=env X=1 /usr/share/code/codium",
    )
    .write(
        "system/libreoffice-writer.desktop",
        "Name=Writer\nStartupWMClass=libreoffice-writer\nExec=libreoffice --writer",
    )
    .write(
        "system/libreoffice-hidden.desktop",
        "Name=No\nNoDisplay=true\nExec=libreoffice",
    )
    .write("system/kate.desktop", "Name=Kate\nExec=kate -b %U");
    let mut apps = tree.apps();
    for (id, expected) in [
        ("ORG.GNOME.TEXTEDITOR", "By last part"),
        ("TextEditor", "By last part"),
        ("texteditor", "By last part"),
        ("gnome-text-editor", "By last part"),
        ("Firefox-esr", "Firefox"),
        ("Code - OSS", "Code"),
        ("code - oss", "Code"),
        ("/usr/bin/codium", "Code"),
        ("libreoffice", "Writer"),
        ("org.kde.kate", "Kate"),
        ("unknown", ""),
        ("", ""),
    ] {
        assert_eq!(name(&mut apps, id), expected, "{id}");
    }
}

#[test]
fn a_process_is_asked_where_the_id_leads_nowhere() {
    let tree = Tree::new();
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // That it speaks says that it is `cat` by now.
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"x").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let program = fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
    let program = program.file_name().unwrap().to_str().unwrap().to_owned();
    tree.write(
        "system/viewer.desktop",
        &format!("Name=Viewer\nExec={program} %f"),
    )
    .write("system/known.desktop", "Name=Known");
    let mut apps = tree.apps();
    assert_eq!(apps.find("nobody", Some(child.id())).name, "Viewer");
    assert_eq!(apps.find("", Some(child.id())).name, "Viewer");
    assert_eq!(apps.find("known", Some(child.id())).name, "Known");
    assert_eq!(apps.find("nobody", Some(u32::MAX)), App::default());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_id_leads_to_no_other_file() {
    let tree = Tree::new();
    tree.write("secret.desktop", "Name=Secret")
        .write("own/a.desktop", "Name=Fine")
        .write("own/.b.desktop", "Name=Dot");
    let mut apps = tree.apps();
    let long = "x".repeat(64 * 1024);
    let dashes = "-".repeat(200);
    for id in [
        "../secret",
        "..-secret",
        "a-..-..-secret",
        "a/../../secret",
        "-",
        "--",
        "..",
        ".b",
        "a\0",
        "\n",
        &long,
        &dashes,
        "/",
        "é-ñ",
        "-é",
    ] {
        assert_eq!(name(&mut apps, id), "", "{}", &id[..id.len().min(20)]);
    }
    assert_eq!(name(&mut apps, "a"), "Fine");
}

#[test]
fn what_cannot_be_read_does_no_harm() {
    let tree = Tree::new();
    tree.write("own/dir.desktop/x", "")
        .write("own/good.desktop", "Name=Good");
    let own = tree.0.path().join("own");
    fs::write(own.join("binary.desktop"), [0xff; 1000]).unwrap();
    fs::write(
        own.join("large.desktop"),
        "[Desktop Entry]\nName=Large\n".repeat(20_000),
    )
    .unwrap();
    std::os::unix::fs::symlink("/dev/zero", own.join("endless.desktop")).unwrap();
    std::os::unix::fs::symlink("circle", own.join("circle")).unwrap();
    let mut apps = tree.apps();
    for id in ["dir", "binary", "large", "endless", "circle", "other"] {
        assert_eq!(name(&mut apps, id), "", "{id}");
    }
    assert_eq!(name(&mut apps, "GOOD"), "Good");
    for number in 0..1000 {
        apps.find(&number.to_string(), None);
        assert!(apps.kept.len() <= MAX_KEPT);
    }
}
