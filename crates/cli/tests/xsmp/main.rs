//! XSMP end to end: the real binary's session, and clients in processes of their own that it
//! started, or that came to it.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod authority;
mod cancel;
mod desk;
mod log_off;
mod register;
mod status;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod trouble;

/// Is no test: every [`desk::Desk::app`] is this program again, told to run this.
#[test]
fn application() {
    endsession_testkit::xsmp_client::serve_if_told();
}
