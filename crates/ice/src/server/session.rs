//! A registered client: what it may send and be sent when (xsmp.xml, "State Diagrams").
//!
//! Where libSM lets more pass than the document, so does this: applications are written against
//! libSM. Each such place says so.

use super::{Connection, Event, Stage, State};
use crate::error::Error;
use crate::opcode::{Opcode, xsmp as op};
use crate::property;
use crate::values::{DialogKind, InteractStyle, SaveYourself};
use crate::xsmp::Message;

/// How many requests to talk to the user may wait. The document has one at a time; libSM keeps a
/// list.
const MAX_REQUESTS: u32 = 16;

/// A message to send.
pub(super) struct Send {
    pub(super) message: Message,
    pub(super) barrier: Barrier,
}

/// A ping beside a message, to know by the reply what the client sent before and what after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    None,
    Before,
    After,
}

impl Send {
    fn plain(message: Message) -> Self {
        Self {
            message,
            barrier: Barrier::None,
        }
    }
}

/// What becomes of a message.
enum Outcome {
    Event(Event),
    /// It crossed with ours, or comes too late to matter.
    Nothing,
    /// It has no place here.
    BadState,
    /// It has no place as it is, but part of it counts.
    BadStateBut(Event),
}

/// How far a save has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    First,
    Requested,
    Second,
}

/// A save that is not answered.
#[derive(Clone, Copy, Debug)]
struct Active {
    save: SaveYourself,
    phase: Phase,
    requests: u32,
    interacting: bool,
    /// It ended a dialog with the wish to cancel.
    refused: bool,
}

#[derive(Clone, Copy, Debug)]
enum Save {
    None,
    Active(Active),
    Answered { shutdown: bool },
}

