//! The tree: from what is to be seen to named nodes. Pure, but for remembering which node is which,
//! so that what stays on the screen stays the same node.

use std::collections::HashMap;

use accesskit::{Action, Live, Node, NodeId, Rect, Role, TreeId, TreeInfo, TreeUpdate};

use crate::geometry;
use crate::layout::Layout;
use crate::view::{Button, Control, RowView, View};

/// Everything that a tree is made of.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// In words.
    pub view: &'a View,
    /// Where.
    pub layout: &'a Layout,
    /// What has the keyboard's focus.
    pub focus: Option<&'a Control>,
    /// Pixels of the display in a logical pixel.
    pub scale: f32,
    /// What has just changed, to be said aloud.
    pub news: &'a str,
    /// What has no words on the screen.
    pub names: &'a Names,
}

/// Names of what shows none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of the list of applications.
    pub rows: String,
    /// Of the list of ways to end the session.
    pub choices: String,
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Heading,
    Detail(usize),
    Progress,
    Rows,
    Row(String),
    Warning,
    Choices,
    Control(Control),
    News,
}

const ROOT: NodeId = NodeId(0);

/// Which node is which.
#[derive(Debug, Default)]
pub struct Tree {
    ids: HashMap<Key, NodeId>,
    controls: HashMap<NodeId, Control>,
    next: u64,
}

impl Tree {
    /// The control that a node stands for.
    #[must_use]
    pub fn control(&self, node: NodeId) -> Option<&Control> {
        self.controls.get(&node)
    }

    fn id(&mut self, key: Key) -> NodeId {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        self.next += 1;
        let id = NodeId(self.next);
        if let Key::Control(control) = &key {
            self.controls.insert(id, control.clone());
        }
        self.ids.insert(key, id);
        id
    }

    /// The whole tree of what is shown now.
    pub fn update(&mut self, shown: &Shown<'_>) -> TreeUpdate {
        let view = shown.view;
        let mut nodes: Vec<(NodeId, Node)> = Vec::new();
        let mut children = Vec::new();
        let at = |rect: geometry::Rect| bounds(rect, shown.scale);
        let put = |tree: &mut Self, key: Key, node: Node, nodes: &mut Vec<_>| {
            let id = tree.id(key);
            nodes.push((id, node));
            id
        };

        let mut heading = Node::new(Role::Heading);
        heading.set_label(plain(&view.heading));
        heading.set_level(1);
        heading.set_bounds(at(shown.layout.head));
        children.push(put(self, Key::Heading, heading, &mut nodes));
        for (n, detail) in view.details.iter().enumerate() {
            let mut label = Node::new(Role::Label);
            label.set_value(plain(detail));
            label.set_bounds(at(shown.layout.head));
            children.push(put(self, Key::Detail(n), label, &mut nodes));
        }
        if let Some(progress) = &view.progress {
            let mut bar = Node::new(Role::ProgressIndicator);
            bar.set_label(plain(&progress.text));
            bar.set_min_numeric_value(0.0);
            bar.set_max_numeric_value(number(progress.total));
            bar.set_numeric_value(number(progress.done));
            bar.set_bounds(at(shown.layout.head));
            children.push(put(self, Key::Progress, bar, &mut nodes));
        }
        if !view.rows.is_empty() {
            let rows: Vec<NodeId> = view
                .rows
                .iter()
                .enumerate()
                .map(|(n, row)| {
                    let node = self.row(row, shown.layout.rows.get(n), shown, &mut nodes);
                    put(self, Key::Row(row.app.clone()), node, &mut nodes)
                })
                .collect();
            let mut list = Node::new(Role::List);
            list.set_label(shown.names.rows.as_str());
            list.set_bounds(at(shown.layout.list));
            list.set_children(rows);
            children.push(put(self, Key::Rows, list, &mut nodes));
        }
        if !view.warning.is_empty() {
            let mut warning = Node::new(Role::Label);
            warning.set_value(plain(&view.warning));
            warning.set_live(Live::Assertive);
            children.push(put(self, Key::Warning, warning, &mut nodes));
        }
        if !view.choices.is_empty() {
            let choices = self.buttons(&view.choices, shown, &mut nodes);
            let mut list = Node::new(Role::Group);
            list.set_label(shown.names.choices.as_str());
            list.set_children(choices);
            children.push(put(self, Key::Choices, list, &mut nodes));
        }
        let buttons = self.buttons(&view.buttons, shown, &mut nodes);
        children.extend(buttons);
        if !shown.news.is_empty() {
            // It has no place: it is only said.
            let mut news = Node::new(Role::Label);
            news.set_value(plain(shown.news));
            news.set_live(Live::Polite);
            children.push(put(self, Key::News, news, &mut nodes));
        }

        let mut root = Node::new(Role::Window);
        root.set_label(plain(&view.heading));
        root.set_description(plain(&view.details.join(" ")));
        root.set_bounds(at(geometry::Rect::new(
            0.0,
            0.0,
            shown.layout.size.width,
            shown.layout.size.height,
        )));
        root.set_children(children);
        nodes.push((ROOT, root));
        self.forget_all_but(&nodes);
        let focus = shown.focus.map(|focus| Key::Control(focus.clone()));
        let focus = focus.and_then(|key| self.ids.get(&key));
        TreeUpdate {
            focus: focus.copied().unwrap_or(ROOT),
            nodes,
            tree: Some(TreeInfo {
                toolkit_name: Some("endsession".to_owned()),
                toolkit_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                ..TreeInfo::new(ROOT)
            }),
            tree_id: TreeId::ROOT,
        }
    }

