//! What AT-SPI's numbers are called: AtspiRole and AtspiStateType of atspi-constants.h.

/// Kinds of widgets, in the order of their numbers.
const ROLES: &[&str] = &[
    "invalid",
    "accelerator label",
    "alert",
    "animation",
    "arrow",
    "calendar",
    "canvas",
    "check box",
    "check menu item",
    "color chooser",
    "column header",
    "combo box",
    "date editor",
    "desktop icon",
    "desktop frame",
    "dial",
    "dialog",
    "directory pane",
    "drawing area",
    "file chooser",
    "filler",
    "focus traversable",
    "font chooser",
    "frame",
    "glass pane",
    "html container",
    "icon",
    "image",
    "internal frame",
    "label",
    "layered pane",
    "list",
    "list item",
    "menu",
    "menu bar",
    "menu item",
    "option pane",
    "page tab",
    "page tab list",
    "panel",
    "password text",
    "popup menu",
    "progress bar",
    "push button",
    "radio button",
    "radio menu item",
    "root pane",
    "row header",
    "scroll bar",
    "scroll pane",
    "separator",
    "slider",
    "spin button",
    "split pane",
    "status bar",
    "table",
    "table cell",
    "table column header",
    "table row header",
    "tearoff menu item",
    "terminal",
    "text",
    "toggle button",
    "tool bar",
    "tool tip",
    "tree",
    "tree table",
    "unknown",
    "viewport",
    "window",
    "extended",
    "header",
    "footer",
    "paragraph",
    "ruler",
    "application",
    "autocomplete",
    "editbar",
    "embedded",
    "entry",
    "chart",
    "caption",
    "document frame",
    "heading",
    "page",
    "section",
    "redundant object",
    "form",
    "link",
    "input method window",
    "table row",
    "tree item",
    "document spreadsheet",
    "document presentation",
    "document text",
    "document web",
    "document email",
    "comment",
    "list box",
    "grouping",
    "image map",
    "notification",
    "info bar",
    "level bar",
    "title bar",
    "block quote",
    "audio",
    "video",
    "definition",
    "article",
    "landmark",
    "log",
    "marquee",
    "math",
    "rating",
    "timer",
    "static",
    "math fraction",
    "math root",
    "subscript",
    "superscript",
    "description list",
    "description term",
    "description value",
    "footnote",
    "content deletion",
    "content insertion",
    "mark",
    "suggestion",
    "push button menu",
];

/// What is said of a widget in a text of its tree, and its bit. What nearly every widget is, and how
/// it is laid out, is left out.
const STATES: &[(u32, &str)] = &[
    (1, "active"),
    (3, "busy"),
    (4, "checked"),
    (5, "collapsed"),
    (7, "editable"),
    (10, "expanded"),
    (11, "focusable"),
    (12, "focused"),
    (16, "modal"),
    (17, "multi-line"),
    (20, "pressed"),
    (22, "selectable"),
    (23, "selected"),
    (32, "indeterminate"),
    (33, "required"),
    (36, "invalid-entry"),
    (39, "default"),
    (41, "checkable"),
    (42, "has-popup"),
    (43, "read-only"),
];

/// What kind `role` is called.
pub(super) fn role(role: u32) -> &'static str {
    ROLES.get(role as usize).copied().unwrap_or("unheard-of")
}

/// The names of those of `states` that are worth telling.
pub(super) fn states(states: u64) -> impl Iterator<Item = &'static str> {
    let told = STATES
        .iter()
        .filter(move |(bit, _)| states & (1 << bit) != 0);
    told.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::a11y::{role as kinds, state};

    #[test]
    fn numbers_and_words_belong_together() {
        let known = [
            (kinds::ALERT, "alert"),
            (kinds::FRAME, "frame"),
            (kinds::LIST_ITEM, "list item"),
            (kinds::PUSH_BUTTON, "push button"),
            (kinds::TEXT, "text"),
            (kinds::WINDOW, "window"),
        ];
        assert!(known.iter().all(|(number, name)| role(*number) == *name));
        let some = 1 << state::FOCUSED | 1 << state::MODAL | 1 << state::IS_DEFAULT;
        assert!(states(some).eq(["focused", "modal", "default"]));
    }
}
