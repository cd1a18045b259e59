//! What polkit permits, and what it does not.

use endsession_testkit::machine::{End, Machine};

use crate::desk::{Desk, LIMIT, boot};

/// A rule of polkit's for everything about the power of the machine: who may power off while others
/// are logged on may power off when they are not, and who may choose what is booted may reboot.
fn rule(result: &str) -> String {
    format!(
        "polkit.addRule(function(action, subject) {{\n\
             if (/^org.freedesktop.login1.*(power-off|reboot)/.test(action.id)) return polkit.Result.{result};\n\
         }});\n"
    )
}

const RULES: &str = "/etc/polkit-1/rules.d/10-test.rules";

#[test]
fn what_is_not_permitted_is_refused_before_anybody_is_asked() {
    let Some(machine) = boot(Machine::setup().file(RULES, &rule("NO"))) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    for command in ["poweroff", "restart"] {
        let refused = desk.endsession(&[command]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("not permitted to"), "{refused:?}");
    }
    let journal = machine.journal();
    assert!(!journal.contains("request 1"), "{journal}");
    desk.goes_on();
}

#[test]
fn a_password_that_nobody_can_ask_for_cancels_before_anybody_is_asked() {
    let Some(machine) = boot(Machine::setup().file(RULES, &rule("AUTH_ADMIN_KEEP"))) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let refused = desk.endsession(&["poweroff"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let why = "no polkit agent of this session asks for it";
    assert!(refused.stderr.contains(why), "{refused:?}");
    let journal = machine.journal();
    assert!(journal.contains("request 1: authorizing"), "{journal}");
    assert!(!journal.contains("request 1: asking"), "{journal}");
    desk.goes_on();
}

/// polkit's own agent, which is told the password when it asks for it.
const AGENT: &str = r#"
    mkfifo /share/typed
    script -qfc "pkttyagent --process $(pidof -s endsession)" /share/agent <>/share/typed &
    exec 3<>/share/typed
    until grep -q Password /share/agent; do sleep 0.05; done
    echo secret >&3
    wait
"#;

#[test]
fn a_password_is_asked_for_once_and_before_anybody_is_asked() {
    let Some(machine) = boot(Machine::setup().file(RULES, &rule("AUTH_ADMIN_KEEP"))) else {
        return;
    };
    let may = "usermod --append --groups sudo alice && echo alice:secret | chpasswd";
    machine.exec(["sh", "-c", may]).success();
    let desk = Desk::start(&machine, "");
    let agent = desk.login.start("foot", ["bash", "-c", AGENT]);
    desk.wait_for_journal("Registered Authentication Agent");
    let _asks = desk.begin(&["poweroff"]);
    assert_eq!(
        machine.wait_for_end(LIMIT),
        End::PowerOff,
        "{}",
        agent.stdout_so_far()
    );
    let asked = std::fs::read_to_string(machine.share().join("agent")).unwrap();
    assert_eq!(
        asked.matches("AUTHENTICATION COMPLETE").count(),
        1,
        "{asked}"
    );
    assert_eq!(asked.matches("AUTHENTICATING FOR").count(), 1, "{asked}");
    assert!(machine.journal().contains("request 1: authorizing"));
}

#[test]
fn a_password_is_not_asked_for_where_nobody_may_be_asked() {
    let Some(machine) = boot(Machine::setup().file(RULES, &rule("AUTH_ADMIN_KEEP"))) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let refused = desk.endsession(&["poweroff", "--no-dialog", "--json"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stdout.contains("\"by\":\"not-authorized\""),
        "{refused:?}"
    );
    assert!(
        refused.stdout.contains("nobody may be asked"),
        "{refused:?}"
    );
    // Somebody else's right to end the machine is not the user's to leave the session.
    let _asks = desk.begin(&["logoff"]);
    assert_eq!(desk.login.wait_for_status(LIMIT), "exited 0");
    assert!(machine.is_up());
}
