//! Work in tmux, where logind ends it with the login or with the user's systemd, and where not.

use crate::support::{Desk, HEADLESS, LIMIT, SWAY_SYSTEMD};

const START: &str = "systemctl --user import-environment WAYLAND_DISPLAY SWAYSOCK XDG_SESSION_TYPE; \
                     systemctl --user start sway-session.target";

/// Starts work in it; tells its pid.
const TMUX: &str =
    "tmux -f /dev/null new-session -d sleep 4242; tmux display -p \"#{pid}\" > /share/tmux";

fn login() -> String {
    format!("{HEADLESS}; exec endsession run -- sway -c /share/sway.conf")
}

#[test]
fn work_in_tmux_holds_where_logind_ends_what_a_login_leaves() {
    let kills = "[Login]\nKillUserProcesses=yes\n";
    let path = "/etc/systemd/logind.conf.d/20-kill.conf";
    let Some(desk) = Desk::boot_with(SWAY_SYSTEMD, START, |setup| setup.file(path, kills)) else {
        return;
    };
    let login = desk.login(&login());
    desk.run(&["swaymsg", &format!("exec sh -c '{TMUX}'")])
        .success();
    let tmux = desk.wait_for_file("tmux");
    let refused = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let named = format!("tmux (pid {}): is running: sleep 4242, ", tmux.trim());
    assert!(refused.stderr.contains(&named), "{refused:?}");
    // One that is asked goes on by itself when the work is done, and tmux with it.
    let asked = desk.start(&["endsession", "logoff"]);
    desk.wait_for_journal("request 2: asking");
    desk.wait_for_journal("tmux blocks (job): sleep 4242");
    desk.run(&["pkill", "-x", "-f", "sleep 4242"]).success();
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    assert!(!desk.journal().has("SIGTERM to tmux"));
}

#[test]
fn work_in_tmux_holds_where_the_users_systemd_ends_and_stays_where_the_user_lingers() {
    let Some(desk) = Desk::boot(SWAY_SYSTEMD, START) else {
        return;
    };
    let login = desk.login(&login());
    desk.application(
        "app-foot-1.scope",
        "app.slice",
        &format!("foot sh -c '{TMUX}'"),
    );
    let tmux = desk.wait_for_file("tmux");
    let linger = |word: &str| {
        desk.machine.exec(["loginctl", word, "alice"]).success();
    };
    linger("disable-linger");
    let refused = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("is running: sleep 4242"),
        "{refused:?}"
    );
    linger("enable-linger");
    let status = desk.status();
    assert_eq!(status["blockers"], serde_json::json!([]), "{status:#}");
    assert_eq!(status["survivors"][0]["what"], "sleep 4242", "{status:#}");
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    assert!(desk.journal().has("tmux outlives the session: sleep 4242"));
    desk.run(&["kill", "-0", tmux.trim()]).success();
}
