//! One prefix: copied, set up and ended.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::built;
use crate::{programs, session::Sandbox, wait};

/// How long Wine's server may take to end what runs in its prefix, before the sandbox kills it.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the copied prefix says of its display; xtask writes it.
const NO_GRAPHICS: &str = "\"Graphics\"=\"null\"";

/// Where windows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Graphics {
    None,
    X11,
}

/// A prefix in a sandbox.
#[derive(Debug)]
pub(super) struct Prefix {
    path: PathBuf,
    graphics: Graphics,
    outputs: AtomicU32,
    /// Ends what runs in it, as the sandbox's user.
    sandbox: Sandbox,
}

impl Prefix {
    #[track_caller]
    pub(super) fn new(sandbox: &Sandbox, graphics: Graphics) -> Self {
        let template = template()
            .unwrap_or_else(|why| panic!("{why}; this makes it:\n    {}", built::COMMAND));
        let names = (1..).map(|number| match number {
            1 => ".wine".to_owned(),
            _ => format!(".wine-{number}"),
        });
        let mut paths = names.map(|name| sandbox.home().join(name));
        let path = paths
            .find(|path| !path.exists())
            .expect("numbers do not end");
        run(Command::new("cp")
            .arg("-a")
            .arg("--")
            .arg(template)
            .arg(&path));
        if graphics == Graphics::X11 {
            let file = path.join("user.reg");
            let settings = fs::read_to_string(&file).expect("the prefix has settings");
            assert!(
                settings.contains(NO_GRAPHICS),
                "{} does not say {NO_GRAPHICS}",
                file.display()
            );
            let settings = settings.replace(NO_GRAPHICS, "\"Graphics\"=\"x11\"");
            fs::write(&file, settings).expect("writing the prefix's settings");
        }
        // Wine takes no prefix of another user.
        run(Command::new("chown")
            .args(["-hR", &format!("{}:{}", sandbox.uid(), sandbox.gid())])
            .arg("--")
            .arg(&path));
        Self {
            path,
            graphics,
            outputs: AtomicU32::new(0),
            sandbox: sandbox.clone(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file for what the next program says.
    pub(super) fn next_output(&self, sandbox: &Sandbox, args: &[&str]) -> PathBuf {
        let number = self.outputs.fetch_add(1, Ordering::Relaxed) + 1;
        let name = args
            .first()
            .and_then(|program| Path::new(program).file_stem());
        let name = name.map_or_else(|| "wine".into(), |name| name.to_string_lossy());
        let prefix = self.path.file_name().unwrap_or_default().to_string_lossy();
        let path = sandbox
            .dir()
            .join("log")
            .join(format!("{prefix}-{number}-{name}"));
        fs::write(&path, "").expect("a file of the sandbox");
        sandbox.give(&path);
        path
    }

    /// Makes `command` one of this prefix.
    pub(super) fn variables(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.path)
            .env("WINEDEBUG", "-all");
        if self.graphics == Graphics::None {
            command.env_remove("DISPLAY");
        }
    }

    fn server(&self, option: &str) -> Option<Child> {
        let mut command = Command::new("wineserver");
        command.arg(option);
        self.variables(&mut command);
        let mut command = self.sandbox.as_user(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().ok()
    }

    /// Ends all that runs in the prefix; what does not end in time is the sandbox's to kill.
    fn end(&self) {
        for option in ["-k", "-w"] {
            let Some(mut server) = self.server(option) else {
                return;
            };
            if !wait::until_gone(server.id(), FAREWELL) {
                let _ = server.kill();
            }
            let _ = server.wait();
        }
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        self.end();
    }
}

/// The prefix that is copied.
fn template() -> Result<PathBuf, String> {
    programs::need("wine");
    let link = built::dir().join("programs/prefix");
    let found = fs::canonicalize(&link).ok().filter(|path| path.is_dir());
    found.ok_or_else(|| format!("there is no Wine prefix at {}", link.display()))
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
