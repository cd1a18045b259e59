//! Who is registered and what is held: clients and inhibitors come, go, and are told of.

use std::collections::HashMap;
use std::time::Instant;

use endsession_core::{Event, InhibitorId, Round, VoterId};
use zbus::Variant;

use super::{
    Asked, Client, Effects, Gnome, Inhibitor, LOG_OFF, MAX_CLIENTS, MAX_CLIENTS_EACH, MAX_ID,
    MAX_INHIBITORS, MAX_INHIBITORS_EACH, MAX_REASON, NAME, PATH, client_path, clip, error,
    inhibitor_path, limit, object, properties_changed,
};
use crate::bus::{Failure, Peer, signal};

impl Gnome {
    pub(super) fn register(
        &mut self,
        app_id: &str,
        startup_id: &str,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Result<String, Failure> {
        if self.ending {
            return Err(error("NotInRunning", "the session is ending"));
        }
        if !startup_id.is_empty() && self.clients.values().any(|c| c.startup_id == startup_id) {
            return Err(error(
                "AlreadyRegistered",
                format!(
                    "a client with the startup id {:?} is already registered",
                    clip(startup_id, 64)
                ),
            ));
        }
        let held = self.held.entry(peer.name.clone()).or_default();
        if held.clients.len() >= MAX_CLIENTS_EACH || self.clients.len() >= MAX_CLIENTS {
            return Err(limit("clients", held.clients.len(), self.clients.len()));
        }
        self.last += 1;
        let n = self.last;
        held.clients.push(n);
        let client = Client {
            bus_name: peer.name.clone(),
            app_id: clip(app_id, MAX_ID),
            startup_id: if startup_id.is_empty() {
                format!("endsession-{n}")
            } else {
                clip(startup_id, MAX_ID)
            },
            pid: peer.pid,
            told: false,
            since: Instant::now(),
            heard: false,
            unheard: false,
            in_doubt: false,
        };
        let name = name_of(&client.app_id, peer);
        effects.events.push(Event::Registered {
            voter: VoterId(n.into()),
            of: peer.identity.clone(),
            name,
            round: Round::early(Round::DEFAULT_LEVEL),
        });
        self.clients.insert(n, client);
        let path = client_path(n);
        effects.signals.extend(
            object(path.clone())
                .ok()
                .and_then(|p| signal(None, PATH, NAME, "ClientAdded", &p)),
        );
        Ok(path)
    }

    pub(super) fn drop_client(&mut self, n: u32, effects: &mut Effects) {
        let Some(client) = self.clients.remove(&n) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&client.bus_name) {
            held.clients.retain(|c| *c != n);
        }
        effects.events.push(Event::Unregistered(VoterId(n.into())));
        effects.signals.extend(
            object(client_path(n))
                .ok()
                .and_then(|p| signal(None, PATH, NAME, "ClientRemoved", &p)),
        );
    }

    /// Takes an inhibitor; its cookie.
    pub(crate) fn inhibit(
        &mut self,
        asked: Asked<'_>,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Result<u32, Failure> {
        let flags = asked.flags;
        if flags == 0 {
            return Err(error(
                "GeneralError",
                "flags 0 inhibit nothing: add up 1 (log-off), 2 (switch user), 4 (suspend), 8 (idle), 16 (automount)",
            ));
        }
        let each = self.held.get(&peer.name).map_or(0, |h| h.inhibitors.len());
        if each >= MAX_INHIBITORS_EACH || self.inhibitors.len() >= MAX_INHIBITORS {
            return Err(limit("inhibitors", each, self.inhibitors.len()));
        }
        let before = self.inhibited();
        let held = self.held.entry(peer.name.clone()).or_default();
        self.last += 1;
        let n = self.last;
        held.inhibitors.push(n);
        let client = held.clients.first().copied();
        let app_id = clip(asked.app_id, MAX_ID);
        let inhibitor = Inhibitor {
            bus_name: peer.name.clone(),
            name: name_of(&app_id, peer),
            app_id,
            of: peer.identity.clone(),
            reason: clip(asked.reason, MAX_REASON),
            flags,
            xid: asked.xid,
            client,
            by_saver: asked.by_saver,
        };
        if flags & LOG_OFF != 0 {
            effects.events.push(Event::Inhibited {
                inhibitor: InhibitorId(n.into()),
                of: peer.identity.clone(),
                name: inhibitor.name.clone(),
                reason: inhibitor.reason.clone(),
            });
        }
        effects.taken.push(inhibitor.clone());
        self.changed = true;
        self.inhibited |= flags;
        self.inhibitors.insert(n, inhibitor);
        effects.signals.extend(
            object(inhibitor_path(n))
                .ok()
                .and_then(|p| signal(None, PATH, NAME, "InhibitorAdded", &p)),
        );
        self.inhibited_changed(before, effects);
        Ok(n)
    }

