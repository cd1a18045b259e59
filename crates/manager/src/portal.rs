//! Between the loop and the portal's adapter: who the portal is, whose its calls are, and when a yes counts.

use zbus::Message;
use zbus::message::{Flags, Header, Type};

use crate::adapter::gnome::Effects;
use crate::adapter::portal::FRONTEND;
use crate::bus::{About, Answered, DBUS, DBUS_PATH, Peer};
use crate::manager::Manager;
use crate::sandbox;

impl Manager {
    /// Learns who is the portal, now and from now on.
    pub(crate) fn follow_the_portal(&mut self) {
        let rule = format!(
            "type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{FRONTEND}'"
        );
        let call = |member: &'static str| {
            Message::method_call(DBUS_PATH, member)
                .destination(DBUS)
                .interface(DBUS)
        };
        if let Ok(follow) = call("AddMatch")
            .with_flags(Flags::NO_REPLY_EXPECTED)
            .build(&rule.as_str())
        {
            self.bus.send(follow);
        }
        if let Ok(ask) = call("GetNameOwner").build(&FRONTEND) {
            self.bus.call(ask, About::PortalOwner);
        }
    }

    /// The bus says who is the portal.
    pub(crate) fn portal_is(&mut self, owner: &str) {
        let mut effects = Effects::default();
        let owner = Some(owner);
        self.portal
            .frontend_is(owner, &mut self.gnome, &mut effects);
        self.carry_out(effects);
    }

    /// The bus answered who that is; with an error where there is none yet.
    pub(crate) fn portal_owner_answered(&mut self, answer: &Message) {
        if answer.message_type() != Type::Error
            && let Ok(owner) = answer.body().deserialize::<&str>()
        {
            self.portal_is(owner);
        }
    }

    /// A call of the portal's. `None`: it is answered later.
    pub(crate) fn portal_call(
        &mut self,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
    ) -> Option<Answered> {
        let (mut effects, mut questions) = (Effects::default(), Vec::new());
        let answered =
            self.portal
                .call(message, peer, &mut self.gnome, &mut effects, &mut questions);
        for question in questions {
            self.bus.call(question, About::Portal);
        }
        self.carry_out(effects);
        if let Some(Err(failed)) = &answered {
            let member = header.member().map(|m| m.to_string()).unwrap_or_default();
            tracing::info!("the portal's {member}: {}", failed.text);
        }
        answered
    }

    /// The bus says whose connection it is that a call of the portal's was about.
    pub(crate) fn portal_told(&mut self, answer: &Message) {
        let table = self.processes();
        let mut effects = Effects::default();
        let messages = self
            .portal
            .told(answer, &mut self.gnome, &mut effects, |pid| {
                sandbox::application(pid, &table)
            });
        self.carry_out(effects);
        for message in messages {
            self.bus.send(message);
        }
    }

    /// A yes counts by now.
    pub(crate) fn portal_is_due(&mut self) {
        for event in self.portal.handle_timeout(std::time::Instant::now()) {
            self.event(event);
        }
    }
}
