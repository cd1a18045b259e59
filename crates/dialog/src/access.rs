//! The same dialog for assistive technology: a tree of named things over AT-SPI (through AccessKit),
//! every action of which can be invoked from outside.
//!
//! AccessKit calls from threads of its own while it holds a lock that its calls take, so it gets a
//! thread here too: the dialog sends it trees and hears of presses, and never waits for it.

mod tree;

use accesskit::{
    Action, ActionHandler, ActionRequest, ActivationHandler, DeactivationHandler, NodeId,
    TreeUpdate,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::geometry::{Point, Size};
use crate::view::Control;

pub use tree::{Names, Shown, Tree};

/// What assistive technology wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// It has begun to look: send it a tree.
    Tree,
    /// Press this.
    Press(Control),
    /// Give this the keyboard's focus.
    Focus(Control),
}

/// What the adapter's thread hears.
enum Order {
    Update(Box<TreeUpdate>),
    Focused(bool),
    Bounds(Point, Size),
}

/// The dialog's end.
#[derive(Debug)]
pub struct Access {
    tree: Tree,
    orders: std::sync::mpsc::Sender<Order>,
    heard: UnboundedReceiver<Heard>,
    active: bool,
}

enum Heard {
    Activated,
    Deactivated,
    Action(Action, NodeId),
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Activated => f.write_str("Activated"),
            Self::Deactivated => f.write_str("Deactivated"),
            Self::Action(action, node) => write!(f, "Action({action:?}, {node:?})"),
        }
    }
}

impl Access {
    /// Offers the dialog on the accessibility bus of the session bus that the environment names.
    /// Costs a thread and a connection until somebody looks.
    #[must_use]
    pub fn start() -> Self {
        let (orders, ordered) = std::sync::mpsc::channel();
        let (hear, heard) = unbounded_channel();
        let thread = std::thread::Builder::new().name("accessibility".to_owned());
        let spawned = thread.spawn(move || serve(&ordered, hear));
        if let Err(error) = spawned {
            tracing::warn!("screen readers cannot read the dialog: no thread ({error})");
        }
        Self {
            tree: Tree::default(),
            orders,
            heard,
            active: false,
        }
    }

    /// Whether anybody looks; while nobody does nothing has to be shown.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// What is to be seen has changed.
    pub fn show(&mut self, shown: &Shown<'_>) {
        if self.active {
            let update = self.tree.update(shown);
            self.order(Order::Update(Box::new(update)));
        }
    }

    /// The window has the keyboard, or no longer.
    pub fn set_focused(&mut self, focused: bool) {
        self.order(Order::Focused(focused));
    }

    /// Where the window is, in pixels of the display.
    pub fn set_bounds(&mut self, origin: Point, size: Size) {
        self.order(Order::Bounds(origin, size));
    }

    fn order(&self, order: Order) {
        // Without a thread nobody looks.
        let _nobody_looks = self.orders.send(order);
    }

    /// What assistive technology wants next. Cancel-safe.
    pub async fn next(&mut self) -> Wish {
        loop {
            match self.heard.recv().await {
                None => std::future::pending().await,
                Some(Heard::Activated) => {
                    self.active = true;
                    self.tree = Tree::default();
                    return Wish::Tree;
                }
                Some(Heard::Deactivated) => self.active = false,
                Some(Heard::Action(action, node)) => {
                    let Some(control) = self.tree.control(node).cloned() else {
                        continue;
                    };
                    match action {
                        Action::Click => return Wish::Press(control),
                        Action::Focus => return Wish::Focus(control),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// AccessKit's end.
struct Ears(UnboundedSender<Heard>);

impl Ears {
    fn hear(&self, heard: Heard) {
        let _the_dialog_has_closed = self.0.send(heard);
    }
}

impl ActivationHandler for Ears {
    fn request_initial_tree(&mut self) -> Option<TreeUpdate> {
        // It comes as the first update: what is shown is on the other thread.
        self.hear(Heard::Activated);
        None
    }
}

impl DeactivationHandler for Ears {
    fn deactivate_accessibility(&mut self) {
        self.hear(Heard::Deactivated);
    }
}

impl ActionHandler for Ears {
    fn do_action(&mut self, request: ActionRequest) {
        self.hear(Heard::Action(request.action, request.target_node));
    }
}

fn serve(ordered: &std::sync::mpsc::Receiver<Order>, hear: UnboundedSender<Heard>) {
    let ears = || Ears(hear.clone());
    let mut adapter = accesskit_unix::Adapter::new(ears(), ears(), ears());
    while let Ok(order) = ordered.recv() {
        match order {
            Order::Update(update) => adapter.update_if_active(|| *update),
            Order::Focused(focused) => adapter.update_window_focus_state(focused),
            Order::Bounds(origin, size) => {
                let (x, y) = (f64::from(origin.x), f64::from(origin.y));
                let bounds = accesskit::Rect::new(
                    x,
                    y,
                    x + f64::from(size.width),
                    y + f64::from(size.height),
                );
                adapter.set_root_window_bounds(bounds, bounds);
            }
        }
    }
}
