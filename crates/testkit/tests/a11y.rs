//! Trees of widgets, read and used, and what is told of their changes: of a GTK application, and of a
//! program that shows its tree through AccessKit.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    io::BufRead as _,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use accesskit::{
    Action, ActionHandler, ActionRequest, ActivationHandler, DeactivationHandler, Live, Node,
    NodeId, Rect, Role, TreeId, TreeInfo, TreeUpdate,
};
use accesskit_unix::Adapter;
use endsession_testkit::{
    a11y::{Application, ScreenReader, role, state},
    apps,
    bus::Bus,
    session::{Proc, Sandbox},
    x11::Xvfb,
};

const LIMIT: Duration = Duration::from_secs(30);

/// Says to this program that it is the one with AccessKit.
const SIGN: &str = "ENDSESSION_TEST_ACCESSKIT";

const WINDOW: NodeId = NodeId(1);
const STATUS: NodeId = NodeId(2);
const LIST: NodeId = NodeId(3);
const CANCEL: NodeId = NodeId(4);
const END: NodeId = NodeId(5);
const ROWS: u64 = 10;

/// What the program shows: rows, what it announces, and who has the keyboard.
struct Shown {
    rows: Vec<String>,
    status: String,
    focus: NodeId,
}

impl Shown {
    fn tree(&self) -> TreeUpdate {
        let mut window = Node::new(Role::Window);
        window.set_label("Log off?");
        window.set_children([STATUS, LIST, CANCEL, END]);
        let mut status = Node::new(Role::Label);
        status.set_value(self.status.as_str());
        status.set_live(Live::Polite);
        let mut list = Node::new(Role::List);
        list.set_label("Applications");
        let ids = || (ROWS..).map(NodeId).take(self.rows.len());
        list.set_children(ids().collect::<Vec<_>>());
        let button = |label: &str, left: f64| {
            let mut button = Node::new(Role::Button);
            button.set_label(label);
            button.add_action(Action::Click);
            button.add_action(Action::Focus);
            button.set_bounds(Rect::new(left, 100.0, left + 80.0, 130.0));
            button
        };
        let mut nodes = vec![
            (WINDOW, window),
            (STATUS, status),
            (LIST, list),
            (CANCEL, button("Cancel", 10.0)),
            (END, button("End all", 110.0)),
        ];
        nodes.extend(ids().zip(&self.rows).map(|(id, name)| {
            let mut row = Node::new(Role::ListItem);
            row.set_label(name.as_str());
            row.set_description("is not saved");
            (id, row)
        }));
        TreeUpdate {
            nodes,
            tree: Some(TreeInfo::new(WINDOW)),
            tree_id: TreeId::ROOT,
            focus: self.focus,
        }
    }
}

struct Handler(Arc<Mutex<Shown>>);

impl ActivationHandler for Handler {
    fn request_initial_tree(&mut self) -> Option<TreeUpdate> {
        println!("shows its tree");
        Some(self.0.lock().unwrap().tree())
    }
}

impl ActionHandler for Handler {
    fn do_action(&mut self, request: ActionRequest) {
        println!("{:?} of {}", request.action, request.target_node.0);
    }
}

impl DeactivationHandler for Handler {
    fn deactivate_accessibility(&mut self) {
        println!("hides its tree");
    }
}

/// The program: does what it reads, a line at a time.
#[test]
fn accesskit_program() {
    if std::env::var_os(SIGN).is_none() {
        return;
    }
    let shown = Arc::new(Mutex::new(Shown {
        rows: ["mousepad", "gedit"].map(str::to_owned).into(),
        status: "Two applications hold it up".to_owned(),
        focus: CANCEL,
    }));
    let handler = || Handler(shown.clone());
    let mut adapter = Adapter::new(handler(), handler(), handler());
    adapter.update_window_focus_state(true);
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        match line.unwrap().split_once(' ').unwrap() {
            ("remove", name) => shown.lock().unwrap().rows.retain(|row| row != name),
            ("say", text) => shown.lock().unwrap().status = text.to_owned(),
            ("focus", _) => shown.lock().unwrap().focus = END,
            other => panic!("what is {other:?}?"),
        }
        adapter.update_if_active(|| shown.lock().unwrap().tree());
    }
}

fn start(sandbox: &Sandbox) -> Proc {
    let program = sandbox.install(&std::env::current_exe().unwrap());
    let mut command = Command::new(program);
    command
        .args(["--exact", "accesskit_program", "--nocapture", "--quiet"])
        .env(SIGN, "1");
    let process = sandbox.spawn_with_input(command);
    process.wait_for_line("ready", LIMIT);
    process
}

