//! `endsession`: ends your session the way it should end. There are two commands of that name: this file takes the one of the system that it is built
//! for. What both have lies here, the rest beside `linux.rs` and in `windows/`.

mod exit_status;
mod hold;
mod options;

#[cfg(not(windows))]
#[path = "linux.rs"]
mod system;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod system;

use std::process::ExitCode;

// Each names its own `exit`, and Linux' commands one another.
use system::*;

fn main() -> ExitCode {
    system::main()
}
