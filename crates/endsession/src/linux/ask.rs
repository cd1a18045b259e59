//! A question with Yes and No.

use crate::Error;

pub(crate) fn ask(_: &str) -> Result<bool, Error> {
    Err(Error::Unsupported {
        what: "asking the user",
        why: "endsession does not know how".to_owned(),
    })
}
