//! [`Login`]: a user's session on a machine, as logind knows it.

use std::{ffi::OsStr, fs, time::Duration};

use super::{Machine, Ran};
use crate::{
    session::Proc,
    wait::{LIMIT, for_line_in},
};

/// A session that runs a script, opened by PAM as a display manager's is: of class `user`, on seat0,
/// with a user manager and a user bus beside it. Its output is in the journal.
#[derive(Debug)]
pub struct Login<'a> {
    machine: &'a Machine,
    user: String,
    unit: String,
    session: String,
}

impl Machine {
    /// Logs `user` in, to run `script` with bash in the user's home. `unit` names the login: the
    /// service that opens the session, and files in `/share`.
    ///
    /// # Panics
    /// When the session does not begin.
    #[track_caller]
    pub fn login(&self, user: &str, unit: &str, script: &str) -> Login<'_> {
        self.login_with(user, unit, &[], script)
    }

    /// As [`login`](Self::login), with further variables for PAM and the script, such as
    /// `XDG_SESSION_TYPE=x11`.
    ///
    /// # Panics
    /// As that.
    #[track_caller]
    pub fn login_with(
        &self,
        user: &str,
        unit: &str,
        variables: &[&str],
        script: &str,
    ) -> Login<'_> {
        let file = |kind: &str| self.share().join(format!("{unit}.{kind}"));
        for old in ["session", "status"] {
            let _ = fs::remove_file(file(old));
        }
        let script = format!("echo \"$XDG_SESSION_ID\" >/share/{unit}.session\n{script}\n");
        fs::write(file("sh"), script).expect("the login's script");
        let status = format!("echo \"$$EXIT_CODE $$EXIT_STATUS\" >/share/{unit}.status");
        let mut command = self.inside(["systemd-run", "--quiet", "--collect"]);
        command.arg(format!("--unit={unit}"));
        command.arg(format!("--uid={user}"));
        command.args(["--property=PAMName=login", "--property=KillMode=mixed"]);
        command.arg(format!("--property=WorkingDirectory=/home/{user}"));
        command.arg(format!("--property=ExecStopPost=+/bin/sh -c '{status}'"));
        let kind = [
            "XDG_SESSION_TYPE=wayland",
            "XDG_SESSION_CLASS=user",
            "XDG_SEAT=seat0",
        ];
        for variable in kind.iter().chain(variables) {
            command.arg(format!("--setenv={variable}"));
        }
        command.args(["--", "bash", &format!("/share/{unit}.sh")]);
        Ran::of(&self.sandbox.spawn(command)).success();
        let (session, _) = for_line_in(&file("session"), 0, LIMIT, |_| true);
        Login {
            machine: self,
            user: user.to_owned(),
            unit: unit.to_owned(),
            session,
        }
    }
}

impl Login<'_> {
    /// logind's id of the session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Runs a command in the session, with the environment of the session's process `like`: one that
    /// the compositor started knows the display and the session's bus.
    ///
    /// # Panics
    /// When it takes longer than [`LIMIT`], or there is no such process.
    #[track_caller]
    pub fn exec<S: AsRef<OsStr>>(&self, like: &str, words: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(&self.start(like, words))
    }

    /// As [`exec`](Self::exec), and goes on; what is returned ends as the command does.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(&self, like: &str, words: impl IntoIterator<Item = S>) -> Proc {
        // systemd starts it, so that it is of the machine; then it goes where the session is.
        const JOIN: &str = r#"
            group=/sys/fs/cgroup/user.slice/user-$1.slice/session-$2.scope
            for pid in $(cat "$group/cgroup.procs"); do
                [ "$(cat "/proc/$pid/comm")" = "$3" ] || continue
                mapfile -d '' -t variables <"/proc/$pid/environ"
                echo $$ >"$group/cgroup.procs"
                user=$4
                shift 4
                exec setpriv --reuid="$user" --regid="$user" --init-groups \
                    env -i -C "/home/$user" "${variables[@]}" "$@"
            done
            echo "no process $3 in session $2: $(ps -o comm= -p $(tr '\n' , <"$group/cgroup.procs")1)" >&2
            exit 255
        "#;
        let uid = super::uid(&self.user).to_string();
        let join = [
            "bash",
            "-c",
            JOIN,
            "join",
            &uid,
            &self.session,
            like,
            &self.user,
        ];
        let join = join.iter().map(|word| OsStr::new(word).to_owned());
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.machine.start(&[], join.chain(words))
    }

    /// Waits for the end of the script; `"exited 0"` or `"killed TERM"`, as systemd puts it.
    ///
    /// # Panics
    /// When `limit` runs out.
    #[track_caller]
    pub fn wait_for_status(&self, limit: Duration) -> String {
        let file = self.machine.share().join(format!("{}.status", self.unit));
        for_line_in(&file, 0, limit, |_| true).0
    }

    /// Whether the script has not ended.
    pub fn is_open(&self) -> bool {
        !self
            .machine
            .share()
            .join(format!("{}.status", self.unit))
            .exists()
    }

    /// The names of all processes in the session, sorted.
    #[track_caller]
    pub fn processes(&self) -> Vec<String> {
        let uid = super::uid(&self.user);
        let group = format!(
            "/sys/fs/cgroup/user.slice/user-{uid}.slice/session-{}.scope",
            self.session
        );
        let names = format!(
            "for pid in $(cat {group}/cgroup.procs 2>/dev/null); do cat /proc/$pid/comm; done; true"
        );
        let mut names: Vec<String> = self
            .machine
            .look(["bash", "-c", &names])
            .stdout
            .lines()
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }
}
