//! Which windows are of which client, where the X server does not tell.

use super::*;

#[test]
fn a_window_of_an_unknown_process_is_of_the_client_that_it_names() {
    let desk = Desk::xsmp_x11_without_processes();
    let xterm = desk.sandbox.spawn(["xterm", "-title", "tied"]);
    let display = desk.display();
    let window = display.wait_for_window(LIMIT, |w| w.title == "tied");
    assert_eq!(window.pid, None);
    display.wait_for_session_id(&window, LIMIT);
    let status = desk.status();
    let all = status["applications"].as_array().unwrap();
    let tied: Vec<_> = all
        .iter()
        .filter(|a| a["windows"].to_string().contains("tied"))
        .collect();
    assert_eq!(tied.len(), 1, "{status}");
    assert_eq!(tied[0]["pid"], xterm.pid(), "{status}");
    assert_eq!(
        tied[0]["protocols"],
        serde_json::json!(["xsmp", "window"]),
        "{status}"
    );
}