    /// Releases one; only its holder's connection may.
    pub(crate) fn uninhibit(
        &mut self,
        cookie: u32,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self.inhibitors.get(&cookie) {
            Some(i) if i.bus_name == peer.name => {
                self.drop_inhibitor(cookie, effects);
                Ok(())
            }
            Some(_) => Err(Failure::denied(format!(
                "inhibitor {cookie} is not yours to release"
            ))),
            None => Err(error(
                "GeneralError",
                format!("there is no inhibitor {cookie}"),
            )),
        }
    }

    /// Releases what was taken at `org.freedesktop.ScreenSaver`: its holders call somebody else there
    /// from now on, and could not release it.
    pub(crate) fn drop_savers(&mut self, effects: &mut Effects) {
        let theirs = self.inhibitors.iter().filter(|(_, i)| i.by_saver);
        let theirs: Vec<u32> = theirs.map(|(n, _)| *n).collect();
        for n in theirs {
            self.drop_inhibitor(n, effects);
        }
    }

    /// Whether inhibitors have come or gone since this was last asked.
    pub(crate) fn inhibitors_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(crate) fn drop_inhibitor(&mut self, n: u32, effects: &mut Effects) {
        let before = self.inhibited();
        let Some(inhibitor) = self.inhibitors.remove(&n) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&inhibitor.bus_name) {
            held.inhibitors.retain(|i| *i != n);
        }
        self.changed = true;
        self.inhibited = self.inhibitors.values().fold(0, |all, i| all | i.flags);
        if inhibitor.flags & LOG_OFF != 0 {
            effects
                .events
                .push(Event::Uninhibited(InhibitorId(n.into())));
        }
        effects.signals.extend(
            object(inhibitor_path(n))
                .ok()
                .and_then(|p| signal(None, PATH, NAME, "InhibitorRemoved", &p)),
        );
        effects.released.push(inhibitor);
        self.inhibited_changed(before, effects);
    }

    /// A connection is gone, and with it all that it held.
    pub(crate) fn left(&mut self, bus_name: &str, effects: &mut Effects) {
        let Some(held) = self.held.remove(bus_name) else {
            return;
        };
        for n in held.inhibitors {
            self.drop_inhibitor(n, effects);
        }
        for n in held.clients {
            self.drop_client(n, effects);
        }
    }

    /// The bus is gone, and with it everybody on it.
    pub(crate) fn all_left(&mut self, effects: &mut Effects) {
        let names: Vec<String> = self.held.keys().cloned().collect();
        for name in names {
            self.left(&name, effects);
        }
    }

    /// The flags that some inhibitor holds.
    pub(crate) fn inhibited(&self) -> u32 {
        self.inhibited
    }

    pub(super) fn inhibited_changed(&self, before: u32, effects: &mut Effects) {
        let now = self.inhibited();
        if now != before {
            let changed = HashMap::from([("InhibitedActions", Variant::from(now))]);
            effects
                .signals
                .extend(properties_changed(PATH, NAME, &changed));
        }
    }
}

/// What a peer is called that gives this app id.
fn name_of(app_id: &str, peer: &Peer) -> String {
    if !app_id.is_empty() {
        return app_id.to_owned();
    }
    let program = peer.pid.and_then(crate::process::program);
    program.unwrap_or_else(|| peer.name.clone())
}
