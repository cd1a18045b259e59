//! `org.freedesktop.ScreenSaver` as players, browsers and calls use it (the draft "Idle Inhibition
//! Service" of freedesktop.org, and what kscreenlocker serves): reads its calls. Touches no socket.

use zbus::Message;
use zbus::message::Header;

use crate::bus::Failure;

pub(crate) const NAME: &str = "org.freedesktop.ScreenSaver";

/// Both are in use: the second is the older.
pub(crate) const PATHS: [&str; 2] = ["/org/freedesktop/ScreenSaver", "/ScreenSaver"];

pub(crate) const XML: &str = include_str!("screensaver.xml");

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Keep from idling; by which name and why.
    Inhibit(String, String),
    /// No longer.
    UnInhibit(u32),
    /// Whether the screen is locked or blank.
    GetActive,
    /// For how long, in seconds.
    GetActiveTime,
    /// For how long the user has touched nothing, in seconds.
    GetSessionIdleTime,
    /// Lock the screen.
    Lock,
    /// Blank it, or no longer.
    SetActive(bool),
    /// As if the user had touched something.
    SimulateUserActivity,
}

/// What a call asks for.
///
/// # Errors
/// When it is none of this interface, or its arguments are not what it takes.
pub(crate) fn read(message: &Message, header: &Header<'_>) -> Result<Call, Failure> {
    if header.interface().is_some_and(|i| i.as_str() != NAME) {
        return Err(Failure::unknown_method(header));
    }
    let member = header.member().map(|m| m.to_string()).unwrap_or_default();
    let body = message.body();
    let nothing = |call| match body.deserialize::<()>() {
        Ok(()) => Ok(call),
        Err(_) => Err(Failure::arguments(header, "")),
    };
    match member.as_str() {
        "Inhibit" => body
            .deserialize::<(&str, &str)>()
            .map(|(app, why)| Call::Inhibit(app.to_owned(), why.to_owned()))
            .map_err(|_| Failure::arguments(header, "ss")),
        "UnInhibit" => body
            .deserialize::<u32>()
            .map(Call::UnInhibit)
            .map_err(|_| Failure::arguments(header, "u")),
        "SetActive" => body
            .deserialize::<bool>()
            .map(Call::SetActive)
            .map_err(|_| Failure::arguments(header, "b")),
        "GetActive" => nothing(Call::GetActive),
        "GetActiveTime" => nothing(Call::GetActiveTime),
        "GetSessionIdleTime" => nothing(Call::GetSessionIdleTime),
        "Lock" => nothing(Call::Lock),
        "SimulateUserActivity" => nothing(Call::SimulateUserActivity),
        _ => Err(Failure::unknown_method(header)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_call<B>(member: &'static str, body: &B) -> Result<Call, Failure>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let message = Message::method_call(PATHS[0], member)
            .interface(NAME)
            .build(body)
            .unwrap();
        read(&message, &message.header())
    }

    #[test]
    fn every_method_that_introspection_names_is_read() {
        let methods = XML.split("<method name=\"").skip(1);
        let methods: Vec<&str> = methods.filter_map(|m| m.split('"').next()).collect();
        assert_eq!(methods.len(), 8);
        for method in methods {
            let wrong = read_call(method.to_owned().leak(), &(1_i64, 2.0)).unwrap_err();
            assert_eq!(
                wrong.name, "org.freedesktop.DBus.Error.InvalidArgs",
                "{method}"
            );
        }
    }

    #[test]
    fn arguments_are_read_whole_or_refused() {
        let inhibit = read_call("Inhibit", &("mpv", "")).unwrap();
        assert_eq!(inhibit, Call::Inhibit("mpv".into(), String::new()));
        assert!(read_call("Inhibit", &"mpv").is_err());
        assert_eq!(read_call("SetActive", &true), Ok(Call::SetActive(true)));
        assert_eq!(read_call("Lock", &()), Ok(Call::Lock));
        assert!(read_call("Throttle", &("mpv", "")).is_err());
    }
}
