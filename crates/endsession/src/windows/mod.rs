//! Windows: a window is asked with `WM_QUERYENDSESSION` and told with `WM_ENDSESSION`.
//!
//! What is decided is in `words`, `desk`, `door`, `power`, `introduce` and `request`, without a call of Windows: they are built and tested on every platform, against
//! the calls that `system` names. What is called is in `calls`, `hidden`, `given`, `console`, `hold_window`, `programs` and `ask`: all unsafe code of this crate.

#![cfg_attr(windows, allow(unsafe_code, reason = "the calls of Windows"))]
#![cfg_attr(not(windows), allow(dead_code, reason = "built for its tests"))]

mod desk;
mod door;
mod introduce;
mod power;
mod request;
mod system;
mod words;

#[cfg(windows)]
mod ask;
#[cfg(windows)]
mod calls;
#[cfg(windows)]
mod console;
#[cfg(windows)]
mod given;
#[cfg(windows)]
mod hidden;
#[cfg(windows)]
mod hold_window;
#[cfg(windows)]
mod programs;
#[cfg(windows)]
mod start;

#[cfg(windows)]
pub(crate) use self::{
    ask::ask,
    start::{request, start},
};
#[cfg(windows)]
pub use self::{
    hold_window::HoldWindow,
    programs::{Program, programs},
};
