//! What sandboxed applications hold up: each is an inhibitor in the one table of them, whoever it came through.

use std::collections::HashMap;

use zbus::message::Header;
use zbus::{Message, ObjectPath, Variant};

use super::{MAX_EACH, MAX_HOLDS, Portal, limit, name};
use crate::adapter::gnome::{Asked, Effects, Gnome};
use crate::bus::{Answered, Failure, Peer, reply};

/// What `Inhibit` takes: handle, app id, window, flags, options.
pub(super) type Inhibit<'a> = (
    ObjectPath<'a>,
    &'a str,
    &'a str,
    u32,
    HashMap<&'a str, Variant<'a>>,
);

/// What became of a request to hold something up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// The bus is being asked whose it is.
    Awaited,
    /// It holds, by this inhibitor.
    Held { cookie: u32, sender: String },
}

impl Portal {
    pub(super) fn inhibit(
        &mut self,
        call: &Message,
        header: &Header<'_>,
        caller: &Peer,
        gnome: &mut Gnome,
        effects: &mut Effects,
    ) -> Answered {
        let body = call.body();
        let (handle, app_id, _window, flags, options): Inhibit<'_> = body
            .deserialize()
            .map_err(|_| Failure::arguments(header, "ossua{sv}"))?;
        // It was closed before anybody knew whose it was.
        if self.holds.get(handle.as_str()) != Some(&Hold::Awaited) {
            return reply(header, &());
        }
        self.holds.remove(handle.as_str());
        let is_of_caller =
            |hold: &&Hold| matches!(hold, Hold::Held { sender, .. } if *sender == caller.name);
        if self.holds.len() >= MAX_HOLDS
            || self.holds.values().filter(is_of_caller).count() >= MAX_EACH
        {
            return Err(limit("inhibitors", self.holds.len()));
        }
        let reason = options.get("reason").and_then(|r| <&str>::try_from(r).ok());
        // The portal's connection holds it, as the bus sees it; the application does, as its user does.
        let holder = Peer {
            name: self.frontend.clone().unwrap_or_default(),
            ..caller.clone()
        };
        let name = name(app_id, caller);
        let asked = Asked {
            app_id: &name,
            xid: 0,
            reason: reason.unwrap_or_default(),
            flags,
            by_saver: false,
        };
        let cookie = gnome.inhibit(asked, &holder, effects)?;
        let sender = caller.name.clone();
        self.holds
            .insert(handle.to_string(), Hold::Held { cookie, sender });
        reply(header, &())
    }

    /// Nobody will ever hold what this call asked for.
    pub(super) fn forget_awaited(&mut self, call: &Message) {
        let body = call.body();
        if let Ok((handle, ..)) = body.deserialize::<Inhibit<'_>>()
            && self.holds.get(handle.as_str()) == Some(&Hold::Awaited)
        {
            self.holds.remove(handle.as_str());
        }
    }

    /// A request was closed, by its application or because that has gone.
    pub(super) fn release(&mut self, path: &str, gnome: &mut Gnome, effects: &mut Effects) {
        if let Some(Hold::Held { cookie, .. }) = self.holds.remove(path) {
            gnome.drop_inhibitor(cookie, effects);
        }
    }
}
