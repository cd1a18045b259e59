//! The objects of single clients and inhibitors: answers to queries, and questions about them.

use endsession_core::{Answer, Event, VoterId};
use zbus::Message;
use zbus::message::Header;

use super::{
    Client, Effects, Gnome, MAX_REASON, PRIVATE, client_path, clip, error, inhibitor_path, object,
};
use crate::bus::{Answered, Failure, Peer, reply, signal};

impl Gnome {
    /// Only the client itself may answer for its object.
    pub(super) fn own(&self, n: u32, peer: &Peer) -> Result<&Client, Failure> {
        match self.clients.get(&n) {
            Some(client) if client.bus_name == peer.name => Ok(client),
            Some(_) => Err(Failure::denied(format!(
                "{} is another client's",
                client_path(n)
            ))),
            None => Err(Failure::unknown_object(&client_path(n))),
        }
    }

    /// It speaks on its own object: whatever is said to it there is heard.
    fn is_heard(&mut self, n: u32) {
        if let Some(client) = self.clients.get_mut(&n) {
            client.heard = true;
            client.unheard = false;
            client.in_doubt = false;
        }
    }

    pub(super) fn private_call(
        &mut self,
        n: u32,
        member: &str,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Answered {
        if member != "EndSessionResponse" {
            return Err(Failure::unknown_method(header));
        }
        let told = self.own(n, peer)?.told;
        self.is_heard(n);
        let body = message.body();
        let (ok, reason): (bool, &str) = body
            .deserialize()
            .map_err(|_| Failure::arguments(header, "bs"))?;
        if told {
            // The answer to EndSession: it has saved what it had to, and may go. GTK goes by
            // itself; at-spi-bus-launcher, for one, waits for this, as gnome-session sends it.
            let stop = signal(Some(&peer.name), &client_path(n), PRIVATE, "Stop", &());
            effects.signals.extend(stop);
            return reply(header, &());
        }
        let answer = if ok {
            Answer::Accept
        } else {
            Answer::Refuse(clip(reason, MAX_REASON))
        };
        effects
            .events
            .push(Event::Answered(VoterId(n.into()), answer));
        reply(header, &())
    }

    pub(super) fn own_call(
        &mut self,
        n: u32,
        member: &str,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Answered {
        self.own(n, peer)?;
        self.is_heard(n);
        let answer = match member {
            "AskingUser" => Answer::AskingUser,
            "Answer" => {
                let body = message.body();
                let (accept, by_user, reason): (bool, bool, &str) = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "bbs"))?;
                let reason = clip(reason, MAX_REASON);
                match (accept, by_user) {
                    (true, _) => Answer::Accept,
                    (false, true) => Answer::UserRefused(reason),
                    (false, false) => Answer::Refuse(reason),
                }
            }
            _ => return Err(Failure::unknown_method(header)),
        };
        effects
            .events
            .push(Event::Answered(VoterId(n.into()), answer));
        reply(header, &())
    }

    pub(super) fn client_call(
        &self,
        n: u32,
        member: &str,
        header: &Header<'_>,
        effects: &mut Effects,
    ) -> Answered {
        let client = self
            .clients
            .get(&n)
            .ok_or_else(|| Failure::unknown_object(&client_path(n)))?;
        match member {
            "GetAppId" => reply(header, &client.app_id.as_str()),
            "GetStartupId" => reply(header, &client.startup_id.as_str()),
            "GetRestartStyleHint" => reply(header, &0_u32),
            "GetUnixProcessId" => match client.pid {
                Some(pid) => reply(header, &pid),
                None => Err(error(
                    "GeneralError",
                    "the bus does not tell this client's process",
                )),
            },
            // 1 is GSM_CLIENT_REGISTERED.
            "GetStatus" => reply(header, &1_u32),
            "Stop" => {
                effects.signals.extend(signal(
                    Some(&client.bus_name),
                    &client_path(n),
                    PRIVATE,
                    "Stop",
                    &(),
                ));
                reply(header, &())
            }
            _ => Err(Failure::unknown_method(header)),
        }
    }

    pub(super) fn inhibitor_call(&self, n: u32, member: &str, header: &Header<'_>) -> Answered {
        let i = self
            .inhibitors
            .get(&n)
            .ok_or_else(|| Failure::unknown_object(&inhibitor_path(n)))?;
        match member {
            "GetAppId" => reply(header, &i.app_id.as_str()),
            "GetClientId" => match i.client.filter(|c| self.clients.contains_key(c)) {
                Some(client) => reply(header, &object(client_path(client))?),
                None => Err(error(
                    "GeneralError",
                    "this inhibitor belongs to no registered client",
                )),
            },
            "GetReason" => reply(header, &i.reason.as_str()),
            "GetFlags" => reply(header, &i.flags),
            "GetToplevelXid" => reply(header, &i.xid),
            _ => Err(Failure::unknown_method(header)),
        }
    }
}
