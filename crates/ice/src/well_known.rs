//! The properties that xsmp.xml names ("Predefined Properties"), read and made by name.
//!
//! What they say is a client's claim: a command is never run because of it, and a process id
//! identifies nobody.

use crate::property::{Properties, Property};

/// How to start another copy of the client.
pub const CLONE_COMMAND: &str = "CloneCommand";
/// The directory to start it in.
pub const CURRENT_DIRECTORY: &str = "CurrentDirectory";
/// How to throw away the state that it saved.
pub const DISCARD_COMMAND: &str = "DiscardCommand";
/// The environment to start it with.
pub const ENVIRONMENT: &str = "Environment";
/// Its process id.
pub const PROCESS_ID: &str = "ProcessID";
/// The name of its program.
pub const PROGRAM: &str = "Program";
/// How to undo what it did, when it should not come back.
pub const RESIGN_COMMAND: &str = "ResignCommand";
/// How to start it again with the state that it saved.
pub const RESTART_COMMAND: &str = "RestartCommand";
/// When to start it again.
pub const RESTART_STYLE_HINT: &str = "RestartStyleHint";
/// How to clean up after it when the session ends and it has ended before.
pub const SHUTDOWN_COMMAND: &str = "ShutdownCommand";
/// The name of its user.
pub const USER_ID: &str = "UserID";

/// When a client wants to be started again (`RestartStyleHint`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RestartStyle {
    /// In the next session, if it is there at the end of this one.
    #[default]
    IfRunning,
    /// In the next session, also if it ends before.
    Anyway,
    /// At once, whenever it ends.
    Immediately,
    /// Not.
    Never,
}

impl RestartStyle {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::IfRunning => 0,
            Self::Anyway => 1,
            Self::Immediately => 2,
            Self::Never => 3,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [
            Self::IfRunning,
            Self::Anyway,
            Self::Immediately,
            Self::Never,
        ]
        .into_iter()
        .find(|style| style.number() == number)
    }
}

impl Property {
    /// The property that says `style`.
    #[must_use]
    pub fn restart_style(style: RestartStyle) -> Self {
        Self::card8(RESTART_STYLE_HINT, style.number())
    }

    /// The property that says which process the client is.
    #[must_use]
    pub fn process_id(pid: u32) -> Self {
        Self::array8(PROCESS_ID, pid.to_string())
    }

    /// The property that gives the environment.
    #[must_use]
    pub fn environment<N: Into<Vec<u8>>, V: Into<Vec<u8>>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let both = |(name, value): (N, V)| [name.into(), value.into()];
        Self::list(ENVIRONMENT, variables.into_iter().flat_map(both))
    }
}

impl Properties {
    /// [`PROGRAM`].
    #[must_use]
    pub fn program(&self) -> Option<&[u8]> {
        self.one(PROGRAM)
    }

    /// [`USER_ID`].
    #[must_use]
    pub fn user_id(&self) -> Option<&[u8]> {
        self.one(USER_ID)
    }

    /// [`CURRENT_DIRECTORY`].
    #[must_use]
    pub fn current_directory(&self) -> Option<&[u8]> {
        self.one(CURRENT_DIRECTORY)
    }