/// The state of a registered client.
#[derive(Debug)]
pub(super) struct Session {
    save: Save,
    // Answers to saves that were cancelled. They come before the answer to a newer save.
    owed: u32,
    // The last of those may never come: Qt forgets that it waits for phase 2 when it is cancelled,
    // and gVim says no more after InteractDone(cancel).
    doubtful: bool,
    // It did not come, and is no longer waited for; should it come late, that is no error, and no
    // answer to the next save.
    forgiven: bool,
    // Pings behind a ShutdownCancelled, and before the save that follows one that was forgiven. What
    // comes before the last reply was sent before the client knew, so it is about the cancelled
    // save.
    barriers: u32,
    dying: bool,
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            save: Save::None,
            owed: 0,
            doubtful: false,
            forgiven: false,
            barriers: 0,
            dying: false,
        }
    }

    pub(super) fn state(&self) -> State {
        match &self.save {
            _ if self.dying => State::Dying,
            Save::Active(active) if active.interacting => State::Interacting,
            Save::Active(active) if active.requests > 0 => State::InteractRequested,
            Save::Active(active) => match active.phase {
                Phase::First => State::Saving,
                Phase::Requested => State::Phase2Requested,
                Phase::Second => State::SavingPhase2,
            },
            Save::Answered { .. } => State::Saved,
            Save::None if self.owed > 0 => State::Cancelled,
            Save::None => State::Idle,
        }
    }

    pub(super) fn save_yourself(&mut self, save: SaveYourself) -> Option<Send> {
        if self.dying || matches!(self.save, Save::Active(_)) {
            return None;
        }
        self.save = Save::Active(Active {
            save,
            phase: Phase::First,
            requests: 0,
            interacting: false,
            refused: false,
        });
        let barrier = if self.forgiven {
            self.barriers += 1;
            Barrier::Before
        } else {
            Barrier::None
        };
        Some(Send {
            message: Message::SaveYourself(save),
            barrier,
        })
    }

    pub(super) fn phase2(&mut self) -> Option<Send> {
        match &mut self.save {
            Save::Active(active) if active.phase == Phase::Requested && !self.dying => {
                active.phase = Phase::Second;
                Some(Send::plain(Message::Phase2))
            }
            _ => None,
        }
    }

    pub(super) fn interact(&mut self) -> Option<Send> {
        match &mut self.save {
            Save::Active(active) if active.requests > 0 && !active.interacting && !self.dying => {
                active.requests -= 1;
                active.interacting = true;
                Some(Send::plain(Message::Interact))
            }
            _ => None,
        }
    }

    pub(super) fn save_complete(&mut self) -> Option<Send> {
        if self.dying || !matches!(self.save, Save::Answered { .. }) {
            return None;
        }
        self.save = Save::None;
        Some(Send::plain(Message::SaveComplete))
    }

    pub(super) fn shutdown_cancelled(&mut self) -> Option<Send> {
        if self.dying {
            return None;
        }
        let barrier = match self.save {
            // libSM answers with an error where no shutdown was under way.
            Save::Answered { shutdown: true } => Barrier::None,
            Save::Active(active) if active.save.shutdown => {
                self.owed = self.owed.saturating_add(1);
                self.doubtful = active.phase == Phase::Requested || active.refused;
                self.barriers += 1;
                Barrier::After
            }
            _ => return None,
        };
        self.save = Save::None;
        Some(Send {
            message: Message::ShutdownCancelled,
            barrier,
        })
    }

    /// Legal always, also again: a client may have survived the first.
    pub(super) fn die(&mut self) -> Option<Send> {
        self.dying = true;
        Some(Send::plain(Message::Die))
    }

    /// The client has seen the `ShutdownCancelled` before this ping. A client that waited for phase
    /// 2, or had its user's no, waited for nothing else, so if it answers at all, it has.
    pub(super) fn barrier_passed(&mut self) {
        self.barriers = self.barriers.saturating_sub(1);
        if self.barriers == 0 {
            self.forgiven = std::mem::take(&mut self.doubtful);
            self.owed = self.owed.saturating_sub(u32::from(self.forgiven));
        }
    }

    /// Whether what comes now about a save is about a cancelled one, or too late to matter.
    fn is_past(&self) -> bool {
        let cancelled = matches!(self.save, Save::None) && self.owed > 0;
        self.dying || self.barriers > 0 || cancelled
    }

    fn interact_request(&mut self, kind: DialogKind) -> Outcome {
        if self.is_past() {
            return Outcome::Nothing;
        }
        let Save::Active(active) = &mut self.save else {
            return Outcome::BadState;
        };
        let allowed = match (active.save.interact, kind) {
            (InteractStyle::None, _) => false,
            (InteractStyle::Errors, kind) => kind == DialogKind::Error,
            (InteractStyle::Any, _) => true,
        };
        if !allowed || active.requests >= MAX_REQUESTS {
            return Outcome::BadState;
        }
        active.requests += 1;
        Outcome::Event(Event::InteractRequested { kind })
    }

    fn interact_done(&mut self, cancel: bool) -> Outcome {
        if self.is_past() {
            return Outcome::Nothing;
        }
        match &mut self.save {
            Save::Active(active) if active.interacting => {
                active.interacting = false;
                let may_cancel =
                    active.save.shutdown && active.save.interact != InteractStyle::None;
                if cancel && !may_cancel {
                    // libSM would take the interaction for going on, and nobody else could ever
                    // talk to the user.
                    return Outcome::BadStateBut(Event::InteractDone { cancel: false });
                }
                active.refused |= cancel;
                Outcome::Event(Event::InteractDone { cancel })
            }
            // The end of a dialog that was open when its shutdown was cancelled.
            _ if self.owed > 0 => Outcome::Nothing,
            _ => Outcome::BadState,
        }
    }

    /// Accepted in any phase and during an interaction, as libSM does: whatever the client asked
    /// for before, now it has answered.
    fn save_yourself_done(&mut self, success: bool) -> Outcome {
        if self.owed > 0 {
            self.owed -= 1;
            if self.owed == 0 {
                self.doubtful = false;
            }
            return match self.save {
                Save::None if self.owed == 0 => Outcome::Event(Event::SaveDone { success }),
                _ => Outcome::Nothing,
            };
        }
        let late = !matches!(self.save, Save::Active(_)) || self.barriers > 0;
        if self.forgiven && late {
            self.forgiven = false;
            return Outcome::Nothing;
        }
        match self.save {
            Save::Active(active) => {
                self.save = Save::Answered {
                    shutdown: active.save.shutdown,
                };
                Outcome::Event(Event::SaveDone { success })
            }
            _ => Outcome::BadState,
        }
    }

    fn phase2_request(&mut self) -> Outcome {
        if self.is_past() {
            return Outcome::Nothing;
        }
        let Save::Active(active) = &mut self.save else {
            return Outcome::BadState;
        };
        match active.phase {
            Phase::First => {
                active.phase = Phase::Requested;
                Outcome::Event(Event::Phase2Requested)
            }
            // libSM's clients may ask twice; the second replaces the first.
            Phase::Requested => Outcome::Nothing,
            Phase::Second => Outcome::BadState,
        }
    }
}

