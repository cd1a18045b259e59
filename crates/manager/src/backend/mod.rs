//! Ways to end a session: one file a way. Each is told once to end it, and says when it has.

pub mod child;

pub use child::Child;

/// How this session ends.
#[derive(Debug)]
pub enum Backend {
    /// The manager started the session as its child: `endsession run`.
    Child(Child),
    /// The session is nobody's process: the demo's, and that of tests.
    Nothing,
    /// There is no way to end the session, and requests say so before anybody is asked.
    Missing,
}
