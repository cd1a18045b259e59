//! A question with Yes and No, for programs that have no dialog of their own.

use crate::{Error, platform};

/// Asks the user `question` in a window with Yes and No, and waits for the answer: `true` for Yes. A window that is closed is a no.
///
/// The seed's box. On Windows it is MessageBox; on Linux the window of the first of these programs that is installed: `endsession ask`, `zenity`, `kdialog`,
/// `yad`, `xmessage`. A program with a toolkit of its own asks with that instead.
///
/// # Errors
/// [`Error::Unsupported`] where there is no such program, or no display to show it on; [`Error::Failed`] where it fails.
pub fn ask(question: &str) -> Result<bool, Error> {
    platform::ask(question)
}
