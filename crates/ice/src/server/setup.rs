//! Setting a connection up: ICE with its authentication, then XSMP with its own (ice.xml, "State
//! Diagrams", the accepting side), then the client's id; and the messages of ICE after that.

use super::session::Session;
use super::{Connection, Event, MAX_CLIENT_ID, Ping, Stage};
use crate::cookie::AUTH_NAME;
use crate::error::{Error, PeerError};
use crate::ice::{Message, VERSION};
use crate::opcode::{Opcode, Protocol, ice, xsmp as op};
use crate::values::{ErrorClass, Severity};
use crate::wire::{HEADER, portable, shown};
use crate::xsmp;

/// The longest name of a protocol that is told back.
const MAX_NAME: usize = 64;

impl Connection {
    pub(super) fn handle_ice(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Error(error) => self.handle_error(error),
            Message::ByteOrder(_) if matches!(self.stage, Stage::ByteOrder) => {
                self.stage = Stage::Setup;
                Ok(())
            }
            Message::ConnectionSetup {
                auth_names,
                versions,
                ..
            } if matches!(self.stage, Stage::Setup) => {
                self.connection_setup(&auth_names, &versions)
            }
            Message::AuthReply { data } => self.auth_reply(&data),
            Message::ProtocolSetup {
                major,
                name,
                auth_names,
                versions,
                ..
            } if self.link.connected => self.protocol_setup(major, &name, &auth_names, &versions),
            Message::Ping if self.link.connected => {
                self.link.send_ice(&Message::PingReply);
                Ok(())
            }
            Message::PingReply => self.ping_reply(),
            // libICE would refuse while XSMP is up. A client that wants to go may.
            Message::WantToClose if self.link.connected => {
                self.leave(Vec::new());
                Ok(())
            }
            other => self.out_of_place(other.minor()),
        }
    }

    fn out_of_place(&mut self, minor: u8) -> Result<(), Error> {
        let state = self.state().name();
        self.fault(Error::BadState {
            opcode: Opcode::ice(minor),
            state,
        })
    }

    /// The originating side offers versions and ways to authenticate. Whether it demands
    /// authentication does not matter: this side always does.
    fn connection_setup(
        &mut self,
        auth_names: &[Vec<u8>],
        versions: &[(u16, u16)],
    ) -> Result<(), Error> {
        let opcode = Opcode::ice(ice::CONNECTION_SETUP);
        let (auth_index, version_index) = match choose(opcode, auth_names, versions) {
            Ok(chosen) => chosen,
            Err(error) => return self.fault(error),
        };
        self.require_cookie(auth_index);
        self.stage = Stage::Auth { version_index };
        Ok(())
    }

    fn require_cookie(&mut self, index: u8) {
        let data = Vec::new();
        self.link.send_ice(&Message::AuthRequired { index, data });
    }

    fn auth_reply(&mut self, data: &[u8]) -> Result<(), Error> {
        match self.stage {
            Stage::Auth { version_index } => {
                if !self.cookies.ice.matches(data) {
                    let protocol = Protocol::Ice;
                    return self.fault(Error::CookieRejected { protocol });
                }
                let (vendor, release) = (self.vendor.clone(), self.release.clone());
                self.link.send_ice(&Message::ConnectionReply {
                    version_index,
                    vendor,
                    release,
                });
                self.link.connected = true;
                self.stage = Stage::Connected;
                Ok(())
            }
            Stage::ProtocolAuth {
                major,
                version_index,
            } => {
                // libICE looks up the entry for ICE whatever is set up (`_IcePoMagicCookie1Proc`),
                // so that every application in existence shows that cookie here too. The one for
                // XSMP is what the document means. Both are compared, always.
                if !(self.cookies.xsmp.matches(data) | self.cookies.ice.matches(data)) {
                    let protocol = Protocol::Xsmp;
                    return self.fault(Error::CookieRejected { protocol });
                }
                let (vendor, release) = (self.vendor.clone(), self.release.clone());
                let ours = self.link.our_major();
                self.link.send_ice(&Message::ProtocolReply {
                    major: ours,
                    version_index,
                    vendor,
                    release,
                });
                self.link.their_major = Some(major);
                self.stage = Stage::Unregistered;
                Ok(())
            }
            _ => self.out_of_place(ice::AUTH_REPLY),
        }
    }

    fn protocol_setup(
        &mut self,
        major: u8,
        name: &[u8],
        auth_names: &[Vec<u8>],
        versions: &[(u16, u16)],
    ) -> Result<(), Error> {
        let opcode = Opcode::ice(ice::PROTOCOL_SETUP);
        if matches!(self.stage, Stage::ProtocolAuth { .. }) {
            return self.out_of_place(ice::PROTOCOL_SETUP);
        }
        if major == 0 {
            return self.fault(Error::BadValue {
                opcode,
                field: "major-opcode",
                offset: 2,
                expected: "1 to 255",
                got: vec![0],
            });
        }
        if self.link.their_major == Some(major) {
            return self.fault(Error::MajorOpcodeDuplicate { major });
        }
        if name != b"XSMP" {
            let name = shown(name, MAX_NAME);
            return self.fault(Error::UnknownProtocol { name });
        }
        if self.link.their_major.is_some() {
            return self.fault(Error::ProtocolDuplicate);
        }
        let (auth_index, version_index) = match choose(opcode, auth_names, versions) {
            Ok(chosen) => chosen,
            Err(error) => return self.fault(error),
        };
        self.require_cookie(auth_index);
        self.stage = Stage::ProtocolAuth {
            major,
            version_index,
        };
        Ok(())
    }

    fn ping_reply(&mut self) -> Result<(), Error> {
        match self.pings.pop_front() {
            Some(Ping::Asked) => self.push(Event::Pong),
            Some(Ping::Barrier) => {
                if let Stage::Registered(session) = &mut self.stage {
                    session.barrier_passed();
                }
                Ok(())
            }
            None => self.out_of_place(ice::PING_REPLY),
        }
    }

    /// A client that is not registered may do nothing else.
    pub(super) fn register_client(&mut self, previous: Vec<u8>) -> Result<(), Error> {
        if !matches!(self.stage, Stage::Unregistered) {
            let state = self.state().name();
            let opcode = Opcode::xsmp(op::REGISTER_CLIENT);
            return self.fault(Error::BadState { opcode, state });
        }
        self.stage = Stage::Registering {
            sequence: self.link.received(),
            previous: previous.clone(),
        };
        if previous.is_empty() {
            return self.push(Event::RegisterRequested { previous: None });
        }
        // Ids are of the Portable Character Set (xsmp.xml, "Client Identification String"); one
        // that is not, or is far too long, was given by nobody.
        let portable = previous.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
        if previous.len() > MAX_CLIENT_ID || !portable {
            self.refuse_id();
            return Ok(());
        }
        let previous = Some(shown(&previous, MAX_CLIENT_ID));
        self.push(Event::RegisterRequested { previous })
    }

    pub(super) fn give_id(&mut self, id: &str) {
        let id = portable(id, MAX_CLIENT_ID);
        self.id = Some(shown(&id, MAX_CLIENT_ID));
        self.link
            .send_xsmp(&xsmp::Message::RegisterClientReply { id });
        self.stage = Stage::Registered(Session::new());
        self.check_output();
    }

    pub(super) fn refuse_id(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Unregistered);
        let Stage::Registering { sequence, previous } = stage else {
            return;
        };
        let id = &previous[..previous.len().min(MAX_CLIENT_ID)];
        let values = self.link.bad_value(HEADER, &self.link.array8(id));
        // libSM finds its request by this sequence number and then asks again without an id.
        self.link.send_error(&PeerError {
            opcode: Opcode::xsmp(op::REGISTER_CLIENT),
            sequence,
            class: ErrorClass::BadValue,
            severity: Severity::CanContinue,
            values,
        });
        self.check_output();
    }
}

/// The indices, among what is offered, of the way to authenticate and of the version.
fn choose(
    opcode: Opcode,
    auth_names: &[Vec<u8>],
    versions: &[(u16, u16)],
) -> Result<(u8, u8), Error> {
    let version = versions.iter().position(|version| *version == VERSION);
    let auth = auth_names
        .iter()
        .position(|name| name == AUTH_NAME.as_bytes());
    // Both counts came in one byte.
    let version = version.and_then(|at| u8::try_from(at).ok());
    let auth = auth.and_then(|at| u8::try_from(at).ok());
    match (auth, version) {
        (_, None) => Err(Error::NoVersion { opcode }),
        (None, _) => Err(Error::NoAuthentication { opcode }),
        (Some(auth), Some(version)) => Ok((auth, version)),
    }
}
