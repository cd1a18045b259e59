//! What assistive technology reads.

use super::*;
use crate::content::{Content, Holds, Request, Row};
use crate::geometry::Size;
use crate::i18n::Messages;
use crate::layout::layout;
use crate::text::{Measure, Style};
use crate::view::{Pending, Ui, view};

struct Boxes;

impl Measure for Boxes {
    fn measure(&mut self, _: &str, style: &Style, width: f32) -> Size {
        Size::new(width.min(60.0), style.size)
    }
}

fn row(app: &str, holds: Holds) -> Row {
    Row {
        app: app.to_owned(),
        name: app.to_owned(),
        holds,
        reason: "unsaved".to_owned(),
        responding: true,
        can_show: true,
        ..Row::default()
    }
}

fn update(tree: &mut Tree, rows: Vec<Row>, ui: &Ui, news: &str) -> TreeUpdate {
    let content = Content::Request(Request {
        rows,
        ..Request::default()
    });
    let mut known = |_: &str, _| crate::apps::App::default();
    let view = view(&content, ui, &Messages::new("en"), 0, &mut known);
    let layout = layout(&view, &mut Boxes, Size::new(800.0, 600.0), false, 0.0);
    let names = Names {
        rows: "Applications".to_owned(),
        choices: "Ways".to_owned(),
    };
    tree.update(&Shown {
        view: &view,
        layout: &layout,
        focus: Some(&view.default),
        scale: 2.0,
        news,
        names: &names,
    })
}

fn node(update: &TreeUpdate, id: NodeId) -> &Node {
    &update.nodes.iter().find(|(n, _)| *n == id).unwrap().1
}

/// The tree as lines, each as deep as it stands.
fn text(update: &TreeUpdate) -> String {
    fn write(update: &TreeUpdate, id: NodeId, depth: usize, out: &mut String) {
        let node = node(update, id);
        let name = node.label().or(node.value()).unwrap_or_default();
        let more = node.description().unwrap_or_default();
        let focus = if update.focus == id { " *" } else { "" };
        *out += &format!(
            "{}{:?} {name:?} {more:?}{focus}\n",
            "  ".repeat(depth),
            node.role()
        );
        for child in node.children() {
            write(update, *child, depth + 1, out);
        }
    }
    let mut out = String::new();
    write(update, ROOT, 0, &mut out);
    out
}

#[test]
fn everything_has_its_role_its_name_and_its_description() {
    let rows = vec![
        row("gedit", Holds::Inhibitor),
        row("burner", Holds::Refusal),
    ];
    let update = update(&mut Tree::default(), rows, &Ui::default(), "gedit: unsaved");
    assert_eq!(
        text(&update),
        r#"Window "Logging off" "2 applications hold this up."
  Heading "Logging off" ""
  Label "2 applications hold this up." ""
  List "Applications" ""
    ListItem "gedit" "unsaved"
      Button "Show gedit" ""
      Button "End gedit" ""
    ListItem "burner" "unsaved"
      Button "Show burner" ""
      Button "End burner" ""
  Button "End all anyway…" ""
  Button "Ask again" ""
  Button "Cancel" "" *
  Label "gedit: unsaved" ""
"#
    );
}

#[test]
fn every_node_is_the_root_or_somebodys_child_exactly_once() {
    for ui in [
        Ui::default(),
        Ui {
            pending: Some(Pending::All),
            ..Ui::default()
        },
        Ui {
            pending: Some(Pending::One("b".to_owned())),
            ..Ui::default()
        },
    ] {
        for rows in [
            Vec::new(),
            vec![row("a", Holds::Window), row("b", Holds::Slow)],
            vec![row("b", Holds::Job)],
        ] {
            let update = update(&mut Tree::default(), rows, &ui, "news");
            let mut ids: Vec<NodeId> = update.nodes.iter().map(|(id, _)| *id).collect();
            ids.sort();
            let mut named: Vec<NodeId> = update
                .nodes
                .iter()
                .flat_map(|(_, n)| n.children().to_vec())
                .chain([ROOT])
                .collect();
            named.sort();
            assert_eq!(ids, named);
            assert!(ids.contains(&update.focus));
        }
    }
}

#[test]
fn what_stays_is_the_same_node_and_what_has_gone_is_forgotten() {
    let mut tree = Tree::default();
    let both = vec![row("a", Holds::Refusal), row("b", Holds::Refusal)];
    let first = update(&mut tree, both, &Ui::default(), "");
    let end_b = tree.ids[&Key::Control(Control::End("b".to_owned()))];
    let end_a = tree.ids[&Key::Control(Control::End("a".to_owned()))];
    let second = update(
        &mut tree,
        vec![row("b", Holds::Refusal)],
        &Ui::default(),
        "",
    );
    assert_eq!(tree.control(end_b), Some(&Control::End("b".to_owned())));
    assert_eq!(tree.control(end_a), None);
    assert!(second.nodes.len() < first.nodes.len());
    for n in 0..1000 {
        update(
            &mut tree,
            vec![row(&n.to_string(), Holds::Refusal)],
            &Ui::default(),
            "",
        );
    }
    assert!(tree.ids.len() < 20 && tree.controls.len() < 20);
}

#[test]
fn every_button_can_be_pressed_from_outside() {
    let update = update(
        &mut Tree::default(),
        vec![row("a", Holds::Refusal)],
        &Ui::default(),
        "",
    );
    let buttons = update
        .nodes
        .iter()
        .filter(|(_, n)| n.role() == Role::Button);
    let mut count = 0;
    for (_, button) in buttons {
        assert!(button.supports_action(Action::Click) && button.supports_action(Action::Focus));
        assert!(button.bounds().is_some_and(|b| b.width() > 100.0));
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn news_and_warnings_are_said_at_once() {
    let ui = Ui {
        pending: Some(Pending::All),
        ..Ui::default()
    };
    let update = update(
        &mut Tree::default(),
        vec![row("a", Holds::Refusal)],
        &ui,
        "news",
    );
    let live: Vec<_> = update
        .nodes
        .iter()
        .filter_map(|(_, n)| Some((n.value()?.to_owned(), n.live()?)))
        .collect();
    assert_eq!(live.len(), 2, "{live:?}");
    assert!(live[0].1 == Live::Assertive && live[1] == ("news".to_owned(), Live::Polite));
}

#[test]
fn marks_of_direction_are_not_read_aloud() {
    assert_eq!(plain("\u{2068}gedit\u{2069} waits"), "gedit waits");
}
