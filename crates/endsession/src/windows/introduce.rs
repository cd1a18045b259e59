//! What is said to Windows once, of the whole program.

use super::{system::System, words};
use crate::backend::Application;

/// Says it. That something of it is not taken keeps no program from starting.
pub(super) fn introduce(system: &impl System, application: &Application) {
    if let Some(level) = application.level
        && let Err(error) = system.set_level(level)
    {
        tracing::warn!(
            "the level 0x{level:x} is not taken (SetProcessShutdownParameters: error {error})"
        );
    }
    let Some(arguments) = &application.restart else {
        return;
    };
    let Some(line) = words::restart_line(arguments) else {
        tracing::warn!(
            "the program is not started again: its arguments have more than {} characters",
            words::MAX_RESTART - 1
        );
        return;
    };
    if let Err(code) = system.register_restart(&line) {
        tracing::warn!(
            "the program is not started again (RegisterApplicationRestart: 0x{code:08x})"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::system::recorded::{Call, Recorded};

    fn said(level: Option<u32>, restart: Option<&[&str]>) -> Vec<Call> {
        let system = Recorded::default();
        let words = restart.map(|words| words.iter().map(|&word| word.to_owned()).collect());
        let application = Application {
            id: "app".to_owned(),
            window: None,
            restart: words,
            level,
        };
        introduce(&system, &application);
        system.calls()
    }

    #[test]
    fn the_level_and_the_restart_are_said_where_they_are_given() {
        assert_eq!(said(None, None), []);
        assert_eq!(said(Some(0x3FF), None), [Call::SetLevel(0x3FF)]);
        let line = r#"--open "my file""#.to_owned();
        assert_eq!(
            said(Some(0x100), Some(&["--open", "my file"])),
            [Call::SetLevel(0x100), Call::RegisterRestart(line)]
        );
    }

    #[test]
    fn a_line_that_windows_would_cut_is_not_said() {
        assert_eq!(said(None, Some(&[&"a".repeat(1_024)])), []);
    }
}
