//! A registered client: what it may send and be sent when (xsmp.xml, "Client State Diagram").

use super::{Connection, Event, Stage, State};
use crate::error::Error;
use crate::opcode::{Opcode, xsmp as op};
use crate::values::{DialogKind, InteractStyle, SaveYourself};
use crate::xsmp::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    First,
    Waiting,
    Second,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interaction {
    No,
    Requested,
    Granted,
}

/// A save that is not answered.
#[derive(Clone, Copy, Debug)]
struct Active {
    save: SaveYourself,
    phase: Phase,
    interaction: Interaction,
}

#[derive(Clone, Copy, Debug)]
enum Save {
    None,
    Active(Active),
    // For a shutdown; after any other save the client goes on at once.
    Answered,
    Cancelled,
}

/// The state of a registered client.
#[derive(Debug)]
pub(super) struct Session {
    save: Save,
    // A save was answered and the manager has not said that it is over. After a cancel it may:
    // xfce4-session makes a checkpoint of the save then, and libSM takes that, too.
    complete_due: bool,
    dying: bool,
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            save: Save::None,
            complete_due: false,
            dying: false,
        }
    }

    pub(super) fn state(&self) -> State {
        match &self.save {
            _ if self.dying => State::Dying,
            Save::None => State::Idle,
            Save::Answered => State::Saved,
            Save::Cancelled => State::Cancelled,
            Save::Active(active) => match (active.interaction, active.phase) {
                (Interaction::Requested, _) => State::InteractRequested,
                (Interaction::Granted, _) => State::Interacting,
                (Interaction::No, Phase::First) => State::Saving,
                (Interaction::No, Phase::Waiting) => State::WaitingForPhase2,
                (Interaction::No, Phase::Second) => State::SavingPhase2,
            },
        }
    }

    /// The save under way, unless the client is told to end.
    fn active(&mut self) -> Option<&mut Active> {
        match &mut self.save {
            Save::Active(active) if !self.dying => Some(active),
            _ => None,
        }
    }

    pub(super) fn interact_request(&mut self, kind: DialogKind) -> Option<Message> {
        let active = self.active()?;
        let allowed = match active.save.interact {
            InteractStyle::None => false,
            InteractStyle::Errors => kind == DialogKind::Error,
            InteractStyle::Any => true,
        };
        let free = active.interaction == Interaction::No && active.phase != Phase::Waiting;
        if !allowed || !free {
            return None;
        }
        active.interaction = Interaction::Requested;
        Some(Message::InteractRequest(kind))
    }

    pub(super) fn interact_done(&mut self, cancel: bool) -> Option<Message> {
        let active = self.active()?;
        if active.interaction != Interaction::Granted || (cancel && !active.save.shutdown) {
            return None;
        }
        active.interaction = Interaction::No;
        Some(Message::InteractDone { cancel })
    }

    pub(super) fn phase2_request(&mut self) -> Option<Message> {
        let active = self.active()?;
        if active.interaction != Interaction::No || active.phase != Phase::First {
            return None;
        }
        active.phase = Phase::Waiting;
        Some(Message::Phase2Request)
    }

    pub(super) fn save_done(&mut self, success: bool) -> Option<Message> {
        match &self.save {
            _ if self.dying => return None,
            Save::Active(active)
                if active.interaction == Interaction::No && active.phase != Phase::Waiting =>
            {
                self.complete_due = true;
                self.save = match active.save.shutdown {
                    true => Save::Answered,
                    false => Save::None,
                };
            }
            Save::Cancelled => {
                self.complete_due = true;
                self.save = Save::None;
            }
            _ => return None,
        }
        Some(Message::SaveYourselfDone { success })
    }

    /// What must be said before a new save: one under way is given up (xsmp.xml, `SaveYourself`).
    fn save_yourself(&mut self, save: SaveYourself) -> Vec<Message> {
        let mut owed = Vec::new();
        match &self.save {
            Save::Active(active) => {
                if active.interaction == Interaction::Granted {
                    owed.push(Message::InteractDone { cancel: false });
                }
                owed.push(Message::SaveYourselfDone { success: false });
            }
            Save::Cancelled => owed.push(Message::SaveYourselfDone { success: false }),
            Save::None | Save::Answered => {}
        }
        self.save = Save::Active(Active {
            save,
            phase: Phase::First,
            interaction: Interaction::No,
        });
        owed
    }

    /// `None` is a message out of place; `Some(None)` one that crossed with ours, or comes too late.
    fn interact(&mut self) -> Option<Option<Event>> {
        match &mut self.save {
            _ if self.dying => Some(None),
            Save::Cancelled => Some(None),
            Save::Active(active) if active.interaction == Interaction::Requested => {
                active.interaction = Interaction::Granted;
                Some(Some(Event::Interact))
            }
            _ => None,
        }
    }

    fn phase2(&mut self) -> Option<Option<Event>> {
        match &mut self.save {
            _ if self.dying => Some(None),
            Save::Cancelled => Some(None),
            Save::Active(active) if active.phase == Phase::Waiting => {
                active.phase = Phase::Second;
                Some(Some(Event::Phase2))
            }
            _ => None,
        }
    }

    fn save_complete(&mut self) -> Option<Option<Event>> {
        if !self.complete_due {
            return None;
        }
        self.complete_due = false;
        if matches!(self.save, Save::Answered) {
            self.save = Save::None;
        }
        Some(Some(Event::SaveComplete))
    }

    fn shutdown_cancelled(&mut self) -> Option<Option<Event>> {
        self.save = match &self.save {
            Save::Answered => Save::None,
            Save::Active(active) if active.save.shutdown => Save::Cancelled,
            _ => return None,
        };
        Some(Some(Event::ShutdownCancelled))
    }
}

