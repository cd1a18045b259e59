//! A tree of widgets as text, for a person to read and for a test to keep.

use std::{fmt, time::Duration};

use super::{AGAIN, Application, Widget, state, words};
use crate::wait::Deadline;

impl Application {
    /// Its windows and all in them, a line each:
    ///
    /// ```text
    /// dialog "Log off?", "Two applications hold it up" [active, modal]
    ///   list "Applications"
    ///     list item "mousepad", "notes.txt is not saved" [focusable]
    ///   push button "Cancel" [focusable, focused, default]
    ///   push button "End all" [focusable, disabled]
    /// ```
    ///
    /// The kind, the name, the description where there is one, and states that tell something.
    /// `hidden` is what would not be on the screen if nothing lay over it, `disabled` what takes no
    /// input.
    #[track_caller]
    pub fn tree(&self) -> String {
        let widgets = self.widgets();
        // The application itself says nothing but its program's name.
        let inside = widgets.iter().filter(|widget| widget.depth > 0);
        inside
            .map(|widget| format!("{}{widget}\n", "  ".repeat(widget.depth - 1)))
            .collect()
    }

    /// Waits until the text of its [tree](Self::tree) is as `wanted` says.
    ///
    /// # Panics
    /// When `limit` runs out; the message has the tree.
    #[track_caller]
    pub fn wait_for_tree(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Deadline::after(limit);
        loop {
            let tree = self.tree();
            if wanted(&tree) {
                return tree;
            }
            assert!(
                !deadline.passed(),
                "within {limit:?} the tree stayed:\n{tree}"
            );
            std::thread::sleep(AGAIN);
        }
    }
}

impl fmt::Display for Widget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(words::role(self.role))?;
        if !self.name.is_empty() || !self.description.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        if !self.description.is_empty() {
            write!(f, ", {:?}", self.description)?;
        }
        let usable = self.is(state::ENABLED) && self.is(state::SENSITIVE);
        let lacks = [(usable, "disabled"), (self.showing, "hidden")];
        let lacks = lacks.into_iter().filter(|(has, _)| !has);
        let states: Vec<_> = words::states(self.states)
            .chain(lacks.map(|(_, name)| name))
            .collect();
        if !states.is_empty() {
            write!(f, " [{}]", states.join(", "))?;
        }
        Ok(())
    }
}
