//! Ending the session: what is called in which order, and what its errors mean.

use super::{system::System, words};
use crate::{EndRequest, Error, Pending};

/// Numbers of GetLastError.
const ACCESS_DENIED: u32 = 5;
const NOT_ALL_ASSIGNED: u32 = 1300;
const PRIVILEGE_NOT_HELD: u32 = 1314;
/// Somebody's end is under way already.
const SHUTDOWN_IN_PROGRESS: u32 = 1115;
const SHUTDOWN_IS_SCHEDULED: u32 = 1190;

/// Carries `request` out. Windows returns once it has begun, and tells no more.
pub(super) fn send(system: &impl System, request: &EndRequest) -> Result<Pending, Error> {
    if request.confirm {
        return Err(Error::Unsupported {
            what: "asking whether it is meant",
            why: "Windows does not ask; ask with endsession::ask first".to_owned(),
        });
    }
    let exit = words::exit(request);
    if exit.is_power {
        system
            .permit_power_off()
            .map_err(|error| failed("enabling SE_SHUTDOWN_NAME (AdjustTokenPrivileges)", error))?;
    }
    system
        .exit_windows(exit.flags, exit.reason)
        .map_err(|error| failed("ExitWindowsEx", error))?;
    Ok(Pending::begun())
}

fn failed(what: &'static str, error: u32) -> Error {
    match error {
        ACCESS_DENIED | NOT_ALL_ASSIGNED | PRIVILEGE_NOT_HELD => Error::NotPermitted {
            why: format!(
                "{what}: error {error}; this user may not end the session or shut the machine down (\"Shut down the system\" in the local security policy)"
            ),
        },
        SHUTDOWN_IN_PROGRESS | SHUTDOWN_IS_SCHEDULED => Error::Failed {
            what,
            why: format!("error {error}: a shut-down is under way already"),
        },
        _ => Error::Failed {
            what,
            why: format!("error {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Force,
        windows::system::recorded::{Call, Recorded},
    };

    #[test]
    fn a_log_off_needs_no_privilege() {
        let system = Recorded::default();
        assert!(send(&system, &EndRequest::log_off()).is_ok());
        assert_eq!(system.calls(), [Call::ExitWindows(0, 0xFFFF_FFFF)]);
    }

    #[test]
    fn the_privilege_is_enabled_before_the_machine_goes() {
        let system = Recorded::default();
        let request = EndRequest::power_off().force(Force::Yes);
        assert!(send(&system, &request).is_ok());
        assert_eq!(
            system.calls(),
            [Call::PermitPowerOff, Call::ExitWindows(0xD, 0x8004_0000)]
        );
    }

    #[test]
    fn without_the_privilege_nothing_is_begun() {
        let system = Recorded::default();
        system.refuse_power_off_with(NOT_ALL_ASSIGNED);
        let sent = send(&system, &EndRequest::restart());
        assert!(matches!(sent, Err(Error::NotPermitted { why }) if why.contains("1300")));
        assert_eq!(system.calls(), [Call::PermitPowerOff]);
    }

    #[test]
    fn what_windows_answers_is_told() {
        let system = Recorded::default();
        system.fail_exit_with(SHUTDOWN_IN_PROGRESS);
        let sent = send(&system, &EndRequest::log_off());
        assert!(matches!(sent, Err(Error::Failed { why, .. }) if why.contains("under way")));
    }

    #[test]
    fn what_windows_does_not_ask_is_not_begun_unasked() {
        let system = Recorded::default();
        let sent = send(&system, &EndRequest::log_off().confirm());
        assert!(matches!(sent, Err(Error::Unsupported { .. })));
        assert!(system.calls().is_empty());
    }
}
