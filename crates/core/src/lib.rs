//! The deterministic heart of endsession.
//!
//! The [`Coordinator`] carries out one request to end a session: it asks every application, shows
//! who blocks, lets go of applications group by group, and has the session ended, or cancels.
//!
//! It does no I/O and reads no clock, no environment and no socket. Its methods come in four
//! kinds:
//!
//! - getters ([`Coordinator::phase`], [`Coordinator::blockers`], [`Coordinator::apps`]);
//! - `handle_*`: a fact and the time of it come in ([`Coordinator::handle_event`],
//!   [`Coordinator::handle_timeout`]);
//! - commands of the user ([`Coordinator::request`], [`Coordinator::choose`]);
//! - `poll_*`: what is to be done now ([`Coordinator::poll_action`]) and when to call
//!   `handle_timeout` next ([`Coordinator::poll_deadline`]).
//!
//! After every call, take actions until there are none, then wait for the next fact or the
//! deadline, whichever comes first. Time never goes back. What a caller does late or twice does no
//! harm: unknown ids and repeated facts are ignored.
//!
//! The state is plain data, [`Clone`], [`Eq`] and [`Hash`], so that every order of events can be
//! tried (`tests/search.rs`).

mod action;
mod app;
mod asking;
mod authorizing;
mod bundle;
mod closing;
mod coordinator;
mod ending;
mod event;
mod facts;
mod finishing;
mod id;
mod policy;
mod rule;
mod showing;
mod time;

pub use action::{Action, Blocker, CancelledBy, Notice, Outcome, Phase, Signal, Why};
pub use app::{Going, Responds, Silence, Vote};
pub use coordinator::{AppView, Coordinator, Joined, SessionOver};
pub use event::{
    Answer, BundleEnd, Choice, ChoiceError, Event, Force, Kind, Request, Round, Window,
};
pub use id::{BundleId, Identity, InhibitorId, JobId, VoterId, WindowId};
pub use policy::Policy;
pub use rule::{EndBy, Rule};
pub use time::{Deadline, Time};
