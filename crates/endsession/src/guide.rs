//! The guide's table is what [`Backend::support`] says.

use crate::{Backend, Support, What};

const GUIDE: &str = include_str!("guide.md");

fn row(backend: Backend, support: Support) -> String {
    let word = |is: bool| if is { "yes" } else { "no" };
    let names = [
        (What::LOG_OFF, "log-off"),
        (What::SLEEP, "sleep"),
        (What::IDLE, "idle"),
    ];
    let held = names
        .iter()
        .filter(|(what, _)| support.holds().contains(*what));
    let held: Vec<_> = held.map(|(_, name)| *name).collect();
    let cells = [
        backend.name(),
        word(support.queries()),
        word(support.refuses()),
        word(support.waits_for_user()),
        word(support.shows_reason()),
        word(support.tells_kind()),
        word(support.tells_end()),
        &if held.is_empty() {
            "nothing".to_owned()
        } else {
            held.join(", ")
        },
    ]
    .join(" | ");
    format!("| {cells} |")
}

#[test]
fn the_guides_table_is_what_the_backends_say() {
    for backend in Backend::ALL {
        let row = row(backend, backend.support());
        assert!(
            GUIDE.lines().any(|line| line == row),
            "not in the guide: {row}"
        );
    }
}
