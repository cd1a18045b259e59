//! Setting a connection up: ICE with its authentication, then XSMP with its own (ice.xml, "State
//! Diagrams", the originating side), then the id; and the messages of ICE after that.

use super::session::Session;
use super::{Connection, Event, Stage};
use crate::cookie::AUTH_NAME;
use crate::error::{Error, PeerError};
use crate::ice::{Message, VERSION};
use crate::link::ends;
use crate::opcode::{Opcode, Protocol, ice as op, xsmp as xop};
use crate::server::MAX_CLIENT_ID;
use crate::values::ErrorClass;
use crate::wire::shown;
use crate::xsmp;

/// What the client calls itself. The document leaves both undefined for XSMP; libSM's clients say
/// the same.
const VENDOR: &[u8] = b"MIT";
const RELEASE: &[u8] = b"1.0";

/// What is kept of the manager's name and of a foreign protocol's.
const MAX_NAME: usize = 256;

impl Connection {
    pub(super) fn handle_ice(&mut self, message: Message) -> Result<(), Error> {
        match (message, &self.stage) {
            (Message::Error(error), _) => self.handle_error(error),
            (Message::ByteOrder(_), Stage::ByteOrder) => {
                self.connection_setup();
                Ok(())
            }
            (Message::AuthRequired { index, .. }, _) => self.auth_required(index),
            (Message::ConnectionReply { version_index, .. }, Stage::Setup { .. }) => {
                let opcode = Opcode::ice(op::CONNECTION_REPLY);
                self.check_index(opcode, "version-index", version_index)?;
                self.link.connected = true;
                self.protocol_setup();
                Ok(())
            }
            (
                Message::ProtocolReply {
                    major,
                    version_index,
                    vendor,
                    release,
                },
                Stage::Protocol { .. },
            ) => {
                let opcode = Opcode::ice(op::PROTOCOL_REPLY);
                self.check_index(opcode, "version-index", version_index)?;
                if major == 0 {
                    return Err(self.link.fail(Error::BadValue {
                        opcode,
                        field: "major-opcode",
                        offset: 3,
                        expected: "1 to 255",
                        got: vec![major],
                    }));
                }
                self.link.their_major = Some(major);
                self.vendor = shown(&vendor, MAX_NAME);
                self.release = shown(&release, MAX_NAME);
                self.register();
                Ok(())
            }
            (Message::ProtocolSetup { name, .. }, _) if self.link.connected => {
                let name = shown(&name, MAX_NAME);
                self.fault(Error::UnknownProtocol { name })
            }
            (Message::Ping, _) if self.link.connected => {
                self.link.send_ice(&Message::PingReply);
                Ok(())
            }
            (Message::PingReply, _) if self.pings > 0 => {
                self.pings -= 1;
                self.push(Event::Pong)
            }
            // XSMP is wanted as long as the application runs.
            (Message::WantToClose, _) if self.link.connected => {
                self.link.send_ice(&Message::NoClose);
                Ok(())
            }
            (other, _) => {
                let opcode = Opcode::ice(other.minor());
                let state = self.state().name();
                self.fault(Error::BadState { opcode, state })
            }
        }
    }

    fn auth_names(&self) -> Vec<Vec<u8>> {
        match self.cookies {
            Some(_) => vec![AUTH_NAME.into()],
            None => Vec::new(),
        }
    }

    fn connection_setup(&mut self) {
        let auth_names = self.auth_names();
        self.link.send_ice(&Message::ConnectionSetup {
            must_authenticate: false,
            vendor: VENDOR.into(),
            release: RELEASE.into(),
            auth_names,
            versions: vec![VERSION],
        });
        self.stage = Stage::Setup {
            authenticated: false,
        };
    }

    fn protocol_setup(&mut self) {
        let auth_names = self.auth_names();
        let major = self.link.our_major();
        self.link.send_ice(&Message::ProtocolSetup {
            major,
            must_authenticate: false,
            name: b"XSMP".into(),
            vendor: VENDOR.into(),
            release: RELEASE.into(),
            auth_names,
            versions: vec![VERSION],
        });
        self.stage = Stage::Protocol {
            authenticated: false,
        };
    }

    /// The manager wants a cookie, once for each of both.
    fn auth_required(&mut self, index: u8) -> Result<(), Error> {
        let opcode = Opcode::ice(op::AUTH_REQUIRED);
        let cookie = match (&mut self.stage, &self.cookies) {
            (Stage::Setup { authenticated }, Some(cookies)) if !*authenticated => {
                *authenticated = true;
                cookies.ice.bytes().to_vec()
            }
            (Stage::Protocol { authenticated }, Some(cookies)) if !*authenticated => {
                *authenticated = true;
                cookies.xsmp.bytes().to_vec()
            }
            _ => {
                let state = self.state().name();
                return self.fault(Error::BadState { opcode, state });
            }
        };
        self.check_index(opcode, "authentication-protocol-index", index)?;
        self.link.send_ice(&Message::AuthReply { data: cookie });
        Ok(())
    }

    /// One version and one way to authenticate are offered: the index of either is 0.
    fn check_index(&mut self, opcode: Opcode, field: &'static str, index: u8) -> Result<(), Error> {
        if index == 0 {
            return Ok(());
        }
        Err(self.link.fail(Error::BadValue {
            opcode,
            field,
            offset: 2,
            expected: "0",
            got: vec![index],
        }))
    }

    fn register(&mut self) {
        let previous = std::mem::take(&mut self.previous);
        let has_previous = !previous.is_empty();
        self.send(&xsmp::Message::RegisterClient { previous });
        self.stage = Stage::Registering {
            previous: has_previous,
            sequence: self.link.last_sent(),
        };
    }

    pub(super) fn registered_as(&mut self, id: &[u8]) -> Result<(), Error> {
        if !matches!(self.stage, Stage::Registering { .. }) {
            let opcode = Opcode::xsmp(xop::REGISTER_CLIENT_REPLY);
            let state = self.state().name();
            return self.fault(Error::BadState { opcode, state });
        }
        self.id = Some(shown(id, MAX_CLIENT_ID));
        self.stage = Stage::Registered(Session::new());
        self.push(Event::Registered)
    }

    /// The manager says that a message of ours was wrong.
    pub(super) fn handle_error(&mut self, error: PeerError) -> Result<(), Error> {
        let of_registering = error.opcode.protocol == Protocol::Xsmp
            && error.opcode.minor == xop::REGISTER_CLIENT
            && error.class == ErrorClass::BadValue;
        if let Stage::Registering {
            previous: true,
            sequence,
        } = self.stage
            && of_registering
            && error.sequence == sequence
        {
            // `previous` was taken when it was sent: this asks for a new id.
            self.register();
            return self.push(Event::PreviousIdRefused);
        }
        let setting_up = !matches!(self.stage, Stage::Registered(_));
        if setting_up || ends(&error) {
            self.link.close();
            return Err(Error::Refused(error));
        }
        self.push(Event::PeerError(error))
    }
}