impl Connection {
    pub(super) fn handle_xsmp(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Error(error) => self.handle_error(error),
            Message::RegisterClientReply { id } => self.registered_as(&id),
            Message::SaveYourself(save) => {
                self.check_registered(op::SAVE_YOURSELF)?;
                let owed = match &mut self.stage {
                    Stage::Registered(session) if !session.dying => session.save_yourself(save),
                    // It comes too late to matter.
                    _ => return Ok(()),
                };
                for message in owed {
                    self.send(&message);
                }
                self.push(Event::SaveYourself(save))
            }
            Message::Interact => self.in_session(op::INTERACT, Session::interact),
            Message::Phase2 => self.in_session(op::SAVE_YOURSELF_PHASE2, Session::phase2),
            Message::SaveComplete => self.in_session(op::SAVE_COMPLETE, Session::save_complete),
            Message::ShutdownCancelled => {
                let was = self.state();
                self.in_session(op::SHUTDOWN_CANCELLED, Session::shutdown_cancelled)?;
                // It waited for nothing but the others, so the answer is given before anything
                // else is said: a manager could take a later one for that to the next question.
                if was == State::WaitingForPhase2 && self.state() == State::Cancelled {
                    let _allowed = self.save_done(false);
                }
                Ok(())
            }
            Message::Die => self.in_session(op::DIE, |session| {
                session.dying = true;
                Some(Some(Event::Die))
            }),
            Message::GetPropertiesReply(properties) => {
                self.check_registered(op::GET_PROPERTIES_REPLY)?;
                if self.questions == 0 {
                    return self.out_of_place(op::GET_PROPERTIES_REPLY);
                }
                self.questions -= 1;
                self.push(Event::Properties(properties))
            }
            Message::RegisterClient { .. } => self.not_to_us(op::REGISTER_CLIENT),
            Message::SaveYourselfRequest { .. } => self.not_to_us(op::SAVE_YOURSELF_REQUEST),
            Message::InteractRequest(_) => self.not_to_us(op::INTERACT_REQUEST),
            Message::InteractDone { .. } => self.not_to_us(op::INTERACT_DONE),
            Message::SaveYourselfDone { .. } => self.not_to_us(op::SAVE_YOURSELF_DONE),
            Message::CloseConnection { .. } => self.not_to_us(op::CLOSE_CONNECTION),
            Message::SetProperties(_) => self.not_to_us(op::SET_PROPERTIES),
            Message::DeleteProperties(_) => self.not_to_us(op::DELETE_PROPERTIES),
            Message::GetProperties => self.not_to_us(op::GET_PROPERTIES),
            Message::Phase2Request => self.not_to_us(op::SAVE_YOURSELF_PHASE2_REQUEST),
        }
    }

    fn not_to_us(&mut self, minor: u8) -> Result<(), Error> {
        let opcode = Opcode::xsmp(minor);
        self.fault(Error::BadMinor { opcode })
    }

    fn out_of_place(&mut self, minor: u8) -> Result<(), Error> {
        let opcode = Opcode::xsmp(minor);
        let state = self.state().name();
        self.fault(Error::BadState { opcode, state })
    }

    /// A manager that asks things of a client without an id does not speak XSMP; libSM ends the
    /// protocol, too.
    fn check_registered(&mut self, minor: u8) -> Result<(), Error> {
        if matches!(self.stage, Stage::Registered(_)) {
            return Ok(());
        }
        let opcode = Opcode::xsmp(minor);
        let state = self.state().name();
        Err(self.link.fail(Error::BadState { opcode, state }))
    }

    fn in_session(
        &mut self,
        minor: u8,
        handle: impl FnOnce(&mut Session) -> Option<Option<Event>>,
    ) -> Result<(), Error> {
        self.check_registered(minor)?;
        let Stage::Registered(session) = &mut self.stage else {
            return Ok(());
        };
        match handle(session) {
            Some(Some(event)) => self.push(event),
            Some(None) => Ok(()),
            None => self.out_of_place(minor),
        }
    }
}