    /// [`PROCESS_ID`], where it is a number that a process can have.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        let pid = std::str::from_utf8(self.one(PROCESS_ID)?).ok()?;
        pid.trim().parse().ok().filter(|&pid| pid != 0)
    }

    /// [`RESTART_COMMAND`]: program and arguments.
    #[must_use]
    pub fn restart_command(&self) -> Option<&[Vec<u8>]> {
        self.list(RESTART_COMMAND)
    }

    /// [`CLONE_COMMAND`]: program and arguments.
    #[must_use]
    pub fn clone_command(&self) -> Option<&[Vec<u8>]> {
        self.list(CLONE_COMMAND)
    }

    /// [`DISCARD_COMMAND`]: program and arguments.
    #[must_use]
    pub fn discard_command(&self) -> Option<&[Vec<u8>]> {
        self.list(DISCARD_COMMAND)
    }

    /// [`RESIGN_COMMAND`]: program and arguments.
    #[must_use]
    pub fn resign_command(&self) -> Option<&[Vec<u8>]> {
        self.list(RESIGN_COMMAND)
    }

    /// [`SHUTDOWN_COMMAND`]: program and arguments.
    #[must_use]
    pub fn shutdown_command(&self) -> Option<&[Vec<u8>]> {
        self.list(SHUTDOWN_COMMAND)
    }

    /// [`ENVIRONMENT`]: names and values. A name without a value is left out.
    pub fn environment(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let values = self.list(ENVIRONMENT).unwrap_or_default();
        values
            .chunks_exact(2)
            .map(|pair| (pair[0].as_slice(), pair[1].as_slice()))
    }

    /// [`RESTART_STYLE_HINT`]; without one, and with one that means nothing, the usual style.
    #[must_use]
    pub fn restart_style(&self) -> RestartStyle {
        let number = match self.one(RESTART_STYLE_HINT) {
            Some(&[number]) => number,
            // Qt sends a C `int` in its own byte order, of which three bytes are zero.
            Some(&[first, 0, 0, 0]) => first,
            Some(&[0, 0, 0, last]) => last,
            _ => 0,
        };
        RestartStyle::from_number(number).unwrap_or_default()
    }

    /// The first value of a property that should have one.
    fn one(&self, name: &str) -> Option<&[u8]> {
        self.get(name)?.values.first().map(Vec::as_slice)
    }

    fn list(&self, name: &str) -> Option<&[Vec<u8>]> {
        Some(&self.get(name)?.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(property: Property) -> Properties {
        let mut properties = Properties::new();
        properties.set(vec![property]).unwrap();
        properties
    }

    #[test]
    fn a_command_keeps_bytes_that_are_no_text() {
        let command: [&[u8]; 3] = [b"edit", b"\xff\xfe", b""];
        let properties = with(Property::list(RESTART_COMMAND, command));
        assert_eq!(properties.restart_command().unwrap(), command);
        assert_eq!(properties.clone_command(), None);
    }

    #[test]
    fn every_restart_style_is_read_as_it_was_made() {
        for style in [
            RestartStyle::IfRunning,
            RestartStyle::Anyway,
            RestartStyle::Immediately,
            RestartStyle::Never,
        ] {
            assert_eq!(with(Property::restart_style(style)).restart_style(), style);
        }
    }

    #[test]
    fn the_restart_style_of_qt_is_an_int_in_either_order() {
        for bytes in [[3, 0, 0, 0], [0, 0, 0, 3]] {
            let mut property = Property::card8(RESTART_STYLE_HINT, 0);
            property.values = vec![bytes.to_vec()];
            assert_eq!(with(property).restart_style(), RestartStyle::Never);
        }
    }

    #[test]
    fn a_restart_style_that_means_nothing_is_the_usual_one() {
        for values in [vec![], vec![vec![]], vec![vec![4]], vec![vec![1, 1, 0, 0]]] {
            let mut property = Property::card8(RESTART_STYLE_HINT, 0);
            property.values = values;
            assert_eq!(with(property).restart_style(), RestartStyle::IfRunning);
        }
        assert_eq!(Properties::new().restart_style(), RestartStyle::IfRunning);
    }

    #[test]
    fn a_process_id_is_a_number_or_none() {
        assert_eq!(with(Property::process_id(4711)).process_id(), Some(4711));
        for text in ["", "0", "-1", "x", "99999999999"] {
            let properties = with(Property::array8(PROCESS_ID, text));
            assert_eq!(properties.process_id(), None, "{text}");
        }
    }

    #[test]
    fn an_environment_is_pairs() {
        let made = Property::environment([("A", "1"), ("B", "")]);
        let properties = with(made);
        let pairs: Vec<_> = properties.environment().collect();
        assert_eq!(pairs, [(&b"A"[..], &b"1"[..]), (b"B", b"")]);
        let odd = with(Property::list(ENVIRONMENT, ["A", "1", "B"]));
        assert_eq!(odd.environment().count(), 1);
    }
}
