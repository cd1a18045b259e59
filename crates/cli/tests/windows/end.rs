//! `logoff`, `restart` and `poweroff`: an application in C is asked, and what it answers is the exit status.

use endsession_testkit::wine::Wine;

use crate::{LIMIT, endsession, start};

#[test]
fn a_log_off_that_all_agree_to_is_status_0() {
    let wine = Wine::start();
    let application = wine.application(&["--answer", "yes"]);
    assert_eq!(
        endsession(&wine, &["logoff"]),
        (Some(0), "The session ends.\n".to_owned())
    );
    assert!(application.wait_exit(LIMIT).success());
    let said = application.output();
    assert!(said.contains("end window=1 wparam=1"), "{said}");
    wine.wait_until_over(LIMIT);
}

#[test]
fn a_log_off_that_is_refused_is_status_1() {
    let wine = Wine::start();
    let application = wine.application(&["--answer", "no"]);
    let (code, said) = endsession(&wine, &["logoff", "--wait", "2s"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("has not ended within 2s"), "{said}");
    application.wait_for_line("end window=1 wparam=0", LIMIT);
    assert!(application.is_alive());
}

#[test]
fn an_application_that_hangs_is_status_1_and_the_log_off_goes_on_without_us() {
    let wine = Wine::start();
    let hangs = wine.application(&["--hang"]);
    let (code, said) = endsession(&wine, &["logoff", "--wait", "2s"]);
    assert_eq!(code, Some(1), "{said}");
    hangs.wait_for_line("query window=1", LIMIT);
    assert!(hangs.is_alive());
}

#[test]
fn the_users_yes_in_the_seeds_box_is_waited_for() {
    let wine = Wine::start();
    let asks = wine.application(&["--press", "yes"]);
    let (code, said) = endsession(&wine, &["logoff"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(asks.wait_exit(LIMIT).success());
}

#[test]
fn nobody_is_waited_for_where_it_is_not_wanted() {
    let wine = Wine::start();
    let refuses = wine.application(&["--answer", "no"]);
    let (code, said) = endsession(&wine, &["logoff", "--wait", "0s"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    refuses.wait_for_line("end window=1 wparam=0", LIMIT);
}

#[test]
fn by_force_nobody_is_asked() {
    let wine = Wine::start();
    let refuses = wine.application(&["--answer", "no"]);
    let (code, said) = endsession(&wine, &["logoff", "--force"]);
    assert_eq!(code, Some(0), "{said}");
    refuses.wait_exit(LIMIT);
    assert!(!refuses.output().contains("query"), "{}", refuses.output());
}

#[test]
fn restart_and_power_off_ask_as_a_log_off_does() {
    for command in ["restart", "poweroff"] {
        let wine = Wine::start();
        let application = wine.application(&["--answer", "yes"]);
        let (code, said) = endsession(&wine, &[command, "--reason-code", "0x80040001"]);
        assert_eq!(code, Some(0), "{command}: {said}");
        assert!(application.wait_exit(LIMIT).success());
        let said = application.output();
        assert!(said.contains("answer window=1 value=1"), "{said}");
    }
}

#[test]
fn a_reason_that_nobody_is_shown_is_told_to_whoever_gave_it() {
    let wine = Wine::start();
    let logoff = start(&wine, &["logoff", "--reason", "updates"]);
    logoff.wait_for_line("Windows shows the reason to nobody", LIMIT);
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(0));
}