struct Session {
    program: Proc,
    widgets: Application,
    reader: ScreenReader,
    _bus: Bus,
}

fn session() -> Session {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let reader = ScreenReader::on(&bus);
    let program = start(&sandbox);
    let widgets = reader.application(program.pid());
    widgets.wait_for_named(role::PUSH_BUTTON, "Cancel", LIMIT);
    Session {
        program,
        widgets,
        reader,
        _bus: bus,
    }
}

#[test]
fn a_tree_is_read_as_text() {
    let session = session();
    let expected = r#"frame "Log off?" [active]
  label "Two applications hold it up"
  list "Applications"
    list item "mousepad", "is not saved"
    list item "gedit", "is not saved"
  push button "Cancel" [focusable, focused]
  push button "End all" [focusable]
"#;
    assert_eq!(session.widgets.tree(), expected);
}

#[test]
fn an_accesskit_program_shows_its_tree_only_while_a_screen_reader_runs() {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let program = start(&sandbox);
    let reader = ScreenReader::on(&bus);
    program.wait_for_line("shows its tree", LIMIT);
    drop(reader);
    program.wait_for_line("hides its tree", LIMIT);
}

#[test]
fn a_button_is_pressed_and_focused_where_it_is() {
    let session = session();
    let (program, widgets) = (&session.program, &session.widgets);
    let end = widgets.wait_for_named(role::PUSH_BUTTON, "End all", LIMIT);
    assert_eq!(widgets.place(&end), (110, 100, 80, 30));
    assert_eq!(widgets.actions(&end), ["click"]);
    widgets.act(&end, "click");
    program.wait_for_line("Click of 5", LIMIT);
    let cancel = widgets.wait_for(LIMIT, |widget| widget.is(state::FOCUSED));
    assert_eq!(cancel.name, "Cancel");
    widgets.press(&cancel);
    program.wait_for_line("Click of 4", LIMIT);
    widgets.focus(&end);
    program.wait_for_line("Focus of 5", LIMIT);
}

#[test]
fn a_row_that_goes_is_heard_of() {
    let session = session();
    let (reader, widgets) = (&session.reader, &session.widgets);
    let mark = reader.mark();
    session
        .program
        .write("remove gedit\nsay One application holds it up\n");
    let said = reader.wait_for_announcement(mark, "One application", LIMIT);
    assert_eq!(said, "One application holds it up");
    assert_eq!(reader.announcements(mark), [said]);
    widgets.wait_until_gone(LIMIT, |widget| widget.name == "gedit");
    let list = widgets.wait_for_named(role::LIST, "Applications", LIMIT);
    let gone = reader.wait_for_event(mark, LIMIT, |event| event.member == "ChildrenChanged");
    assert_eq!(
        (gone.detail.as_str(), gone.path.as_str()),
        ("remove", list.path())
    );
    assert_eq!(gone.pid, Some(session.program.pid()));
}

#[test]
fn the_keyboard_that_moves_is_heard_of() {
    let session = session();
    let mark = session.reader.mark();
    session.program.write("focus end\n");
    let focused = session.reader.wait_for_event(mark, LIMIT, |event| {
        event.member == "StateChanged" && event.detail == "focused" && event.number == 1
    });
    let widgets = session.widgets.widgets();
    let end = widgets.iter().find(|widget| widget.path() == focused.path);
    assert_eq!(end.unwrap().name, "End all");
}

#[test]
fn a_gtk_application_is_read_and_heard_as_well() {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let reader = ScreenReader::on(&bus);
    let _xvfb = Xvfb::with_openbox_in(&sandbox);
    let mousepad = apps::mousepad(&sandbox);
    let widgets = reader.application(mousepad.process().pid());
    let tree = widgets.wait_for_tree(LIMIT, |tree| tree.contains("[active]"));
    assert!(
        tree.starts_with("frame \"Untitled 1 - Mousepad\" [active]\n"),
        "{tree}"
    );
    let lines = [
        "    menu bar\n",
        "push button \"Undo\", \"Undo the last action\" [focusable, disabled, hidden]\n",
        "  text [editable, focusable, focused, multi-line]\n",
    ];
    assert!(lines.iter().all(|line| tree.contains(line)), "{tree}");
    let mark = reader.mark();
    mousepad.write("not saved");
    let inserted = reader.wait_for_event(mark, LIMIT, |event| event.member == "TextChanged");
    assert_eq!(
        (inserted.detail.as_str(), inserted.text.as_str()),
        ("insert", "not saved")
    );
}
