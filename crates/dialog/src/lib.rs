//! The window of endsession: what is about to happen, who holds it up and why, and the user's
//! choice.
//!
//! It runs in a process of its own, so that nothing in it can take the session manager down, and
//! is drawn by ourselves, so that it needs no toolkit, starts at once and costs little. What it
//! shows ([`content`]) comes in, what the user chose comes out; of the manager it knows nothing.
//!
//! The inside is pure and tested without a display: [`view`] says in words what is to be seen,
//! [`layout`] where, [`state`] what input means. [`paint`], [`access`] and [`shell`] carry that to
//! pixels, to assistive technology and to a display; a file of [`shell`] is one display kind.

pub mod access;
pub mod apps;
pub mod content;
pub mod dialog;
pub mod fonts;
pub mod geometry;
pub mod i18n;
pub mod icons;
pub mod input;
mod keyfile;
pub mod layout;
pub mod paint;
pub mod settings;
pub mod shell;
pub mod state;
pub mod text;
pub mod theme;
pub mod view;