impl Connection {
    pub(super) fn handle_xsmp(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Error(error) => self.handle_error(error),
            Message::RegisterClient { previous } => self.register_client(previous),
            // Also from a client that never registered: it wants to go.
            Message::CloseConnection { reasons } => {
                self.leave(reasons);
                Ok(())
            }
            Message::SaveYourselfRequest { save, global } => {
                let event = Event::SaveYourselfRequested { save, global };
                // The document has it in the idle state alone. A client that asks for a log-off
                // right after it registered has not seen its first SaveYourself.
                self.in_session(op::SAVE_YOURSELF_REQUEST, |session| match session.dying {
                    true => Outcome::Nothing,
                    false => Outcome::Event(event),
                })
            }
            Message::InteractRequest(kind) => {
                self.in_session(op::INTERACT_REQUEST, |s| s.interact_request(kind))
            }
            Message::InteractDone { cancel } => {
                self.in_session(op::INTERACT_DONE, |s| s.interact_done(cancel))
            }
            Message::SaveYourselfDone { success } => {
                self.in_session(op::SAVE_YOURSELF_DONE, |s| s.save_yourself_done(success))
            }
            Message::Phase2Request => {
                self.in_session(op::SAVE_YOURSELF_PHASE2_REQUEST, Session::phase2_request)
            }
            Message::SetProperties(list) => {
                self.registered(op::SET_PROPERTIES)?;
                match self.properties.set(list) {
                    Ok(()) => self.push(Event::PropertiesChanged),
                    Err(property::TooMuch { field, limit, got }) => self.fault(Error::TooMuch {
                        opcode: Opcode::xsmp(op::SET_PROPERTIES),
                        field,
                        limit,
                        got,
                    }),
                }
            }
            Message::DeleteProperties(names) => {
                self.registered(op::DELETE_PROPERTIES)?;
                let mut changed = false;
                for name in names {
                    // Toolkits delete what they never set.
                    changed |= self.properties.remove(name);
                }
                match changed {
                    true => self.push(Event::PropertiesChanged),
                    false => Ok(()),
                }
            }
            Message::GetProperties => {
                self.registered(op::GET_PROPERTIES)?;
                self.link.send_properties(self.properties.iter());
                Ok(())
            }
            Message::RegisterClientReply { .. } => self.not_to_us(op::REGISTER_CLIENT_REPLY),
            Message::SaveYourself(_) => self.not_to_us(op::SAVE_YOURSELF),
            Message::Interact => self.not_to_us(op::INTERACT),
            Message::Die => self.not_to_us(op::DIE),
            Message::ShutdownCancelled => self.not_to_us(op::SHUTDOWN_CANCELLED),
            Message::GetPropertiesReply(_) => self.not_to_us(op::GET_PROPERTIES_REPLY),
            Message::Phase2 => self.not_to_us(op::SAVE_YOURSELF_PHASE2),
            Message::SaveComplete => self.not_to_us(op::SAVE_COMPLETE),
        }
    }

    fn not_to_us(&mut self, minor: u8) -> Result<(), Error> {
        let opcode = Opcode::xsmp(minor);
        self.fault(Error::BadMinor { opcode })
    }

    /// Whoever speaks before it has an id does not speak XSMP: libSM ends the protocol, too.
    fn registered(&mut self, minor: u8) -> Result<(), Error> {
        if matches!(self.stage, Stage::Registered(_)) {
            return Ok(());
        }
        let state = self.state().name();
        let opcode = Opcode::xsmp(minor);
        Err(self.link.fail(Error::BadState { opcode, state }))
    }

    fn in_session(
        &mut self,
        minor: u8,
        handle: impl FnOnce(&mut Session) -> Outcome,
    ) -> Result<(), Error> {
        self.registered(minor)?;
        let state = self.state().name();
        let Stage::Registered(session) = &mut self.stage else {
            return Ok(());
        };
        let bad_state = Error::BadState {
            opcode: Opcode::xsmp(minor),
            state,
        };
        match handle(session) {
            Outcome::Nothing => Ok(()),
            Outcome::Event(event) => self.push(event),
            Outcome::BadState => self.fault(bad_state),
            Outcome::BadStateBut(event) => {
                self.fault(bad_state)?;
                self.push(event)
            }
        }
    }
}