    fn row(
        &mut self,
        row: &RowView,
        place: Option<&geometry::Rect>,
        shown: &Shown<'_>,
        nodes: &mut Vec<(NodeId, Node)>,
    ) -> Node {
        let mut node = Node::new(Role::ListItem);
        node.set_label(plain(&row.name));
        let parts = [row.why.as_str(), row.note.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        node.set_description(plain(&parts.join(". ")));
        if row.warns {
            node.set_live(Live::Assertive);
        }
        if let Some(place) = place {
            node.set_bounds(bounds(*place, shown.scale));
        }
        // In the strip its buttons stand among the others.
        let seen = |b: &&Button| {
            shown
                .layout
                .target(&b.control)
                .is_some_and(|t| t.row.is_some())
        };
        let buttons: Vec<Button> = row.buttons.iter().filter(seen).cloned().collect();
        node.set_children(self.buttons(&buttons, shown, nodes));
        node
    }

    fn buttons(
        &mut self,
        buttons: &[Button],
        shown: &Shown<'_>,
        nodes: &mut Vec<(NodeId, Node)>,
    ) -> Vec<NodeId> {
        let ids = buttons.iter().map(|button| {
            let mut node = Node::new(Role::Button);
            node.set_label(plain(button.accessible_name()));
            if !button.description.is_empty() {
                node.set_description(plain(&button.description));
            }
            node.add_action(Action::Click);
            node.add_action(Action::Focus);
            if let Some(target) = shown.layout.target(&button.control) {
                node.set_bounds(bounds(target.place, shown.scale));
            }
            let id = self.id(Key::Control(button.control.clone()));
            nodes.push((id, node));
            id
        });
        ids.collect()
    }

    /// What has gone is forgotten, so that applications that come and go do not fill us up.
    fn forget_all_but(&mut self, nodes: &[(NodeId, Node)]) {
        let there: std::collections::HashSet<NodeId> = nodes.iter().map(|(id, _)| *id).collect();
        self.ids.retain(|_, id| there.contains(id));
        self.controls.retain(|id, _| there.contains(id));
    }
}

/// Without the marks that isolate what stands in a text: a speech synthesiser may name them.
fn plain(text: &str) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

fn bounds(rect: geometry::Rect, scale: f32) -> Rect {
    let at = |v: f32| f64::from(v * scale);
    Rect::new(at(rect.x), at(rect.y), at(rect.right()), at(rect.bottom()))
}

#[allow(clippy::cast_precision_loss, reason = "numbers of applications")]
fn number(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
