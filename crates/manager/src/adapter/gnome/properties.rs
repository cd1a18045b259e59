//! The presence object, and the properties of all objects.

use std::collections::HashMap;

use zbus::message::Header;
use zbus::{Message, Variant};

use super::{Effects, Gnome, MAX_ID, NAME, Object, PATH, PRESENCE, arguments, clip, error};
use crate::bus::{Answered, Failure, reply, signal};

impl Gnome {
    pub(super) fn presence_call(
        &mut self,
        member: &str,
        message: &Message,
        header: &Header<'_>,
        effects: &mut Effects,
    ) -> Answered {
        match member {
            "SetStatus" => {
                let status: u32 = arguments::<u32>(message, header, "u")?;
                if status > 3 {
                    return Err(error(
                        "InvalidOption",
                        format!(
                            "presence {status} is none of 0 (available), 1 (invisible), 2 (busy), 3 (idle)"
                        ),
                    ));
                }
                self.set_presence(status, effects);
                reply(header, &())
            }
            "SetStatusText" => {
                let body = message.body();
                let text: &str = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "s"))?;
                self.set_presence_text(text, effects);
                reply(header, &())
            }
            _ => Err(Failure::unknown_method(header)),
        }
    }

    /// Whether by its method or as a property: those who listen hear of it.
    fn set_presence(&mut self, status: u32, effects: &mut Effects) {
        self.presence.0 = status;
        effects.signals.extend(signal(
            None,
            &format!("{PATH}/Presence"),
            PRESENCE,
            "StatusChanged",
            &status,
        ));
    }

    fn set_presence_text(&mut self, text: &str, effects: &mut Effects) {
        self.presence.1 = clip(text, MAX_ID);
        effects.signals.extend(signal(
            None,
            &format!("{PATH}/Presence"),
            PRESENCE,
            "StatusTextChanged",
            &self.presence.1.as_str(),
        ));
    }

    pub(super) fn properties(
        &self,
        object: &Object,
        interface: &str,
    ) -> HashMap<&'static str, Variant<'_>> {
        match (object, interface) {
            (Object::Manager, NAME) => HashMap::from([
                ("SessionName", Variant::from("endsession")),
                ("Renderer", Variant::from("")),
                ("SessionIsActive", Variant::from(true)),
                ("InhibitedActions", Variant::from(self.inhibited())),
            ]),
            (Object::Presence, PRESENCE) => HashMap::from([
                ("status", Variant::from(self.presence.0)),
                ("status-text", Variant::from(self.presence.1.as_str())),
            ]),
            _ => HashMap::new(),
        }
    }

    pub(super) fn property(
        &mut self,
        object: &Object,
        member: &str,
        message: &Message,
        header: &Header<'_>,
        effects: &mut Effects,
    ) -> Answered {
        let body = message.body();
        match member {
            "Get" => {
                let (interface, name): (&str, &str) = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "ss"))?;
                match self.properties(object, interface).remove(name) {
                    Some(value) => reply(header, &value),
                    None => Err(Failure::new(
                        "org.freedesktop.DBus.Error.UnknownProperty",
                        format!("{interface} has no property {name:?} here"),
                    )),
                }
            }
            "GetAll" => {
                let interface: &str = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "s"))?;
                reply(header, &self.properties(object, interface))
            }
            "Set" => {
                let (interface, name, value): (&str, &str, Variant<'_>) = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "ssv"))?;
                match (object, interface, name, value) {
                    (Object::Presence, PRESENCE, "status", Variant::U32(status)) if status <= 3 => {
                        self.set_presence(status, effects);
                        reply(header, &())
                    }
                    (Object::Presence, PRESENCE, "status-text", Variant::Str(text)) => {
                        self.set_presence_text(&text, effects);
                        reply(header, &())
                    }
                    _ => Err(Failure::new(
                        "org.freedesktop.DBus.Error.PropertyReadOnly",
                        format!("{name:?} of {interface} cannot be set to that"),
                    )),
                }
            }
            _ => Err(Failure::unknown_method(header)),
        }
    }
}
