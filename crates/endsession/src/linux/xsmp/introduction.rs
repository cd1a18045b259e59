//! What a manager is told of the program (xsmp.xml, "Predefined Properties").

use std::{
    env,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt},
        fs::MetadataExt as _,
    },
};

use endsession_ice::{
    Property,
    well_known::{
        CLONE_COMMAND, CURRENT_DIRECTORY, PROGRAM, RESTART_COMMAND, RestartStyle, USER_ID,
    },
};

use crate::backend::Application;

/// Those that the document requires, and those by which managers name a program and start it again. A program that does not say how it is
/// started again is not: what it had open would be missing.
pub(super) fn introduction(application: &Application) -> Vec<Property> {
    let file = env::current_exe().unwrap_or_default();
    let name = file.file_name().unwrap_or_default().as_bytes().to_vec();
    let program = file.into_os_string().into_vec();
    let restart = application.restart.as_deref();
    let arguments = restart.unwrap_or_default().iter();
    let arguments = arguments.map(|argument| argument.clone().into_bytes());
    let command: Vec<_> = [program.clone()].into_iter().chain(arguments).collect();
    let style = match restart {
        Some(_) => RestartStyle::IfRunning,
        None => RestartStyle::Never,
    };
    let mut properties = vec![
        Property::array8(PROGRAM, name),
        Property::array8(USER_ID, user()),
        Property::process_id(std::process::id()),
        Property::list(RESTART_COMMAND, command),
        Property::list(CLONE_COMMAND, [program]),
        Property::restart_style(style),
    ];
    if let (Some(_), Ok(directory)) = (restart, env::current_dir()) {
        let directory = directory.into_os_string().into_vec();
        properties.push(Property::array8(CURRENT_DIRECTORY, directory));
    }
    properties
}

/// The user's name, or number.
fn user() -> Vec<u8> {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(env::var_os);
    let mut named = named.filter(|name| !name.is_empty());
    named.next().map_or_else(
        || {
            let of_process = std::fs::metadata("/proc/self");
            let number = of_process.map(|process| process.uid().to_string());
            number.unwrap_or_default().into_bytes()
        },
        OsStringExt::into_vec,
    )
}
